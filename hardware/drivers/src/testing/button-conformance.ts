import type { ButtonPort } from "@outrider/ports/button-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, survivesSilence, type PortRig } from "./port-rig.js";

export interface ButtonRig extends PortRig<ButtonPort> {
  /** What it can do; the port must have these and no others. */
  readonly can: readonly ("press" | "shutDown" | "wake")[];
  /** How often the host was asked to go down, or to start, as its own record has it. */
  asked(): Promise<number>;
  /** Whether the button is held now, where the device tells. */
  held?(): Promise<boolean>;
}

/** What every button driver must do, proved on the device's own record, never on the driver's word. */
export function describeButtonPort(name: string, startRig: () => Promise<ButtonRig>): void {
  describe(`${name} as a button port`, { timeout: 60_000 }, () => {
    let rig: ButtonRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });
    const acts = ["press", "shutDown", "wake"] as const;

    it("has what it can do, and misses the rest", async () => {
      await using port = await rig.open(driverContext());
      expect(acts.filter((act) => port[act] !== undefined)).toEqual(
        acts.filter((act) => rig.can.includes(act)),
      );
    });

    it("does nothing when it is opened and closed", async () => {
      const before = await rig.asked();
      await (await rig.open(driverContext()))[Symbol.asyncDispose]();
      expect(await rig.asked()).toBe(before);
    });

    it.each(acts)("asks the host once by %s", async (act) => {
      if (!rig.can.includes(act)) return;
      await using port = await rig.open(driverContext());
      const before = await rig.asked();
      await port[act]?.(never);
      expect(await rig.asked()).toBe(before + 1);
      expect(await rig.held?.()).not.toBe(true);
    });

    it.each(acts)("does nothing by %s for a call that was given up before", async (act) => {
      if (!rig.can.includes(act)) return;
      await using port = await rig.open(driverContext());
      const before = await rig.asked();
      const reason = new Error("given up");
      await expect(port[act]?.(AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await rig.asked()).toBe(before);
    });

    it.each(acts)("times out at a silent device by %s, and ends when given up", async (act) => {
      if (!rig.can.includes(act)) return;
      await survivesSilence(rig, async (port, signal) => port[act]?.(signal));
    });
  });
}
