import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startNode, startProgram } from "./child.js";
import { eventually } from "./eventually.js";
import { tempDir, type TempDir } from "./temp-dir.js";

let folder: TempDir;
let program: string;

/** Whether a process is there; a zombie is not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  folder = await tempDir();
  program = join(folder.path, "program.mjs");
  await writeFile(
    program,
    `console.log("first a line that is not JSON");
     console.log(JSON.stringify({ ready: true, word: process.env.WORD, home: process.env.HOME, args: process.argv.slice(2) }));
     console.error("to the standard error");
     if (process.argv[2] === "crash") process.exit(3);
     process.on("SIGTERM", () => process.exit(7));
     setInterval(() => {}, 1000);`,
  );
});
afterAll(() => folder.remove());

test("runs a program with its environment, hears that it is ready, and ends it by its pid", async () => {
  const child = await startNode(program, {
    args: ["one"],
    env: { WORD: "given", HOME: undefined },
  });
  expect(child.ready).toEqual({ ready: true, word: "given", args: ["one"] });
  await eventually("the standard error is there", () => child.stderr().includes("to the standard"));
  expect(child.lines[0]).toBe("first a line that is not JSON");
  expect(child.running).toBe(true);
  await child.kill("SIGTERM");
  expect(await child.exited).toEqual({ code: 7, signal: null });
  expect(isAlive(child.pid)).toBe(false);
  await child.kill();
});

test("disposing kills", async () => {
  let pid: number;
  {
    await using child = await startNode(program);
    pid = child.pid;
    expect(isAlive(pid)).toBe(true);
  }
  expect(isAlive(pid)).toBe(false);
});

test("a program that is not there, ends too early or is never ready is an error with its words", async () => {
  await expect(startProgram("/no/such/program")).rejects.toThrow(/ENOENT/);
  const dying = startProgram("sh", { args: ["-c", "echo why >&2; exit 4"] });
  await expect(dying).rejects.toThrow(/before it was ready \(4\):\nwhy/);
  const silent = startProgram("sh", {
    args: ["-c", "echo hm >&2; exec sleep 60"],
    readyWithinMs: 300,
  });
  await expect(silent).rejects.toThrow(/not ready within 300 ms:\nhm/);
});

test.each([
  ["ends", "process.exit(0);"],
  ["is killed", 'process.kill(process.pid, "SIGKILL");'],
])("a test that %s without disposing leaves no process behind", async (how, end) => {
  const parent = join(folder.path, `parent-that-${how.replace(" ", "-")}.mjs`);
  await writeFile(
    parent,
    `import { startNode } from ${JSON.stringify(import.meta.resolve("./child.js"))};
     const child = await startNode(${JSON.stringify(program)});
     console.log(JSON.stringify({ ready: true, pid: child.pid }));
     ${end}`,
  );
  const child = await startNode(parent);
  await child.exited;
  const pid = Number(child.ready["pid"]);
  await eventually("the grandchild is gone", () => !isAlive(pid));
  expect(pid).toBeGreaterThan(0);
});
