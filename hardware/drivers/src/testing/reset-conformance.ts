import type { ResetPort } from "@outrider/ports/reset-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, survivesSilence, type PortRig } from "./port-rig.js";

export interface ResetRig extends PortRig<ResetPort> {
  /** How often the node was reset, as the device's own record has it. */
  resets(): Promise<number>;
  /** Whether the line is pulled now, where the device tells. */
  pulled?(): Promise<boolean>;
}

/** What every reset driver must do, proved on the device's own record, never on the driver's word. */
export function describeResetPort(name: string, startRig: () => Promise<ResetRig>): void {
  describe(`${name} as a reset port`, { timeout: 60_000 }, () => {
    let rig: ResetRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("does nothing when it is opened and closed", async () => {
      const before = await rig.resets();
      await (await rig.open(driverContext()))[Symbol.asyncDispose]();
      expect(await rig.resets()).toBe(before);
    });

    it("resets once for each time that it is asked, and has let go of the line then", async () => {
      await using port = await rig.open(driverContext());
      const before = await rig.resets();
      await port.reset(never);
      expect(await rig.resets()).toBe(before + 1);
      expect(await rig.pulled?.()).not.toBe(true);
      await port.reset(never);
      expect(await rig.resets()).toBe(before + 2);
    });

    it("does nothing for a call that was given up before it began", async () => {
      await using port = await rig.open(driverContext());
      const before = await rig.resets();
      const reason = new Error("given up");
      await expect(port.reset(AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await rig.resets()).toBe(before);
      expect(await rig.pulled?.()).not.toBe(true);
    });

    it("times out at a device that is silent, and ends at once when it is given up", async () => {
      await survivesSilence(rig, (port, signal) => port.reset(signal));
      expect(await rig.pulled?.()).not.toBe(true);
    });
  });
}
