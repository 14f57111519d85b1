import { PROOFS } from "@outrider/contracts/reading";
import type { HeartbeatPort } from "@outrider/ports/heartbeat-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { never, type PortRig } from "./port-rig.js";

export interface HeartbeatRig extends PortRig<HeartbeatPort> {
  /** Lets the host live, or lets it say nothing any more. */
  live(alive: boolean): Promise<void>;
}

/** What every heartbeat's driver must do, proved on a host that is made to live and to be silent. */
export function describeHeartbeatPort(name: string, startRig: () => Promise<HeartbeatRig>): void {
  describe(`${name} as a heartbeat port`, { timeout: 60_000 }, () => {
    let rig: HeartbeatRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("hears a host that lives, and not one that is silent, each time anew", async () => {
      await using port = await rig.open(driverContext());
      expect(PROOFS).toContain(port.proves);
      for (const alive of [true, false, true]) {
        await rig.live(alive);
        expect(await port.read(never)).toMatchObject({ alive });
      }
    });

    it("ends at once when it is given up", async () => {
      await using port = await rig.open(driverContext());
      const reason = new Error("given up");
      await expect(port.read(AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}
