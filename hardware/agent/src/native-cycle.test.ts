import type { AgentCommand } from "@outrider/contracts/agent";
import { minutes, seconds } from "@outrider/contracts/clock";
import { commandId } from "@outrider/contracts/ids";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { assert, asyncProperty, boolean, integer } from "fast-check";
import { describe, expect, it } from "vitest";
import { PortError } from "@outrider/ports/port-error";
import type { CommandStep } from "./command-record.js";
import { Guardian } from "./guardian.js";
import type { Outcome } from "./outcome.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import { executePower } from "./power-execution.js";
import { ModelDevice } from "./testing/model-device.js";
import { activityOf, modelEndpoint, type Recorded } from "./testing/model-endpoint.js";

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
  readonly endpoint: PowerEndpoint;
  readonly recorded: Recorded;
}

/** Cycles a device that is on, and then looks after it, within minutes of virtual time. */
async function cycled(
  prepare: (device: ModelDevice, clock: VirtualClock) => void,
  during: (device: ModelDevice, clock: VirtualClock) => Promise<void> = async () => {},
): Promise<Cycle> {
  const clock = new VirtualClock();
  const device = new ModelDevice();
  device.on = true;
  prepare(device, clock);
  const { endpoint, recorded } = modelEndpoint(device, clock, { bootId: "b1", attempts: 0 });
  const steps: CommandStep[] = [];
  const activity = activityOf(false);
  endpoint.begin(activity);
  const ending = executePower({
    command: COMMAND,
    endpoint,
    activity,
    before: "On",
    recordStep: async (step) => void steps.push(step),
    startByMs: minutes(1),
    mayStart: () => true,
    progress: () => {},
  });
  const lookingAfter = ending.then(({ patch }) => {
    endpoint.hold({ commanded: "On", ...patch });
    endpoint.end(activity);
    lookAfter(endpoint, clock);
  });
  await during(device, clock);
  await clock.advance(minutes(5));
  await lookingAfter;
  return { device, outcome: await ending, steps, endpoint, recorded };
}

/** Reads once a second, as the monitor does, and has the guardian see to what it reads. */
function lookAfter(endpoint: PowerEndpoint, clock: VirtualClock): void {
  const { signal } = new AbortController();
  const guardian = new Guardian({
    clock,
    reporter: { news: () => undefined },
    bootId: "b1",
    stopped: signal,
    defect: (error) => {
      throw error;
    },
    changed: () => undefined,
  });
  endpoint.onReading = (reading, undisturbed) => {
    if (undisturbed && "supply" in reading) guardian.seen(endpoint, reading.supply);
  };
  guardian.attend(endpoint);
  clock.every(seconds(1), () => {
    endpoint.sense(signal).catch(() => undefined);
  });
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

  it("is left to the device for as long as that says", async () => {
    const { device, outcome } = await cycled((one, clock) => {
      one.cycleLeavesOff = seconds(60);
      one.cyclesByItself(clock, 100, 60_000);
    });
    expect(outcome).toMatchObject({ status: "Succeeded", patch: { seen: "On" } });
    expect([device.cycles, device.asked]).toEqual([1, 0]);
  });

  it("P4: is brought to its end also where it comes late and the device does not switch on again", async () => {
    const { device, outcome, endpoint, recorded } = await cycled((one, clock) =>
      one.cyclesByItself(clock, 100_000),
    );
    expect(outcome).toMatchObject({ status: "Failed", reasonCode: "not-verified" });
    expect(outcome.nothingDone).toBeUndefined();
    expect(device.edges).toEqual(["off", "on"]);
    expect(device.asked).toBe(1);
    expect(endpoint.memory).toMatchObject({ seen: "On", attempts: 0 });
    expect(endpoint.memory.owed).toBeUndefined();
    expect(recorded.events.map(({ incident }) => incident?.kind)).toEqual(["cycle-finished"]);
  });

  it("has nothing to do with a supply that is lost long after it", async () => {
    const { device, recorded } = await cycled((one, clock) => one.cyclesByItself(clock, 200_000));
    expect(device.edges).toEqual(["off"]);
    expect(recorded.events.map(({ incident }) => incident?.kind)).toEqual(["supply-lost"]);
  });

  it("is asked once, leaves nothing off, and is called done only if the supply was off", async () => {
    await assert(
      asyncProperty(
        integer({ min: 0, max: 120_000 }),
        integer({ min: 300, max: 30_000 }),
        boolean(),
        async (afterMs, forMs, comesBack) => {
          const { device, outcome } = await cycled((one, clock) =>
            one.cyclesByItself(clock, afterMs, comesBack ? forMs : undefined),
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
