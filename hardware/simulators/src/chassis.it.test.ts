import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from "vitest";
import { ConsoleProbe } from "./console-probe.js";
import { BIOS_PEERS, mustSkip } from "./peers.js";
import { QmpProbe } from "./qmp-probe.js";
import type { Edge } from "./slot-api.js";
import { isRunning, startChassis, type Simulator } from "./spawn.js";

const skip = mustSkip("chassis with bios guests", BIOS_PEERS);
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

let dir: string;
let chassis: Simulator;
let since = 0;
const open: { close(): void }[] = [];

/** Slot 1 obeys its button, slot 2 ignores it. */
const SLOTS = [{ flavour: "bios-acpi" }, { flavour: "bios" }] as const;

async function qmp(slot: number): Promise<QmpProbe> {
  const probe = await QmpProbe.open(join(dir, `slot-${slot}.qmp`), soon());
  open.push(probe);
  return probe;
}

async function uart(slot: number): Promise<ConsoleProbe> {
  const probe = await ConsoleProbe.open(join(dir, `slot-${slot}.uart`), soon());
  open.push(probe);
  return probe;
}

/** Switches on, and waits until the guest stands in its loop. */
async function booted(
  slot: number,
): Promise<{ line: ConsoleProbe; monitor: QmpProbe; pid: number }> {
  const line = await uart(slot);
  const { pid } = await chassis.client.supply(slot, true);
  await line.expect(/Outrider boot \d+ at \d\d:\d\d:\d\d\r\n/, soon());
  return { line, monitor: await qmp(slot), pid: pid ?? 0 };
}

const edgesOf = async (slot: number): Promise<string[]> =>
  (await chassis.client.edges({ since, slot })).map((e) => `${e.edge}/${e.cause}`);
const edge = (name: Edge["edge"]): Promise<Edge> =>
  chassis.client.waitForEdge((e) => e.edge === name, soon(), since);

const bareQemu = (name: string): ChildProcess =>
  spawn("qemu-system-x86_64", ["-M", "none", "-nodefaults", "-display", "none", "-name", name]);

