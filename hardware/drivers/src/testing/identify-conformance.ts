import type { IdentifyPort } from "@outrider/ports/identify-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, survivesSilence, type PortRig } from "./port-rig.js";

export interface IdentifyRig extends PortRig<IdentifyPort> {
  /** Whether the lamp shines, as the device has it. */
  shines(): Promise<boolean>;
  /** Switches it by another hand. */
  light(on: boolean): Promise<void>;
}

/** What every lamp's driver must do, proved on the device's own state, never on the driver's word. */
export function describeIdentifyPort(name: string, startRig: () => Promise<IdentifyRig>): void {
  describe(`${name} as an identify port`, { timeout: 60_000 }, () => {
    let rig: IdentifyRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("lights it and puts it out; what it is already is no error", async () => {
      await using port = await rig.open(driverContext());
      for (const on of [true, true, false, false, true, false]) {
        await port.set(on, never);
        expect(await rig.shines()).toBe(on);
        expect(await port.read(never)).toBe(on);
      }
    });

    it("reads what the device has, not what it was told", async () => {
      await using port = await rig.open(driverContext());
      await port.set(false, never);
      await rig.light(true);
      expect(await port.read(never)).toBe(true);
      await rig.light(false);
      expect(await port.read(never)).toBe(false);
    });

    it("changes nothing when it is opened and closed", async () => {
      await rig.light(true);
      await (await rig.open(driverContext()))[Symbol.asyncDispose]();
      expect(await rig.shines()).toBe(true);
      await rig.light(false);
    });

    it("times out at a device that is silent, and ends at once when it is given up", async () => {
      await survivesSilence(rig, (port, signal) => port.read(signal));
      await survivesSilence(rig, (port, signal) => port.set(true, signal));
    });
  });
}
