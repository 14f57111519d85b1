import type { SitePolicy } from "@outrider/contracts/fleet";
import { agentId, nodeId } from "@outrider/contracts/ids";
import type { Received } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { DomainDraws } from "../alarms/domain-draws.js";
import type { DeclaredSource } from "../declared.js";
import { TelemetryListeners, type SensorTaken } from "../telemetry-listener.js";
import { Latest } from "./latest.js";
import { redeclaring } from "./redeclaring.js";

const NODE = nodeId("n1");

describe("a sensor that was renamed", () => {
  it("draws nothing any more, and what is left goes on", async () => {
    const clock = new VirtualClock();
    const watts: number[] = [];
    const draws = new DomainDraws({
      clock,
      draw: (draw) => void watts.push(draw.watts),
      domains: () => undefined,
      put: () => undefined,
    });
    const powerDomains = { "psu-a": { nodes: ["n1"], wattBudget: 20 } };
    draws.policy({ payload: { powerDomains } } as unknown as Received<SitePolicy, object>);
    const listeners = new TelemetryListeners();
    listeners.add(draws);
    const latest = new Latest(clock);
    const reads = (sensor: string, powerWatts: number): void => {
      const read: SensorTaken = {
        node: NODE,
        agent: agentId("rack-a"),
        sensor,
        atMs: clock.now().getTime(),
        takenMs: clock.monotonicMs(),
        staleAfterMs: 30_000,
        values: { powerWatts },
        absent: {},
      };
      latest.sensorRead(read);
      listeners.sensorRead(read);
    };
    const left: Pick<DeclaredSource, "kind" | "name">[] = [{ kind: "sensor", name: "board" }];
    const forgotten: string[] = [];
    const redeclared = redeclaring({
      latest,
      declared: { of: () => left as DeclaredSource[] },
      listeners,
      publication: {
        forget: (node) => void forgotten.push(node),
        forgetSensor: (_, sensor) => void forgotten.push(sensor),
      },
    });
    reads("port", 12);
    reads("board", 7);
    draws.start();
    await clock.advance(5000);
    redeclared(new Set([NODE]));
    await clock.advance(5000);
    expect(watts).toEqual([12, 7]);
    expect([...latest.sensors(NODE).keys()]).toEqual(["board"]);
    expect(forgotten).toEqual(["port"]);
    // What is no sensor any more is missed by no budget.
    left.length = 0;
    redeclared(new Set([NODE]));
    await clock.advance(5000);
    expect(watts).toEqual([12, 7]);
  });
});
