import type { AgentCommand } from "@outrider/contracts/agent";
import { minutes } from "@outrider/contracts/clock";
import { commandId } from "@outrider/contracts/ids";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { assert, asyncProperty, integer } from "fast-check";
import { describe, expect, it } from "vitest";
import { PortError } from "@outrider/ports/port-error";
import type { CommandStep } from "./command-record.js";
import type { Outcome } from "./outcome.js";
import { executePower } from "./power-execution.js";
import { ModelDevice } from "./testing/model-device.js";
import { activityOf, modelEndpoint } from "./testing/model-endpoint.js";

const COMMAND: Pick<AgentCommand, "id" | "action" | "actor" | "via"> = {
  id: commandId("c1"),
  action: "PowerCycle",
  actor: "person:a",
  via: "mqtt",
};

interface Cycle {
  readonly device: ModelDevice;
  readonly outcome: Outcome;
  readonly steps: CommandStep[];
}

/** Cycles a device that is on, within minutes of virtual time. */
async function cycled(
  prepare: (device: ModelDevice, clock: VirtualClock) => void,
  during: (device: ModelDevice, clock: VirtualClock) => Promise<void> = async () => {},
): Promise<Cycle> {
  const clock = new VirtualClock();
  const device = new ModelDevice();
  device.on = true;
  prepare(device, clock);
  const { endpoint } = modelEndpoint(device, clock);
  const steps: CommandStep[] = [];
  const ending = executePower({
    command: COMMAND,
    endpoint,
    activity: activityOf(false),
    before: "On",
    recordStep: async (step) => void steps.push(step),
    startByMs: minutes(1),
    mayStart: () => true,
    progress: () => {},
  });
  await during(device, clock);
  await clock.advance(minutes(5));
  return { device, outcome: await ending, steps };
}

describe("a cycle that the device does by itself", () => {
  it("has succeeded once the supply was seen off and on", async () => {
    const { device, outcome, steps } = await cycled((one, clock) =>
      one.cyclesByItself(clock, 3_000, 5_000),
    );
    expect(outcome).toMatchObject({ status: "Succeeded", changed: true, patch: { seen: "On" } });
    expect(device.edges).toEqual(["off", "on"]);
    expect([device.cycles, device.asked]).toEqual([1, 0]);
    expect(steps).toEqual(["dwelling"]);
  });

  it("has failed where the device said yes and did nothing, and is not asked twice", async () => {
    const { device, outcome, steps } = await cycled((one, clock) => {
      one.stuck = true;
      one.cyclesByItself(clock, 3_000, 5_000);
    });
    expect(outcome).toMatchObject({ status: "Failed", reasonCode: "not-verified" });
    expect(outcome.detail).toContain("not seen off within 20 s");
    expect(outcome.nothingDone).toBeUndefined();
    expect(device.edges).toEqual([]);
    expect([device.cycles, device.asked]).toEqual([1, 0]);
    expect(steps).toEqual([]);
  });

  it("is brought to its end where the device does not switch on again", async () => {
    const { device, outcome } = await cycled((one, clock) => one.cyclesByItself(clock, 100));
    expect(outcome).toMatchObject({ status: "Succeeded", patch: { seen: "On" } });
    expect(device.edges).toEqual(["off", "on"]);
    expect([device.cycles, device.asked]).toEqual([1, 1]);
  });

  it("is not known where the device falls silent and was not seen off", async () => {
    const { device, outcome } = await cycled(
      (one, clock) => one.cyclesByItself(clock, 3_000, 5_000),
      async (one, clock) => {
        await clock.advance(1_000);
        one.silent = true;
        await clock.advance(30_000);
        one.silent = false;
      },
    );
    expect(outcome).toMatchObject({ status: "Unknown", reasonCode: "timed-out" });
    expect(outcome.detail).toContain("whether the supply was off is not known");
    expect([device.cycles, device.asked]).toEqual([1, 0]);
  });

  it("has succeeded, too, where the answer was lost and the supply was seen off", async () => {
    const { device, outcome } = await cycled((one, clock) => {
      one.cyclesByItself(clock, 3_000, 5_000);
      const { PowerCycle } = one.native;
      one.native = {
        PowerCycle: async (signal) => {
          await PowerCycle?.(signal);
          throw new PortError("timed-out", "the answer was lost");
        },
      };
    });
    expect(outcome).toMatchObject({ status: "Succeeded", changed: true });
    expect([device.cycles, device.asked]).toEqual([1, 0]);
  });

  it("is believed of a driver that has seen it itself", async () => {
    const { device, outcome } = await cycled((one) => {
      one.cycleIsSeen = true;
      one.native = { PowerCycle: async () => void (one.cycles += 1) };
    });
    expect(outcome).toMatchObject({ status: "Succeeded", changed: true });
    expect([device.cycles, device.asked]).toEqual([1, 0]);
  });

  it("is asked once, leaves nothing off, and is called done only if the supply was off", async () => {
    await assert(
      asyncProperty(
        integer({ min: 0, max: 40_000 }),
        integer({ min: 300, max: 30_000 }),
        async (afterMs, forMs) => {
          const { device, outcome } = await cycled((one, clock) =>
            one.cyclesByItself(clock, afterMs, forMs),
          );
          expect(device.cycles).toBe(1);
          expect(device.on).toBe(true);
          if (outcome.status === "Succeeded") expect(device.edges).toEqual(["off", "on"]);
          if (afterMs <= 20_000) expect(outcome.status).toBe("Succeeded");
          // The last look is a pause later at most.
          if (afterMs > 20_250) expect(outcome.status).toBe("Failed");
        },
      ),
      { numRuns: 50 },
    );
  });
});
