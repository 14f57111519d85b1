import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ConsoleProbe } from "./console-probe.js";
import { fileSystemState } from "./data-disk.js";
import { lacksLinuxGuest } from "./lacks-guest.js";
import { QmpProbe } from "./qmp-probe.js";
import { runProgram } from "./run-program.js";
import type { Edge } from "./slot-api.js";
import { startChassis, type Simulator } from "./spawn.js";

const skip = await lacksLinuxGuest("chassis with a Linux guest");
/** A guest boots in seconds of processor time, which on a busy machine are many more of the wall's. */
const soon = (): AbortSignal => AbortSignal.timeout(90_000);

let dir: string;
let chassis: Simulator;
let line: ConsoleProbe;
let monitor: QmpProbe;
let since = 0;

describe.skipIf(skip)("chassis with a Linux guest", { timeout: 200_000 }, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "linux-"));
    chassis = await startChassis({ dir, slots: [{ flavour: "linux" }] });
    line = await ConsoleProbe.open(join(dir, "slot-1.uart"), soon());
  });
  afterAll(async () => {
    line.close();
    await chassis.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    since = (await chassis.client.edges()).at(-1)?.seq ?? 0;
    await chassis.client.supply(1, true);
    await line.expect(/guest: ready/, soon());
    monitor = await QmpProbe.open(join(dir, "slot-1.qmp"), soon());
  });
  afterEach(async () => {
    monitor.close();
    await chassis.client.supply(1, false);
  });

  test("the button shuts the guest down in order: its file system is clean, and wakes it with its data", async () => {
    line.type("write hello\n");
    await line.expect(/guest: written hello/, soon());
    await monitor.execute("system_powerdown");
    expect(await monitor.event("SHUTDOWN", soon())).toMatchObject({ data: { guest: true } });
    expect(await monitor.status()).toBe("shutdown");
    expect(await chassis.client.get(1)).toMatchObject({ supply: "on", host: "halted" });
    expect(await fileSystemState(join(dir, "slot-1.disk"))).toBe("clean");
    await runProgram("e2fsck", ["-fn", join(dir, "slot-1.disk")]);
    await chassis.client.button(1);
    await line.expect(/guest: ready/, soon());
    line.type("read hello\n");
    await line.expect(/guest: hello has hello/, soon());
    expect(await edges()).toEqual(["supply-on/api", "press/api", "halted/guest", "press/api"]);
  });

  test("a supply that goes leaves the file system to be recovered, and the next boot recovers it", async () => {
    line.type("write before\n");
    await line.expect(/guest: written before/, soon());
    await chassis.client.supply(1, false);
    expect(await fileSystemState(join(dir, "slot-1.disk"))).toBe("needs-recovery");
    await chassis.client.supply(1, true);
    await line.expect(/guest: ready/, soon());
    line.type("read before\n");
    await line.expect(/guest: before has before/, soon());
    expect(await edges()).toEqual(["supply-on/api", "supply-off/api", "supply-on/api"]);
  });

  test("a break and a key are Magic SysRq to the kernel, which S, U, O power off in order", async () => {
    const { breaks } = await chassis.client.consoleCounts(1);
    const press = async (key: string, answer: RegExp): Promise<void> => {
      await chassis.client.sendBreak(1);
      line.type(key);
      await line.expect(answer, soon());
    };
    await press("h", /sysrq: HELP/);
    // That it is complete is not said where the kernel was told to be quiet.
    await press("s", /sysrq: Emergency Sync/);
    await press("u", /sysrq: Emergency Remount R\/O/);
    await press("o", /sysrq: Power Off/);
    await chassis.client.waitForEdge((e) => e.edge === "halted", soon(), since);
    expect(await edges()).toEqual(["supply-on/api", "halted/guest"]);
    expect((await chassis.client.consoleCounts(1)).breaks).toBe(breaks + 4);
  });

  test("a person logs in at the console, and their shell takes a break for SysRq as well", async () => {
    line.type("login\n");
    await line.expect(/guest login: /, soon());
    line.type("root\n");
    await line.expect(/# /, soon());
    line.type("echo $((6 * 7)) $(id -u)\n");
    await line.expect(/42 0\r\n/, soon());
    await chassis.client.sendBreak(1);
    line.type("c");
    await line.expect(/Kernel panic - not syncing/, soon());
    await chassis.client.waitForEdge((e) => e.edge === "panicked", soon(), since);
  });

  test("a guest told to ignore the button runs on", async () => {
    line.type("ignore-button\n");
    await line.expect(/guest: button ignored/, soon());
    await monitor.execute("system_powerdown");
    await monitor.event("POWERDOWN", soon());
    line.type("write still-here\n");
    await line.expect(/guest: written still-here/, soon());
    expect(await monitor.status()).toBe("running");
    expect(await edges()).toEqual(["supply-on/api", "press/api"]);
  });

  test("a guest that halts itself leaves the supply on; one that restarts itself is seen once", async () => {
    line.type("restart\n");
    await line.expect(/guest: ready/, soon());
    line.type("halt\n");
    expect(await edge("halted")).toMatchObject({ cause: "guest" });
    expect(await chassis.client.get(1)).toMatchObject({ supply: "on", host: "halted" });
    expect(await monitor.status()).toBe("shutdown");
    expect(await edges()).toEqual(["supply-on/api", "guest-reset/guest", "halted/guest"]);
  });

  test("an NMI panics the kernel; a reset starts it anew", async () => {
    await monitor.execute("inject-nmi");
    await monitor.event("GUEST_PANICKED", soon());
    expect(await monitor.status()).toBe("guest-panicked");
    expect(await chassis.client.get(1)).toMatchObject({ supply: "on", host: "panicked" });
    await monitor.execute("system_reset");
    await line.expect(/guest: ready/, soon());
    expect(await edges()).toEqual(["supply-on/api", "nmi/api", "panicked/guest", "reset/api"]);
  });

  test("a panic of the guest's own, and a supply lost from outside", async () => {
    line.type("panic\n");
    await line.expect(/Kernel panic - not syncing: sysrq triggered crash/, soon());
    expect(await edge("panicked")).toMatchObject({ cause: "guest" });
    const { pid } = await chassis.client.get(1);
    process.kill(pid ?? 0, "SIGKILL");
    await edge("brown-out");
    expect(await chassis.client.get(1)).toMatchObject({ supply: "off", host: "off" });
    expect(await edges()).toEqual(["supply-on/api", "panicked/guest", "brown-out/outside"]);
  });
});

const edges = async (): Promise<string[]> =>
  (await chassis.client.edges({ since })).map((e) => `${e.edge}/${e.cause}`);
const edge = (name: Edge["edge"]): Promise<Edge> =>
  chassis.client.waitForEdge((e) => e.edge === name, soon(), since);
