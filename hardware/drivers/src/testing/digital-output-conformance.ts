import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import type { PortError } from "@outrider/ports/port-error";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, survivesSilence, type PortRig } from "./port-rig.js";

export interface DigitalOutputRig extends PortRig<DigitalOutputPort> {
  /** Whether the line is active, seen past the driver. */
  active(): Promise<boolean>;
  /** Makes the device do so, by another hand and without the driver. */
  force(active: boolean): Promise<void>;
  /** Opens the same line as another agent of this host would. */
  openSecond?(): Promise<DigitalOutputPort>;
  /** Ends that other agent as a crash does. */
  killSecond?(): Promise<void>;
}

/** What every output's driver must do, proved on the device's own state, never on the driver's word. */
export function describeDigitalOutputPort(
  name: string,
  startRig: () => Promise<DigitalOutputRig>,
): void {
  describe(`${name} as a digital output`, { timeout: 60_000 }, () => {
    let rig: DigitalOutputRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("sets what it is told; what it is already is no error", async () => {
      await using port = await rig.open(driverContext());
      for (const active of [true, true, false, false, true, false]) {
        await port.set(active, never);
        expect(await rig.active()).toBe(active);
        expect(await port.read(never)).toBe(active);
      }
    });

    it("reads what the device has, not what it was told", async () => {
      await using port = await rig.open(driverContext());
      if (port.evidence === "Assumed") return;
      await port.set(false, never);
      await rig.force(true);
      expect(await port.read(never)).toBe(true);
      await rig.force(false);
      expect(await port.read(never)).toBe(false);
    });

    it.each([true, false])("keeps the line as it is when opened and closed: %s", async (active) => {
      {
        await using port = await rig.open(driverContext());
        await port.set(active, never);
      }
      expect(await rig.active()).toBe(active);
      {
        await using port = await rig.open(driverContext());
        expect(await rig.active()).toBe(active);
        if (port.evidence === "ReadBack") expect(await port.read(never)).toBe(active);
        expect(await rig.active()).toBe(active);
      }
      expect(await rig.active()).toBe(active);
    });

    it("does nothing for a call that was given up before", async () => {
      await using port = await rig.open(driverContext());
      await port.set(false, never);
      const reason = new Error("given up");
      await expect(port.set(true, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await rig.active()).toBe(false);
    });

    it("does not share its line, and has it again once the other is gone", async ({ skip }) => {
      const openSecond = rig.openSecond ?? skip("the device serves whoever asks");
      {
        await using port = await rig.open(driverContext());
        await port.set(true, never);
        const error = await openSecond().then(
          () => expect.unreachable("two have the same line"),
          (reason: unknown) => reason as PortError,
        );
        expect(error).toMatchObject({ name: "PortError", code: "refused" });
        expect(error.message).toContain("belongs to outrider");
        const twice = rig.open(driverContext());
        await expect(twice).rejects.toMatchObject({ name: "PortError", code: "refused" });
        expect(await rig.active()).toBe(true);
      }
      const second = await openSecond();
      await expect(rig.open(driverContext())).rejects.toMatchObject({ code: "refused" });
      expect(await second.read(never)).toBe(true);
      await (rig.killSecond?.() ?? second[Symbol.asyncDispose]());
      // Nothing of what was killed is in the way, and the line has kept its level.
      await using port = await rig.open(driverContext());
      expect(await port.read(never)).toBe(true);
      expect(await rig.active()).toBe(true);
    });

    it("times out at a device that is silent, and ends at once when it is given up", async () => {
      await survivesSilence(rig, (port, signal) => port.set(true, signal));
      await survivesSilence(rig, (port, signal) => port.read(signal));
    });
  });
}
