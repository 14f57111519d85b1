import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import { isRunning, startChassis, type SlotClient } from "@outrider/simulators/spawn";
import { describe, expect, it } from "vitest";
import {
  GUEST_CHIP,
  joinDeviceGuest,
  lacksDeviceGuest,
  type DeviceGuest,
} from "../testing/device-guest-rig.js";
import { never } from "../testing/port-rig.js";
import { soon } from "../testing/power-rig.js";

const skip = await lacksDeviceGuest("a GPIO line that switches another machine");
const LINE = 22;

/** A relay between a GPIO line of one machine and the supply of another: the wire that the kernel of neither knows of. */
function relay(guest: DeviceGuest, world: SlotClient): AsyncDisposable {
  let closed: boolean | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    const on = guest.gpio.isOutput(LINE) && guest.gpio.output(LINE);
    if (on === closed) return;
    closed = on;
    last = last.then(() => world.supply(1, on));
  }, 5);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await last;
    },
  };
}

describe.skipIf(skip)("a supply at a GPIO line of a Linux host", () => {
  it(
    "switches a virtual machine by the kernel's own driver, through a cycle and a crash of who switches it",
    { timeout: 300_000 },
    async () => {
      const dir = mkdtempSync(join(tmpdir(), "or-"));
      await using stack = new AsyncDisposableStack();
      stack.defer(() => rmSync(dir, { recursive: true, force: true }));
      const chassis = await startChassis({ dir, slots: [{ flavour: "bios" }] });
      stack.defer(() => chassis.stop());
      const world = chassis.client;
      const guest = stack.use(await joinDeviceGuest());
      await guest.lock("second");
      stack.use(relay(guest, world));
      const declared = {
        driver: "output",
        options: {},
        needs: { output: { driver: "gpio", options: { chip: GUEST_CHIP, line: LINE } } },
      };
      let since = 0;
      const edge = async (name: "supply-on" | "supply-off") => {
        const seen = await world.waitForEdge(({ edge: one }) => one === name, soon(), since);
        since = seen.seq;
      };

      const port = await guest.open("power", declared, "second");
      expect(await port.read(never)).toMatchObject({ supply: "Off" });
      await port.setSupply(true, never);
      await edge("supply-on");
      const { pid: first = 0 } = await world.get(1);
      expect(isRunning(first)).toBe(true);
      await port.setSupply(false, never);
      await edge("supply-off");
      expect(isRunning(first)).toBe(false);
      await port.setSupply(true, never);
      await edge("supply-on");
      const { pid: other = 0 } = await world.get(1);
      expect(other).not.toBe(first);

      // Who switches it dies, and comes back: the machine runs on, and nobody sees an edge.
      await guest.killSecond();
      await using again = await guest.open("power", declared);
      expect(await again.read(never)).toMatchObject({ supply: "On", supplyEvidence: "ReadBack" });
      await again.setSupply(true, never);
      expect(isRunning(other)).toBe(true);
      expect((await world.edges({ since, slot: 1 })).map(({ edge: one }) => one)).not.toContain(
        "supply-off",
      );
      await again.setSupply(false, never);
      await edge("supply-off");
      expect(isRunning(other)).toBe(false);
    },
  );
});
