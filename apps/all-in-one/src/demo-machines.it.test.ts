import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SlotClient, isRunning } from "@outrider/simulators/spawn";
import { startProgram } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDemoMachines } from "./demo-machines.js";

const KEEP = { keep: true, virtualMachine: false };
const OWN = { keep: false, virtualMachine: false };

let folder: TempDir;

beforeEach(async () => {
  folder = await tempDir();
});

afterEach(async () => {
  // Whatever a failed test left running.
  const { close } = await openDemoMachines(folder.path, OWN);
  await close();
  await folder.remove();
});

async function pid(): Promise<number> {
  const trace = JSON.parse(await readFile(join(folder.path, "rack.json"), "utf8")) as {
    pid: number;
  };
  return trace.pid;
}

async function supplies(listen: string): Promise<string[]> {
  const client = new SlotClient(listen);
  try {
    return (await client.slots()).map(({ supply }) => supply);
  } finally {
    client.close();
  }
}

describe("the demonstration's machines", () => {
  it("are a process of their own that ends with the demonstration", async () => {
    const machines = await openDemoMachines(folder.path, OWN);
    expect(await supplies(machines.rack)).toEqual(["on", "off", "on", "on"]);
    const rack = await pid();
    expect(isRunning(rack)).toBe(true);
    await machines.close();
    expect(isRunning(rack)).toBe(false);
  });

  it("go on when told so, are found again as they were left, and end when not told so again", async () => {
    const first = await openDemoMachines(folder.path, KEEP);
    const client = new SlotClient(first.rack);
    await client.supply(1, false);
    client.close();
    const rack = await pid();
    await first.close();
    expect(isRunning(rack)).toBe(true);
    const second = await openDemoMachines(folder.path, OWN);
    expect(second.found).toBe(true);
    expect(await supplies(second.rack)).toEqual(["off", "off", "on", "on"]);
    await second.close();
    expect(isRunning(rack)).toBe(false);
  });

  it("of a process that was killed end by themselves, and the next start waits for that", async () => {
    const script = `import { openDemoMachines } from ${JSON.stringify(import.meta.resolve("./demo-machines.js"))};
      await openDemoMachines(${JSON.stringify(folder.path)}, ${JSON.stringify(OWN)});
      console.log('{"ready":true}'); setInterval(() => {}, 1000);`;
    const owner = await startProgram(process.execPath, {
      args: ["--input-type=module", "-e", script],
    });
    const before = await pid();
    await owner.kill("SIGKILL");
    const machines = await openDemoMachines(folder.path, OWN);
    expect(machines.found).toBe(false);
    expect(isRunning(before)).toBe(false);
    await eventually(
      "the new rack answers",
      async () => (await supplies(machines.rack)).length === 4,
    );
    await machines.close();
  });
});
