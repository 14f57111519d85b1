import type { Observation } from "@outrider/contracts/agent";
import { seconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { assert, asyncProperty, integer } from "fast-check";
import { describe, expect, it } from "vitest";
import { EndpointMonitor } from "./endpoint-monitor.js";
import { ModelDevice } from "./testing/model-device.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import { modelEndpoint, type Recorded } from "./testing/model-endpoint.js";

interface Seen {
  readonly atMs: number;
  readonly observation: Observation;
}

function watch(
  device: ModelDevice,
  clock: VirtualClock,
  desired: { sampleEveryMs: number; staleAfterMs: number },
): {
  monitor: EndpointMonitor;
  endpoint: PowerEndpoint;
  seen: Seen[];
  supplies: string[];
  logged: Recorded["logged"];
} {
  const { endpoint, recorded } = modelEndpoint(device, clock, undefined, desired);
  const seen: Seen[] = [];
  const supplies: string[] = [];
  const monitor = new EndpointMonitor(endpoint, {
    clock,
    reporter: {
      observe: (observation) => void seen.push({ atMs: clock.monotonicMs(), observation }),
    },
    guardian: { seen: (_, supply) => void supplies.push(supply), measured: () => {} },
    defect: (error) => {
      throw error;
    },
  });
  return { monitor, endpoint, seen, supplies, logged: recorded.logged };
}

describe("the monitor of an endpoint", () => {
  it("repeats what does not change at least three times before it is stale, and not at every sample", async () => {
    await assert(
      asyncProperty(
        integer({ min: 100, max: 5000 }),
        integer({ min: 1000, max: 20_000 }),
        async (sampleEveryMs, staleAfterMs) => {
          const clock = new VirtualClock();
          const { monitor, seen } = watch(new ModelDevice(), clock, {
            sampleEveryMs,
            staleAfterMs,
          });
          await clock.advance(staleAfterMs * 3);
          await monitor[Symbol.asyncDispose]();
          const gaps = seen.slice(1).map(({ atMs }, index) => atMs - (seen[index]?.atMs ?? 0));
          expect(Math.max(...gaps)).toBeLessThanOrEqual(staleAfterMs / 3 + 1);
          const interval = Math.min(sampleEveryMs, staleAfterMs / 3);
          expect(Math.min(...gaps)).toBeGreaterThanOrEqual(staleAfterMs / 3 - interval - 1);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("reports a change with the next sample, at once when it is poked, and everything when somebody new listens", async () => {
    const clock = new VirtualClock();
    const device = new ModelDevice();
    const { monitor, seen } = watch(device, clock, { sampleEveryMs: 1000, staleAfterMs: 60_000 });
    await clock.advance(0);
    device.on = true;
    await clock.advance(seconds(1));
    expect(seen.map(({ observation }) => observation.supply)).toEqual(["Off", "On"]);
    await clock.advance(seconds(5));
    expect(seen).toHaveLength(2);
    monitor.repeat();
    await clock.advance(0);
    expect(seen).toHaveLength(3);
    device.lose();
    monitor.repeat();
    await clock.advance(0);
    expect(seen.at(-1)?.observation.supply).toBe("Off");
    await monitor[Symbol.asyncDispose]();
    const before = seen.length;
    await clock.advance(seconds(100));
    expect(seen).toHaveLength(before);
  });

  it("tells a silent device from one that is off, and does not tell the guardian of silence", async () => {
    const clock = new VirtualClock();
    const device = new ModelDevice();
    device.silent = true;
    const { monitor, seen, supplies } = watch(device, clock, {
      sampleEveryMs: 1000,
      staleAfterMs: 6000,
    });
    await clock.advance(seconds(3));
    expect(seen[0]?.observation).toMatchObject({
      supply: "Unknown",
      problem: "the model is silent",
    });
    expect(supplies).toEqual([]);
    device.silent = false;
    await clock.advance(seconds(1));
    expect(seen.at(-1)?.observation).toMatchObject({ supply: "Off" });
    expect(supplies).toEqual(["Off"]);
    await monitor[Symbol.asyncDispose]();
  });

  it("logs that a device is silent when that begins and when it is over, and not what an act brings with it", async () => {
    const clock = new VirtualClock();
    const device = new ModelDevice();
    const { monitor, endpoint, logged } = watch(device, clock, {
      sampleEveryMs: 1000,
      staleAfterMs: 6000,
    });
    await clock.advance(seconds(3));
    expect(logged).toEqual([]);

    const act = { what: "an act", interruptible: false, controller: new AbortController() };
    endpoint.begin(act);
    device.silent = true;
    await clock.advance(seconds(5));
    expect(logged).toEqual([]);
    endpoint.end(act);
    await clock.advance(seconds(30));
    expect(logged).toEqual([{ level: "warn", fields: { problem: "the model is silent" } }]);

    device.silent = false;
    await clock.advance(seconds(30));
    expect(logged.slice(1)).toEqual([{ level: "info", fields: {} }]);
    await monitor[Symbol.asyncDispose]();
  });
});
