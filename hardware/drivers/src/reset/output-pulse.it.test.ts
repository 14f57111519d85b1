import { describe, expect, it } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { never } from "../testing/port-rig.js";
import { pulseRig } from "../testing/pulse-rig.js";
import { describeResetPort } from "../testing/reset-conformance.js";

const skip = await lacksDeviceGuest("a reset line at a GPIO line");

describe.skipIf(skip)("on Linux", () => {
  describeResetPort("output-pulse", async () => {
    const rig = await pulseRig("output-pulse", 16);
    return {
      open: () => rig.guest.open("reset", rig.declared),
      resets: async () => rig.pulses(),
      pulled: async () => rig.active(),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  });

  it("lets go of the line when it is given up in the middle", { timeout: 60_000 }, async () => {
    await using rig = await pulseRig("output-pulse", 17);
    const declared = { ...rig.declared, options: { pulseMs: 3000 } };
    await using port = await rig.guest.open("reset", declared);
    const given = new AbortController();
    const asked = port.reset(given.signal);
    asked.catch(() => {});
    await expect.poll(() => rig.active(), { timeout: 10_000, interval: 5 }).toBe(true);
    const reason = new Error("given up");
    given.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(rig.active()).toBe(false);
  });

  it(
    "is let go of when the agent was killed in the middle and comes back",
    { timeout: 120_000 },
    async () => {
      await using rig = await pulseRig("output-pulse", 18);
      await rig.guest.lock("second");
      const declared = { ...rig.declared, options: { pulseMs: 3000 } };
      const doomed = await rig.guest.open("reset", declared, "second");
      doomed.reset(never).catch(() => {});
      await expect.poll(() => rig.active(), { timeout: 10_000, interval: 5 }).toBe(true);
      await rig.guest.killSecond();
      expect(rig.active()).toBe(true);
      await using _ = await rig.guest.open("reset", declared);
      expect(rig.active()).toBe(false);
      expect(rig.pulses()).toBe(1);
    },
  );
});
