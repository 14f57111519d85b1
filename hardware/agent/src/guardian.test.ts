import { minutes, seconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import type { EndpointMemory } from "./command-record.js";
import { Guardian } from "./guardian.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import { ModelDevice } from "./testing/model-device.js";
import { activityOf, modelEndpoint, type Recorded } from "./testing/model-endpoint.js";

describe("the guardian", () => {
  let clock: VirtualClock;
  let device: ModelDevice;
  let guardian: Guardian;
  const defects: unknown[] = [];

  beforeEach(() => {
    clock = new VirtualClock();
    device = new ModelDevice();
    defects.length = 0;
    guardian = new Guardian({
      clock,
      reporter: { news: () => undefined },
      bootId: "b1",
      stopped: new AbortController().signal,
      defect: (error) => void defects.push(error),
      changed: () => undefined,
    });
  });

  /** An endpoint that is read once a second, as the monitor does. */
  const watched = (
    memory: EndpointMemory,
    restore: "None" | "AlwaysOn" | "Restore" = "AlwaysOn",
  ): { endpoint: PowerEndpoint; recorded: Recorded } => {
    const made = modelEndpoint(device, clock, { bootId: "b1", ...memory }, { restore });
    made.endpoint.onReading = (reading, undisturbed) => {
      if (undisturbed && "supply" in reading) guardian.seen(made.endpoint, reading.supply);
    };
    clock.every(seconds(1), () => {
      made.endpoint.sense(new AbortController().signal).catch(() => undefined);
    });
    return made;
  };
  const kinds = ({ events }: Recorded): (string | undefined)[] =>
    events.map(({ incident }) => incident?.kind);

  it("gives up a supply that is lost again and again, and forgets that after ten good minutes", async () => {
    device.on = true;
    const { endpoint, recorded } = watched({ attempts: 0, seen: "On" });
    for (let time = 0; time < 3; time++) {
      await clock.advance(minutes(1));
      device.lose();
    }
    await clock.advance(minutes(1));
    expect(device.edges).toEqual(["off", "on", "off", "on", "off", "on"]);
    expect(endpoint.memory.attempts).toBe(3);

    await clock.advance(minutes(11));
    expect(endpoint.memory.attempts).toBe(0);
    for (let time = 0; time < 4; time++) {
      device.lose();
      await clock.advance(minutes(1));
    }
    expect(device.on).toBe(false);
    expect(kinds(recorded).slice(-3)).toEqual(["supply-lost", "restore-failed", "fault-latched"]);
    // It came on each time: the fault must not send anybody to look for a supply that cannot be switched.
    expect(endpoint.memory.fault).toBe(
      "The supply did not come on and stay on in 3 automatic power-ons: no automatic power-on is left, and it reads Off",
    );
    expect(defects).toEqual([]);
  });

  it("says in the fault why the last power-on failed, when it was tried just now", async () => {
    device.on = true;
    device.refuses = 3;
    const { endpoint } = watched({ attempts: 0, seen: "On" });
    device.lose();
    await clock.advance(minutes(1));
    expect(endpoint.memory.fault).toBe(
      "The supply did not come on and stay on in 3 automatic power-ons: the model refuses",
    );
  });

  it("leaves a supply alone that a command owns, and one that was commanded off", async () => {
    device.on = true;
    const { endpoint, recorded } = watched({ attempts: 0, seen: "On", commanded: "Off" });
    device.lose();
    await clock.advance(seconds(3));
    expect(device.on).toBe(false);
    device.on = true;
    endpoint.hold({ commanded: "On" });
    await clock.advance(seconds(3));
    const command = activityOf(false);
    endpoint.begin(command);
    device.lose();
    await clock.advance(seconds(30));
    expect(device.asked).toBe(0);
    endpoint.hold({ seen: "Off" });
    endpoint.end(command);
    await clock.advance(seconds(30));
    expect(device.asked).toBe(0);
    expect(kinds(recorded)).toEqual([]);
  });

  it("makes way for a command, and goes on afterwards when that did not decide about the supply", async () => {
    device.on = true;
    device.refuses = 1;
    const { endpoint, recorded } = watched({ attempts: 0, seen: "On" });
    device.lose();
    await clock.advance(seconds(1.5));
    expect(endpoint.activity?.interruptible).toBe(true);
    expect(endpoint.memory.owed).toBe("restore");
    const press = activityOf(false);
    endpoint.begin(press);
    await clock.advance(minutes(1));
    expect(device.asked).toBe(1);
    endpoint.end(press);
    guardian.attend(endpoint);
    await clock.advance(seconds(10));
    expect(device.on).toBe(true);
    expect(kinds(recorded)).toEqual(["supply-lost", "restored"]);
    expect(endpoint.memory.owed).toBeUndefined();
  });

  it("finishes what a cycle owes, however long the device is silent", async () => {
    device.silent = true;
    const { endpoint, recorded } = watched({ attempts: 0, seen: "Off", owed: "cycle" }, "None");
    guardian.attend(endpoint);
    await clock.advance(minutes(60));
    device.silent = false;
    await clock.advance(seconds(15));
    expect(device.edges).toEqual(["on"]);
    expect(kinds(recorded)).toEqual(["cycle-finished"]);
  });

  it("P4: finishes what a cycle owes though the budget has been lowered meanwhile", async () => {
    const { endpoint } = watched({ attempts: 0, seen: "Off", owed: "cycle" }, "None");
    endpoint.gate.configure({
      endpoints: [{ ...endpoint.desired, domain: "psu", runningWatts: 8, startingWatts: 12 }],
      domains: [{ domain: "psu", startSpacingMs: 100, startDurationMs: 1000, wattBudget: 5 }],
    });
    guardian.attend(endpoint);
    await clock.advance(seconds(5));
    expect(device.edges).toEqual(["on"]);
    expect(endpoint.memory.owed).toBeUndefined();
  });

  it("records a boot before it restores, and restores once", async () => {
    const { endpoint, recorded } = watched({ attempts: 0, seen: "On", bootId: "b0" });
    guardian.attend(endpoint);
    await clock.advance(seconds(5));
    expect(recorded.patches[0]).toEqual({ bootId: "b1", seen: "Off", owed: "restore" });
    expect(kinds(recorded)).toEqual(["supply-lost", "restored"]);
    endpoint.hold({ commanded: "Off", seen: "Off" });
    device.on = false;
    guardian.attend(endpoint);
    await clock.advance(minutes(1));
    expect(device.edges).toEqual(["on"]);
  });

  it("takes a new endpoint as it is", async () => {
    const { endpoint, recorded } = modelEndpoint(device, clock, undefined, { restore: "AlwaysOn" });
    guardian.attend(endpoint);
    await clock.advance(minutes(1));
    expect(recorded.patches).toEqual([{ bootId: "b1" }]);
    expect(device.asked).toBe(0);
  });
});
