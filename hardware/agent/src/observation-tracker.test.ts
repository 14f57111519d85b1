import { endpointId } from "@outrider/contracts/ids";
import { PortError } from "@outrider/ports/port-error";
import { SUPPLY_OFF, type PowerReading } from "@outrider/ports/power-port";
import { describe, expect, it } from "vitest";
import { ObservationTracker } from "./observation-tracker.js";

const ON: PowerReading = {
  supply: "On",
  supplyEvidence: "ReadBack",
  host: "Running",
  hostEvidence: "ReadBack",
};
const desired = { endpoint: endpointId("n1", "power"), staleAfterMs: 9000 };
const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;

describe("observations", () => {
  it("keep since when each value has been what it is", () => {
    const tracker = new ObservationTracker();
    expect(tracker.take(ON, at(0), desired, undefined)).toMatchObject({ changed: true });
    const again = tracker.take(ON, at(1), desired, undefined);
    expect(again).toMatchObject({
      changed: false,
      observation: { supplySince: at(0), hostSince: at(0), observedAt: at(1), staleAfterMs: 9000 },
    });
    const halted = tracker.take({ ...ON, host: "Halted" }, at(2), desired, undefined);
    expect(halted).toMatchObject({
      changed: true,
      observation: { supplySince: at(0), hostSince: at(2), host: "Halted" },
    });
    expect(tracker.take(SUPPLY_OFF, at(3), desired, undefined).observation).toMatchObject({
      supply: "Off",
      supplySince: at(3),
      host: "Halted",
      hostSince: at(2),
      hostEvidence: "Assumed",
    });
  });

  it("take silence for not known, never for off, and say why", () => {
    const tracker = new ObservationTracker();
    tracker.take(ON, at(0), desired, undefined);
    const silent = tracker.take(new PortError("timed-out", "no answer"), at(1), desired, undefined);
    expect(silent).toMatchObject({
      changed: true,
      observation: { supply: "Unknown", host: "Unknown", problem: "no answer" },
    });
  });

  it("change with a fault", () => {
    const tracker = new ObservationTracker();
    tracker.take(ON, at(0), desired, undefined);
    expect(tracker.take(ON, at(1), desired, "broken")).toMatchObject({
      changed: true,
      observation: { fault: "broken" },
    });
    expect(tracker.take(ON, at(2), desired, undefined).changed).toBe(true);
  });
});
