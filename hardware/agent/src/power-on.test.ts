import { minutes, seconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { assert, asyncProperty, integer } from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { RESTORE } from "./actuation.js";
import { bringOn } from "./power-on.js";
import { ModelDevice } from "./testing/model-device.js";
import { activityOf, modelEndpoint } from "./testing/model-endpoint.js";

describe("bringing a supply on", () => {
  let clock: VirtualClock;
  let device: ModelDevice;

  beforeEach(() => {
    clock = new VirtualClock();
    device = new ModelDevice();
  });

  it("does nothing to a supply that is on", async () => {
    device.on = true;
    const { endpoint, recorded } = modelEndpoint(device, clock);
    expect(await bringOn(endpoint, activityOf(true), { by: RESTORE })).toEqual({ kind: "on" });
    expect(device.asked).toBe(0);
    expect(recorded.patches).toEqual([]);
  });

  it("pauses longer after each refusal, and records each attempt before it is made", async () => {
    device.refuses = 2;
    const { endpoint, recorded } = modelEndpoint(device, clock);
    const end = bringOn(endpoint, activityOf(true), { by: RESTORE });
    await clock.advance(0);
    expect(device.asked).toBe(1);
    await clock.advance(999);
    expect(device.asked).toBe(1);
    await clock.advance(1);
    expect(device.asked).toBe(2);
    await clock.advance(3999);
    expect(device.asked).toBe(2);
    await clock.advance(1);
    expect(await end).toEqual({ kind: "on" });
    expect(recorded.patches).toEqual([{ attempts: 1 }, { attempts: 2 }, { attempts: 3 }]);
    expect(device.edges).toEqual(["on"]);
  });

  it("never asks more often than three times, counting what former processes did", async () => {
    await assert(
      asyncProperty(
        integer({ min: 0, max: 5 }),
        integer({ min: 0, max: 6 }),
        async (made, refuses) => {
          const one = new ModelDevice();
          one.refuses = refuses;
          const time = new VirtualClock();
          const { endpoint } = modelEndpoint(one, time, { attempts: made });
          const ending = bringOn(endpoint, activityOf(false), { by: RESTORE });
          await time.advance(minutes(1));
          const end = await ending;
          const may = Math.max(0, 3 - made);
          expect(one.asked).toBe(Math.min(may, refuses + 1));
          expect(end.kind).toBe(refuses < may ? "on" : "exhausted");
        },
      ),
      { numRuns: 30 },
    );
  });

  it("waits for a silent device as long as it is told, and counts no attempt", async () => {
    device.silent = true;
    const { endpoint, recorded } = modelEndpoint(device, clock);
    const ending = bringOn(endpoint, activityOf(true), { by: RESTORE, silence: seconds(60) });
    await clock.advance(seconds(80));
    expect(await ending).toMatchObject({ kind: "silent" });
    expect(recorded.patches).toEqual([]);

    const patient = bringOn(endpoint, activityOf(true), { by: RESTORE });
    await clock.advance(minutes(30));
    device.silent = false;
    await clock.advance(seconds(10));
    expect(await patient).toEqual({ kind: "on" });
    expect(recorded.patches).toEqual([{ attempts: 1 }]);
  });

  it("lets go when something takes its place while it waits, and asks no more", async () => {
    device.refuses = 1;
    const { endpoint } = modelEndpoint(device, clock);
    const activity = activityOf(true);
    endpoint.begin(activity);
    const end = bringOn(endpoint, activity, { by: RESTORE });
    end.catch(() => undefined);
    await clock.advance(500);
    endpoint.begin(activityOf(false));
    await expect(end).rejects.toThrow("took the place");
    await clock.advance(minutes(1));
    expect(device.asked).toBe(1);
    expect(device.on).toBe(false);
  });

  it("is not to be interrupted while the device is asked and read back", async () => {
    device.stuck = true;
    const { endpoint } = modelEndpoint(device, clock);
    const activity = activityOf(true);
    endpoint.begin(activity);
    const end = bringOn(endpoint, activity, { by: RESTORE });
    await clock.advance(seconds(5));
    expect(activity.interruptible).toBe(false);
    expect(() => endpoint.begin(activityOf(false))).toThrow("busy");
    await clock.advance(seconds(5.5));
    expect(activity.interruptible).toBe(true);
    await clock.advance(minutes(1));
    expect(await end).toMatchObject({ kind: "exhausted" });
    expect(device.asked).toBe(3);
  });
});
