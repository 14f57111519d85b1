import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Child } from "./testing/child.js";

const CHILD = fileURLToPath(new URL("testing/failpoint-child.js", import.meta.url));
const EVERYTHING = ["one 1", "two 1", "one 2", "two 2", "one 3", "two 3", "end"];

describe("a process with failpoints", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "outrider-failpoint-"));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it.each([undefined, ""])("runs through when the variable is %j", async (value) => {
    await using child = Child.node(CHILD, [], { OUTRIDER_FAILPOINT: value });
    expect(await child.ended()).toBe(0);
    expect(child.lines).toEqual(EVERYTHING);
  });

  it.each([
    ["child.two", ["one 1"]],
    ["child.two:kill", ["one 1"]],
    ["child.one#3", ["one 1", "two 1", "one 2", "two 2"]],
    ["child.one#9,child.two#2", ["one 1", "two 1", "one 2"]],
  ])("is killed at %s", async (setting, said) => {
    await using child = Child.node(CHILD, [], { OUTRIDER_FAILPOINT: setting });
    expect(await child.ended()).toBe("SIGKILL");
    expect(child.lines.filter((line) => !line.startsWith("OUTRIDER"))).toEqual(said);
  });

  it("stops, and goes on when it is told to", async () => {
    const file = join(dir, "stopped");
    await using child = Child.node(CHILD, [], { OUTRIDER_FAILPOINT: `child.two#2:stop:${file}` });
    await child.said("one 2");
    await expect.poll(() => stateOf(child.pid), { timeout: 20_000 }).toBe("T");
    expect(await readFile(file, "utf8")).toBe(`${child.pid}\n`);
    expect(child.lines.at(-1)).toBe("one 2");
    child.process.kill("SIGCONT");
    expect(await child.ended()).toBe(0);
    expect(child.lines.slice(-EVERYTHING.length)).toEqual(EVERYTHING);
  });

  it.each([
    ["child.three", /no failpoint child\.three here; there are: child\.one, child\.two/],
    ["child.one,child.tow", /no failpoint child\.tow/],
    ["child.one:explode", /is no <name>/],
  ])("refuses to start with %s", async (setting, message) => {
    await using child = Child.node(CHILD, [], { OUTRIDER_FAILPOINT: setting });
    expect(await child.ended()).toBe(64);
    expect(child.lines.join("\n")).toMatch(message);
    expect(child.lines).not.toContain("one 1");
  });

  it("refuses to pass a point that it has not declared", async () => {
    await using child = Child.node(CHILD, ["child.forgotten"], {
      OUTRIDER_FAILPOINT: "child.one#9",
    });
    expect(await child.ended()).toBe(64);
    expect(child.lines).not.toContain("end");
  });
});

/** The one-letter state of a process, proc(5). */
async function stateOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2)[0];
}
