import { timestamp } from "@outrider/contracts/clock";
import type { SitePolicy } from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import type { PowerState, Supply } from "@outrider/contracts/power";
import type { Absence } from "@outrider/contracts/reading";
import type { Received } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import type { Point } from "../store/store.js";
import type { SensorTaken } from "../telemetry-listener.js";
import type { DomainDraw } from "./alarm-engine.js";
import { DomainDraws } from "./domain-draws.js";

describe("draw of power domains", () => {
  let clock: VirtualClock;
  let draws: DomainDraws;
  let points: Point[];
  let told: DomainDraw[];
  let declared: string[];
  beforeEach(() => {
    clock = new VirtualClock();
    points = [];
    told = [];
    draws = new DomainDraws({
      clock,
      draw: (draw) => told.push(draw),
      domains: (domains) => void (declared = Object.keys(domains)),
      put: (more) => points.push(...more),
    });
    const powerDomains = {
      "psu-a": { nodes: ["n1", "n2", "n3"], wattBudget: 20 },
      "psu-b": { nodes: ["n4"] },
    };
    draws.policy({ payload: { powerDomains } } as unknown as Received<SitePolicy, object>);
    draws.start();
  });

  const reads = (node: string, sensor: string, powerWatts: number): void =>
    draws.sensorRead({
      node: node as NodeId,
      sensor,
      values: { powerWatts },
      absent: {},
    } as SensorTaken);
  const misses = (node: string, sensor: string, powerWatts: Absence): void =>
    draws.sensorRead({
      node: node as NodeId,
      sensor,
      values: {},
      absent: { powerWatts },
    } as unknown as SensorTaken);
  const isSupplied = (node: string, value: Supply): void => {
    const supply = { value, since: timestamp(clock) };
    draws.power({ payload: { supply }, parameters: { node } } as Received<
      PowerState,
      { node: string }
    >);
  };
  const stored = (domain: string): Point["fields"][] =>
    points.filter(({ tags }) => tags["domain"] === domain).map(({ fields }) => fields);

  it("adds up what nodes draw, each by its sensor that measures the most", async () => {
    reads("n1", "port", 6);
    reads("n1", "board", 5);
    reads("n2", "board", 4);
    await clock.advance(5000);
    const whole = { domain: "psu-a", watts: 10, budgetWatts: 20 };
    // Who else measures may not have been heard yet.
    expect(told).toEqual([{ ...whole, unmeasured: expect.stringContaining("just started") }]);
    expect(declared).toEqual(["psu-a", "psu-b"]);
    expect(stored("psu-a")).toEqual([{ startsRunning: 0, drawWatts: 10, budgetWatts: 20 }]);
    expect(stored("psu-b")).toEqual([{ startsRunning: 0 }]);
    await clock.advance(60_000);
    expect(told.at(-1)).toEqual(whole);
  });

  it("says of which nodes it is not known any more, and not of those that are off", async () => {
    const latest = async (): Promise<DomainDraw | undefined> => {
      await clock.advance(5000);
      return told.at(-1);
    };
    const known = { domain: "psu-a", budgetWatts: 20 };
    reads("n1", "port", 6);
    reads("n1", "board", 5);
    reads("n2", "board", 4);
    await clock.advance(60_000);
    draws.sensorExpired("n1", "board");
    // It never measured anything.
    draws.sensorExpired("n3", "soc");
    expect(await latest()).toEqual({ ...known, watts: 10 });
    draws.sensorExpired("n2", "board");
    misses("n1", "port", "TimedOut");
    const unmeasured = "nothing is known of n[1-2] until it is measured again";
    expect(await latest()).toEqual({ ...known, watts: 0, unmeasured });
    isSupplied("n1", "Off");
    expect((await latest())?.unmeasured).toContain("of n2 ");
    draws.powerExpired("n1", { supply: "Unknown", host: "Unknown", fault: undefined });
    misses("n2", "board", "DeviceOff");
    expect((await latest())?.unmeasured).toContain("of n1 ");
    draws.sensorGone("n1", "board");
    reads("n1", "port", 7);
    expect(await latest()).toEqual({ ...known, watts: 7 });
    misses("n1", "port", "DeviceOff");
    expect(await latest()).toEqual({ ...known, watts: 0 });
  });

  it("counts as starting whose supply comes on or came on within a minute, and stores that each minute", async () => {
    isSupplied("n1", "PoweringOn");
    isSupplied("n2", "On");
    isSupplied("n3", "Off");
    await clock.advance(5000);
    isSupplied("n1", "On");
    await clock.advance(60_000);
    await clock.advance(60_000);
    expect(stored("psu-a").map(({ startsRunning }) => startsRunning)).toEqual([2, 1, 0]);
  });

  it("counts no start of which nothing is heard any more", async () => {
    isSupplied("n1", "PoweringOn");
    await clock.advance(5000);
    draws.powerExpired("n1", { supply: "Unknown", host: "Unknown", fault: undefined });
    await clock.advance(60_000);
    expect(stored("psu-a").map(({ startsRunning }) => startsRunning)).toEqual([1, 0]);
  });
});
