import type { DigitalInputPort } from "@outrider/ports/digital-input-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, survivesSilence, type PortRig } from "./port-rig.js";

export interface DigitalInputRig extends PortRig<DigitalInputPort> {
  /** Makes the line active or not, from the other end of the wire. */
  drive(active: boolean): Promise<void>;
  /** Opens the same line as another agent of this host would. */
  openSecond?(): Promise<DigitalInputPort>;
}

/** What every input's driver must do, proved by driving the line. */
export function describeDigitalInputPort(
  name: string,
  startRig: () => Promise<DigitalInputRig>,
): void {
  describe(`${name} as a digital input`, { timeout: 60_000 }, () => {
    let rig: DigitalInputRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("reads what the line is, each time anew", async () => {
      await using port = await rig.open(driverContext());
      for (const active of [true, false, true, true, false]) {
        await rig.drive(active);
        expect(await port.read(never)).toBe(active);
      }
    });

    it("does not share its line, and lets go of it when it is closed", async ({ skip }) => {
      const openSecond = rig.openSecond ?? skip("the device serves whoever asks");
      {
        await using _ = await rig.open(driverContext());
        await expect(openSecond()).rejects.toMatchObject({ name: "PortError", code: "refused" });
      }
      await using port = await openSecond();
      await rig.drive(true);
      expect(await port.read(never)).toBe(true);
    });

    it("times out at a device that is silent, and ends at once when it is given up", async () => {
      await survivesSilence(rig, (port, signal) => port.read(signal));
    });
  });
}
