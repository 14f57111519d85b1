import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isRunning, startRack, type Simulator } from "@outrider/simulators/spawn";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MAIN = new URL("./main.js", import.meta.url);
const SPLIT = new URL("./split-main.js", import.meta.url);
const CLI = fileURLToPath(new URL("../../cli/bin/outrider.mjs", import.meta.url));

let folder: TempDir;
let rack: Simulator;
let site: Child;

beforeEach(async () => {
  folder = await tempDir();
  rack = await startRack({ dir: join(folder.path, "rack"), slots: 1 });
  await rack.client.supply(1, true);
});

afterEach(async () => {
  // Not by force: that would leave its parts behind.
  await site?.kill("SIGTERM");
  await rack.stop();
  await folder.remove();
});

async function start(program: URL, dwell: string): Promise<void> {
  const file = join(folder.path, "site.yaml");
  const options = JSON.stringify({ socket: rack.listen, slot: 1 });
  await writeFile(
    file,
    [
      "site: lab",
      "agents: { rack-a: {} }",
      "nodes:",
      "  n1:",
      `    dwell: ${dwell}`,
      `    power: { agent: rack-a, driver: simulated, options: ${options} }`,
      `    console: { agent: rack-a, driver: simulated, options: ${options} }`,
    ].join("\n"),
  );
  site = await startNode(program, {
    env: {
      OUTRIDER_SITE: file,
      OUTRIDER_AGENTS: "rack-a",
      OUTRIDER_DATA: data(),
      OUTRIDER_MQTT_PORT: "0",
      OUTRIDER_SSH_PORT: "0",
      OUTRIDER_CONSOLE_LINK_PORT: "0",
      OUTRIDER_HTTP_PORT: "0",
    },
    readyWithinMs: 60_000,
  });
  const secret = join(data(), "secrets", "person-operator");
  const webUrl = String(site.ready["webUrl"]);
  const login = ["login", "operator", webUrl, "--password-stdin"];
  expect(await outriderWith(await readFile(secret, "utf8"), login)).toBe(0);
}

const data = (): string => join(folder.path, "data");

/** The command line's exit code. It is waited for without blocking, so that the connection to the rack stays alive. */
function outrider(...args: string[]): Promise<number> {
  return outriderWith("", args);
}

async function outriderWith(input: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: {
      ...process.env,
      XDG_CONFIG_HOME: folder.path,
    },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.end(input);
  const [code] = (await once(child, "exit")) as [number];
  return code;
}

/** Asks for a cycle, whatever is heard of it, and resolves when the supply is off. */
async function cycleUntilOff(): Promise<number> {
  // Its result is waited for only so long; the cycle goes on.
  await outrider("power", "cycle", "n1", "--timeout", "1s");
  const { seq } = await rack.client.waitForEdge(({ edge }) => edge === "supply-off", within());
  return seq;
}

const suppliesSince = async (seq: number): Promise<string[]> =>
  (await rack.client.edges({ slot: 1, since: seq - 1 }))
    .map(({ edge }) => edge)
    .filter((edge) => edge.startsWith("supply-"));

const parts = (): Record<string, number> => site.ready["parts"] as Record<string, number>;

async function killPart(name: string): Promise<void> {
  process.kill(parts()[name] ?? 0, "SIGKILL");
  await eventually(`${name} serves again`, () => site.stderr().includes(" serves again"));
  expect(site.stderr()).toContain(
    `outrider: ${name} (process ${parts()[name]}) ended with SIGKILL; it is started again in 1 s`,
  );
  for (const [other, pid] of Object.entries(parts())) expect(isRunning(pid)).toBe(other !== name);
}

describe("a part that is killed", () => {
  it("agent, in the middle of a cycle: the supply is on again without anybody's help", async () => {
    await start(SPLIT, "6s");
    const off = await cycleUntilOff();
    await killPart("agent-rack-a");
    await rack.client.waitForEdge(({ edge }) => edge === "supply-on", within(), off);
    expect(await suppliesSince(off)).toEqual(["supply-off", "supply-on"]);
  });

  it("power, in the middle of a cycle: the agent goes on, and the next command is carried out", async () => {
    await start(SPLIT, "6s");
    const off = await cycleUntilOff();
    await killPart("power");
    await rack.client.waitForEdge(({ edge }) => edge === "supply-on", within(), off);
    await eventually(
      "a command is carried out",
      async () => (await outrider("power", "off", "n1")) === 0,
    );
    expect(await suppliesSince(off)).toEqual(["supply-off", "supply-on", "supply-off"]);
  });

  it("console: its agent finds the new one, which has what was said meanwhile (P8)", async () => {
    await start(SPLIT, "500ms");
    process.kill(parts()["console"] ?? 0, "SIGKILL");
    // A boot that nobody but the agent hears.
    expect(await outrider("power", "cycle", "n1")).toBe(0);
    await eventually("it serves again", () => site.stderr().includes("serves again"));
    await eventually(
      "what the machine said in between can be found",
      async () => (await outrider("console", "search", "login:", "n1")) === 0,
    );
  });

  it("broker, in the middle of a cycle: the agent goes on, and everybody finds the new one", async () => {
    await start(SPLIT, "6s");
    const off = await cycleUntilOff();
    await killPart("broker");
    await rack.client.waitForEdge(({ edge }) => edge === "supply-on", within(), off);
    await eventually(
      "a command is carried out",
      async () => (await outrider("power", "off", "n1")) === 0,
    );
    expect(await suppliesSince(off)).toEqual(["supply-off", "supply-on", "supply-off"]);
  });
});

describe.each([
  ["one process", MAIN],
  ["processes of their own", SPLIT],
])("being told to end, as %s", (_, program) => {
  it("in the middle of a cycle waits until the supply is on again", async () => {
    // Longer than other parts may take to end, shorter than an agent may.
    await start(program, "13s");
    const off = await cycleUntilOff();
    await site.kill("SIGTERM");
    expect(await site.exited).toEqual({ code: 0, signal: null });
    expect(site.stderr()).not.toContain("killed");
    expect(await suppliesSince(off)).toEqual(["supply-off", "supply-on"]);
  });
});
