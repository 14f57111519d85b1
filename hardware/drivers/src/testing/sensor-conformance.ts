import { isQuantity, QUANTITIES, type Sample } from "@outrider/contracts/reading";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, survivesSilence, type PortRig } from "./port-rig.js";

export interface SensorRig extends PortRig<SensorPort> {
  /** Lets the device measure something else; what the next sample must then say, at least. */
  measure(): Promise<Sample>;
}

/** What every sensor's driver must do, proved on what the device was made to measure. */
export function describeSensorPort(name: string, startRig: () => Promise<SensorRig>): void {
  describe(`${name} as a sensor port`, { timeout: 60_000 }, () => {
    let rig: SensorRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("says of everything that it measures its value or why there is none", async () => {
      await using port = await rig.open(driverContext());
      expect(port.quantities.length).toBeGreaterThan(0);
      const sample = await port.read(never);
      expect(Object.keys(sample).toSorted()).toEqual([...port.quantities].toSorted());
      for (const [quantity, value] of Object.entries(sample)) {
        if (!isQuantity(quantity)) expect.unreachable(`${quantity} is no quantity`);
        if (typeof value === "string") continue;
        const { min, max } = QUANTITIES[quantity];
        expect(value).toBeGreaterThanOrEqual(min);
        expect(value).toBeLessThanOrEqual(max);
      }
    });

    it("measures each time anew", async () => {
      await using port = await rig.open(driverContext());
      for (let times = 0; times < 2; times += 1) {
        const expected = await rig.measure();
        expect(await port.read(never)).toMatchObject(expected);
      }
    });

    it("times out at a device that is silent, and ends at once when it is given up", async () => {
      await survivesSilence(rig, (port, signal) => port.read(signal));
    });
  });
}
