import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ConsoleProbe } from "./console-probe.js";
import { mustSkip, UBOOT_PEERS } from "./peers.js";
import { QmpProbe } from "./qmp-probe.js";
import { startChassis } from "./spawn.js";

const firmware = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";
const skip = mustSkip("chassis with U-Boot", UBOOT_PEERS, {
  packages: existsSync(firmware) ? [] : ["u-boot-qemu"],
});
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

describe.skipIf(skip)("chassis with U-Boot", { timeout: 120_000 }, () => {
  test("a single-board computer comes up to its prompt, resets, halts and goes off", async () => {
    const dir = mkdtempSync(join(tmpdir(), "uboot-"));
    const chassis = await startChassis({ dir, slots: [{ flavour: "uboot" }] });
    const line = await ConsoleProbe.open(join(dir, "slot-1.uart"), soon());
    onTestFinished(async () => {
      line.close();
      await chassis.stop();
      rmSync(dir, { recursive: true, force: true });
    });
    await chassis.client.supply(1, true);
    await line.expect(/Hit any key/, soon());
    line.type(" ");
    await line.expect(/=> /, soon());
    line.type("echo $board_name\n");
    await line.expect(/qemu-arm/, soon());
    const monitor = await QmpProbe.open(join(dir, "slot-1.qmp"), soon());
    await monitor.execute("system_reset");
    await line.expect(/Hit any key/, soon());
    line.type(" ");
    await line.expect(/=> /, soon());
    await expect(monitor.execute("inject-nmi")).rejects.toMatchObject({ qmpClass: "GenericError" });
    line.type("reset\n");
    await line.expect(/Hit any key/, soon());
    line.type(" ");
    await line.expect(/=> /, soon());
    line.type("poweroff\n");
    await monitor.event("SHUTDOWN", soon());
    expect(await chassis.client.get(1)).toMatchObject({ supply: "on", host: "halted" });
    await chassis.client.button(1);
    await line.expect(/Hit any key/, soon());
    await chassis.client.supply(1, false);
    expect((await chassis.client.edges()).map((e) => `${e.edge}/${e.cause}`)).toEqual([
      "supply-on/api",
      "reset/api",
      "guest-reset/guest",
      "halted/guest",
      "press/api",
      "supply-off/api",
    ]);
  });
});