describe.skipIf(skip)("chassis with bios guests", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "chassis-"));
    chassis = await startChassis({ dir, slots: SLOTS });
  });
  afterAll(async () => {
    await chassis.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const it of open.splice(0)) it.close();
    for (const slot of [1, 2]) {
      await chassis.client.faults(slot, {});
      await chassis.client.supply(slot, false);
    }
    since = (await chassis.client.edges()).at(-1)?.seq ?? 0;
  });

  test("the supply is the process: on starts it, off ends it, again does nothing", async () => {
    const { pid, monitor } = await booted(1);
    expect(isRunning(pid)).toBe(true);
    expect(await monitor.status()).toBe("running");
    expect(await chassis.client.supply(1, true)).toMatchObject({
      pid,
      supply: "on",
      host: "running",
    });
    const off = await chassis.client.supply(1, false);
    expect(off).toEqual({
      slot: 1,
      supply: "off",
      host: "off",
      flavour: "bios-acpi",
      drawWatts: 0,
    });
    expect(isRunning(pid)).toBe(false);
    await monitor.closed;
    await chassis.client.supply(1, false);
    expect(await edgesOf(1)).toEqual(["supply-on/api", "supply-off/api"]);
  });

  test("while the supply is off, QMP connections are taken and closed without a word", async () => {
    const socket = connect(join(dir, "slot-1.qmp"));
    const said = await new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (bytes: Buffer) => (text += bytes.toString()));
      socket.on("close", () => resolve(text));
    });
    expect(said).toBe("");
  });

  test("the console stays through power cycles, and the disk counts the boots", async () => {
    const line = await uart(1);
    const counts: number[] = [];
    for (let cycle = 0; cycle < 2; cycle += 1) {
      await chassis.client.supply(1, true);
      counts.push(Number((await line.expect(/Outrider boot (\d+) at/, soon()))[1]));
      await chassis.client.supply(1, false);
    }
    expect((counts[1] ?? 0) - (counts[0] ?? 0)).toBe(1);
    const log = readFileSync(join(dir, "slot-1.console.log"), "utf8");
    for (const count of counts) expect(log).toContain(`Outrider boot ${count} at`);
  });

  test("a second reader of a console waits until the first has left", async () => {
    const { line: first } = await booted(1);
    const second = await uart(1);
    second.type("y");
    first.type("x");
    await first.expect(/x/, soon());
    expect([first.text.includes("y"), second.text]).toEqual([false, ""]);
    first.close();
    await second.expect(/y/, soon());
  });

  test("the button, by QMP or by the slot API, lets the guest halt; pressed again it wakes it", async () => {
    const { monitor, line, pid } = await booted(1);
    await monitor.execute("system_powerdown");
    expect(await monitor.event("SHUTDOWN", soon())).toMatchObject({ data: { guest: true } });
    expect(await monitor.status()).toBe("shutdown");
    const halted = await chassis.client.get(1);
    expect(halted).toMatchObject({ supply: "on", host: "halted", drawWatts: 1, pid });
    expect(await chassis.client.button(1)).toMatchObject({ supply: "on", host: "running", pid });
    await line.expect(/Outrider boot \d+ at/, soon());
    expect((await chassis.client.get(1)).bootId).not.toBe(halted.bootId);
    await line.expect(/\r\n/, soon());
    await chassis.client.button(1);
    await chassis.client.waitForEdge(
      (e) => e.edge === "halted" && e.cause === "guest",
      soon(),
      since + 4,
    );
    await monitor.execute("system_powerdown");
    expect(await monitor.status()).toBe("running");
    expect(await edgesOf(1)).toEqual([
      "supply-on/api",
      "press/api",
      "halted/guest",
      "press/api",
      "press/api",
      "halted/guest",
      "press/api",
    ]);
  });

  test("a guest that ignores its button runs on; four seconds of holding halt it, and only a reset or a press start it", async () => {
    const { monitor, line } = await booted(2);
    await chassis.client.button(2, { holdMs: 500 });
    line.type("x");
    await line.expect(/x/, soon());
    expect(await monitor.status()).toBe("running");
    expect(await chassis.client.button(2, { holdMs: 4000 })).toMatchObject({
      supply: "on",
      host: "halted",
    });
    expect(await monitor.status()).toBe("shutdown");
    await expect(monitor.execute("cont")).rejects.toMatchObject({ qmpClass: "GenericError" });
    await monitor.execute("system_reset");
    await line.expect(/Outrider boot/, soon());
    expect(await monitor.status()).toBe("running");
    expect(await edgesOf(2)).toEqual([
      "supply-on/api",
      "press/api",
      "press/api",
      "halted/api",
      "reset/api",
    ]);
  });

  test("a button whose wire is cut is pressed in vain", async () => {
    const { monitor, line } = await booted(1);
    await chassis.client.faults(1, { ignoreButton: true });
    await chassis.client.button(1);
    await chassis.client.faults(1, {});
    line.type("x");
    await line.expect(/x/, soon());
    expect(await monitor.status()).toBe("running");
    expect(monitor.events.map((e) => e.event)).not.toContain("POWERDOWN");
    expect(await edgesOf(1)).toEqual(["supply-on/api", "press/api"]);
  });

  test("a reset is one edge, whatever the firmware resets of its own", async () => {
    const { monitor, line } = await booted(2);
    const before = await chassis.client.get(2);
    await monitor.execute("system_reset");
    await line.expect(/Outrider boot/, soon());
    const after = await chassis.client.get(2);
    expect(after.pid).toBe(before.pid);
    expect(after.bootId).not.toBe(before.bootId);
    expect(await edgesOf(2)).toEqual(["supply-on/api", "reset/api"]);
  });

  test("what the guest does by itself is its own edge: restart, halt, panic", async () => {
    const { monitor, line } = await booted(2);
    line.type("r");
    await line.expect(/Outrider boot \d+ at \S+\r\n/, soon());
    line.type("h");
    await edge("halted");
    expect(await chassis.client.get(2)).toMatchObject({ supply: "on", host: "halted" });
    await monitor.execute("system_reset");
    await line.expect(/Outrider boot \d+ at \S+\r\n/, soon());
    line.type("p");
    await edge("panicked");
    expect(await chassis.client.get(2)).toMatchObject({ supply: "on", host: "panicked" });
    expect(await monitor.status()).toBe("guest-panicked");
    await monitor.execute("system_reset");
    await line.expect(/Outrider boot/, soon());
    expect(await edgesOf(2)).toEqual([
      "supply-on/api",
      "guest-reset/guest",
      "halted/guest",
      "reset/api",
      "panicked/guest",
      "reset/api",
    ]);
  });

  test("an NMI reaches the guest, which panics", async () => {
    const { monitor } = await booted(2);
    await monitor.execute("inject-nmi");
    await monitor.event("GUEST_PANICKED", soon());
    expect(await edgesOf(2)).toEqual(["supply-on/api", "nmi/api", "panicked/guest"]);
  });

  test("a QEMU killed from outside is a brown-out; the relay is off then", async () => {
    const { pid, monitor } = await booted(1);
    process.kill(pid, "SIGKILL");
    expect(await edge("brown-out")).toMatchObject({ slot: 1, cause: "outside" });
    await monitor.closed;
    expect(await chassis.client.get(1)).toMatchObject({ supply: "off", host: "off", drawWatts: 0 });
    for (const it of open.splice(0)) it.close();
    await booted(1);
    expect(await chassis.client.brownOut(1)).toMatchObject({ supply: "off" });
    expect(await edgesOf(1)).toEqual([
      "supply-on/api",
      "brown-out/outside",
      "supply-on/api",
      "brown-out/outside",
    ]);
  });

  test("clients of one monitor keep their own ids and all see events", async () => {
    const { monitor: first } = await booted(1);
    const second = await qmp(1);
    const [a, b] = await Promise.all([first.execute("query-name"), second.execute("query-uuid")]);
    expect(a).toMatchObject({ name: expect.stringContaining("slot-1") as string });
    expect(b).toHaveProperty("UUID");
    await expect(second.execute("no-such-command")).rejects.toMatchObject({
      qmpClass: "CommandNotFound",
    });
    await expect(first.execute("quit")).rejects.toMatchObject({ qmpClass: "GenericError" });
    await first.execute("stop");
    await second.event("STOP", soon());
    expect(await chassis.client.get(1)).toMatchObject({ host: "paused" });
    await second.execute("cont");
    await first.event("RESUME", soon());
    expect(await chassis.client.get(1)).toMatchObject({ host: "running" });
  });

  test("faults: refusals, a welded relay, silence", async () => {
    const { client } = chassis;
    await client.faults(1, { refuseOn: 1 });
    await expect(client.supply(1, true)).rejects.toMatchObject({ code: "refused" });
    const { monitor, pid } = await booted(1);
    await client.faults(1, { stuckOn: true });
    expect(await client.supply(1, false)).toMatchObject({ supply: "on", pid });
    await client.faults(1, { silent: true });
    await expect(client.get(1, AbortSignal.timeout(200))).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const unheard = monitor.execute("system_reset");
    unheard.catch(() => {});
    await client.faults(2, {});
    expect(await edgesOf(1)).toEqual(["supply-on/api"]);
    await client.faults(1, {});
    await expect(client.reset(1)).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe.skipIf(skip)("life of a chassis", { timeout: 60_000 }, () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "chassis-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  test("its machines end with it, in order or killed; the next one books the loss", async () => {
    const first = await startChassis({ dir: home, slots: SLOTS });
    const one = await first.client.supply(1, true);
    await first.stop();
    expect(isRunning(one.pid ?? 0)).toBe(false);

    const second = await startChassis({ dir: home, slots: SLOTS });
    const two = await second.client.supply(2, true);
    process.kill(second.pid, "SIGKILL");
    await second.stop();
    const third = await startChassis({ dir: home, slots: SLOTS });
    expect(isRunning(two.pid ?? 0)).toBe(false);
    expect((await third.client.slots()).map((s) => s.supply)).toEqual(["off", "off"]);
    expect((await third.client.edges()).map((e) => `${e.slot} ${e.edge}`)).toEqual([
      "1 supply-on",
      "1 supply-off",
      "2 supply-on",
      "2 brown-out",
    ]);
    await third.stop();
  });

  test("a killed chassis takes its machines along", async () => {
    const it = await startChassis({ dir: home, slots: SLOTS });
    const { pid } = await it.client.supply(1, true);
    const monitor = await QmpProbe.open(join(home, "slot-1.qmp"), soon());
    process.kill(it.pid, "SIGKILL");
    await monitor.closed;
    await it.stop();
    await expect.poll(() => isRunning(pid ?? 0), { timeout: 10_000, interval: 10 }).toBe(false);
  });

  test("a machine left behind is found and ended, another directory's is not", async () => {
    const ours = bareQemu(`guest=${home}/slot-7`);
    const others = bareQemu(`guest=${home}-b/slot-1`);
    onTestFinished(() => {
      ours.kill("SIGKILL");
      others.kill("SIGKILL");
    });
    await Promise.all([once(ours, "spawn"), once(others, "spawn")]);
    const ended = once(ours, "exit");
    await using _ = await startChassis({ dir: home, slots: SLOTS });
    expect(await ended).toEqual([null, "SIGKILL"]);
    expect(isRunning(others.pid ?? 0)).toBe(true);
  });
});
