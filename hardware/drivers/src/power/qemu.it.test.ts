import { join } from "node:path";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { seconds } from "@outrider/ports/time";
import { BIOS_PEERS, mustSkip } from "@outrider/simulators/peers";
import { startChassis } from "@outrider/simulators/spawn";
import { QmpLink } from "@outrider/transports/qmp";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, openSlot } from "../testing/power-rig.js";
import { slotRig } from "../testing/slot-rig.js";
import { driver } from "./qemu.js";

const forever = new AbortController().signal;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

function startRig() {
  return slotRig({
    driver,
    start: (dir) => startChassis({ dir, slots: [{ flavour: "bios-acpi" }, { flavour: "bios" }] }),
    optionsOf: (dir, slot) => ({ directory: dir, slot }),
    socket: "chassis.sock",
    // The machine's process is its supply.
    loseSupply: async ({ client }, slot) => {
      const { pid } = await client.get(slot);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    },
  });
}

describe.skipIf(mustSkip("the qemu power driver", BIOS_PEERS))("on a chassis", () => {
  describePowerPort("qemu", startRig);

  describe("qemu", { timeout: 60_000 }, () => {
    let rig: Awaited<ReturnType<typeof startRig>>;
    let since = 0;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });
    afterEach(async () => {
      await rig.world.supply(1, false);
      since = (await rig.world.edges()).at(-1)?.seq ?? 0;
    });

    const names = async (): Promise<string[]> =>
      (await rig.world.edges({ since, slot: 1 })).map(({ edge, cause }) => `${edge}/${cause}`);

    it("says that nothing is known of a host whose virtual machine hangs, and that the supply is on", async () => {
      const { pid = 0 } = await rig.world.supply(1, true);
      const clock = new ManualClock();
      await using port = await openSlot(rig, 1, clock);
      expect(await port.read(forever)).toMatchObject({ host: "Running" });
      process.kill(pid, "SIGSTOP");
      const reading = port.read(forever);
      // One deadline runs once the chassis has answered and the machine is asked.
      await expect.poll(async () => (await rig.world.get(2)) && clock.sleeping).toBe(1);
      await Promise.race([reading, advanceUntilSettled(clock, reading)]);
      expect(await reading).toEqual({
        supply: "On",
        supplyEvidence: "ReadBack",
        host: "Unknown",
        hostEvidence: "Assumed",
        problem: expect.stringContaining("query-status") as string,
      });
      // A machine that hangs can still be switched off.
      await port.setSupply(false, forever);
      expect(await port.read(forever)).toMatchObject({ supply: "Off" });
      expect(await names()).toEqual(["supply-on/api", "supply-off/api"]);
    });

    it("times out a reset that a hanging machine does not answer", async () => {
      const { pid = 0 } = await rig.world.supply(1, true);
      const clock = new ManualClock();
      await using port = await openSlot(rig, 1, clock);
      await port.read(forever);
      process.kill(pid, "SIGSTOP");
      const reset = port.native.ForceRestart?.(forever) ?? Promise.resolve();
      const error = failure(reset);
      await advanceUntilSettled(clock, error);
      expect(await error).toMatchObject({ name: "PortError", code: "timed-out" });
      expect(await names()).toEqual(["supply-on/api"]);
    });

    it("says in which state a machine is that neither runs nor has halted", async () => {
      await rig.world.supply(1, true);
      await using port = await openSlot(rig);
      await other("stop");
      expect(await port.read(forever)).toMatchObject({
        supply: "On",
        host: "Unknown",
        problem: expect.stringContaining("paused") as string,
      });
      await other("cont");
      expect(await port.read(forever)).toMatchObject({ host: "Running" });
    });

    it("restarts a host that had halted, by one pull of the reset line", async () => {
      await rig.world.supply(1, true);
      await using port = await openSlot(rig);
      await rig.world.button(1, { holdMs: 4000 });
      await rig.world.waitForEdge(({ edge }) => edge === "halted", soon(), since);
      expect(await port.read(forever)).toMatchObject({ host: "Halted" });
      await port.native.ForceRestart?.(forever);
      expect(await port.read(forever)).toMatchObject({ supply: "On", host: "Running" });
      expect((await names()).filter((name) => name.endsWith("/api"))).toEqual([
        "supply-on/api",
        "press/api",
        "halted/api",
        "reset/api",
      ]);
    });

    it("follows the machine through the supply: a new process is a new connection", async () => {
      await using port = await openSlot(rig);
      for (let round = 0; round < 3; round++) {
        await port.setSupply(true, forever);
        expect(await port.read(forever)).toMatchObject({ supply: "On", host: "Running" });
        await port.setSupply(false, forever);
        expect(await port.read(forever)).toMatchObject({ supply: "Off", host: "Halted" });
      }
    });

    it("takes relative directories and slots that cannot be for wrong options", async () => {
      for (const [options, words] of [
        [{ directory: "chassis", slot: 1 }, "option directory"],
        [{ directory: "/run/chassis", slot: 0 }, "option slot"],
        [{ directory: "/run/chassis" }, "option slot"],
        [{ directory: `/${"x".repeat(200)}`, slot: 1 }, "option directory"],
      ] as const) {
        const error = await failure(openSlot({ driver, optionsOf: () => options }));
        expect(error).toMatchObject({ code: "invalid-options" });
        expect(error.message).toContain(words);
      }
    });

    /** Sends a command as another client of the same machine. */
    async function other(command: string): Promise<void> {
      using link = new QmpLink({
        path: join(rig.dir, "slot-1.qmp"),
        name: "The virtual machine",
        clock: new ManualClock(),
      });
      await link.execute(command, undefined, seconds(5), forever);
    }
  });
});

/** Lets every deadline pass, one after the other, until the promise is settled. */
async function advanceUntilSettled(clock: ManualClock, promise: Promise<unknown>): Promise<void> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await expect
    .poll(
      () => {
        clock.advance(1000);
        return settled;
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}
