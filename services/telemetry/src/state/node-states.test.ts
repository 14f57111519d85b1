import { milliseconds, timestamp } from "@outrider/contracts/clock";
import { agentId, nodeId } from "@outrider/contracts/ids";
import type { NodeDescription, NodeStatus } from "@outrider/contracts/node";
import { SUPPLY_VALUES, type PowerState } from "@outrider/contracts/power";
import type { Absence } from "@outrider/contracts/reading";
import type { Session } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import type { Point } from "../store/store.js";
import type { PowerLeft } from "../telemetry-listener.js";
import { AlarmHealth } from "./alarm-health.js";
import { Latest } from "./latest.js";
import { Management } from "./management.js";
import { NodeStates } from "./node-states.js";

const NODE = nodeId("n1");

function stage() {
  const clock = new VirtualClock();
  const points: Point[] = [];
  const kinds: string[] = [];
  const expired: PowerLeft[] = [];
  const healths: string[] = [];
  const session: Pick<Session, "retain"> = {
    retain: (_, __, payload) => void healths.push((payload as unknown as NodeStatus).health),
  };
  const management = new Management();
  const description: Pick<NodeDescription, "interfaces"> = { interfaces: {} };
  management.describe(NODE, description as NodeDescription);
  const latest = new Latest(clock);
  const states = new NodeStates({
    session: session as Session,
    clock,
    latest,
    management,
    alarms: new AlarmHealth(),
    livenessChanged: () => undefined,
    powerExpired: (_, left) => void expired.push(left),
    happened: ({ kind }) => void kinds.push(kind),
    store: (more) => points.push(...more),
  });
  states.start();
  const power = (value: "On" | "Off", observedAt = timestamp(clock)): PowerState => {
    const told = {
      evidence: "ReadBack",
      since: observedAt,
      observedAt,
      staleAfterMs: 10_000,
    } as const;
    return { supply: { value, ...told }, host: { value: "Unknown", ...told } };
  };
  const hears = (state: PowerState): void => states.powerSeen(NODE, state, clock.monotonicMs());
  const looks = (alive?: boolean, absent?: Absence): void => {
    const reading = {
      node: NODE,
      agent: agentId("rack-a"),
      heartbeat: "lan",
      atMs: clock.now().getTime(),
      takenMs: clock.monotonicMs(),
      staleAfterMs: 2000,
      look: {
        proves: "network" as const,
        ...(alive === undefined ? {} : { alive }),
        ...(absent === undefined ? {} : { absent }),
      },
    };
    latest.heartbeatRead(reading);
    states.heartbeatRead(reading);
  };
  const supply = (): string | undefined => SUPPLY_VALUES[points.at(-1)?.fields["supply"] ?? -1];
  const dies = (): void =>
    hears({
      ...power("On"),
      host: { ...power("On").host, value: "Halted" },
      problem: "The host panicked.",
    });
  const panics = (): void => {
    hears({ ...power("On"), host: { ...power("On").host, value: "Halted" } });
    states.stageSeen(NODE, { value: "panic", since: "2026-01-01T01:00:00.000Z" });
  };
  return { clock, expired, kinds, power, hears, dies, panics, looks, supply, healths };
}

describe("what the power service has said of a node", () => {
  it("is not known any more when it has said nothing for too long", async () => {
    const { clock, power, hears, supply } = stage();
    hears(power("On"));
    await clock.advance(milliseconds(9000));
    expect(supply()).toBe("On");
    await clock.advance(milliseconds(3000));
    expect(supply()).toBe("Unknown");
    hears(power("On"));
    expect(supply()).toBe("On");
  });

  it("is told once not to hold any more, whatever it excused or accused", async () => {
    const { clock, expired, power, hears } = stage();
    hears({ ...power("On"), fault: "three attempts" });
    await clock.advance(milliseconds(9000));
    hears({ ...power("On"), fault: "three attempts" });
    await clock.advance(milliseconds(9000));
    expect(expired).toEqual([]);
    await clock.advance(milliseconds(5000));
    expect(expired).toEqual([{ supply: "Unknown", host: "Unknown", fault: "three attempts" }]);
    hears(power("On"));
    await clock.advance(milliseconds(20_000));
    expect(expired).toHaveLength(2);
  });

  it("is no younger because the broker says it again", async () => {
    const { clock, power, hears, supply } = stage();
    const state = power("On");
    hears(state);
    await clock.advance(milliseconds(8000));
    hears(state);
    await clock.advance(milliseconds(4000));
    expect(supply()).toBe("Unknown");
  });

  it("holds by when it was heard, whatever the calendar of whoever observed it", async () => {
    const { clock, power, hears, supply } = stage();
    hears(power("On", "2021-01-01T00:00:00.000Z"));
    await clock.advance(milliseconds(5000));
    expect(supply()).toBe("On");
  });

  it.each(["dies", "panics"] as const)(
    "excuses no silence of a machine that %s, although it has halted",
    async (how) => {
      const one = stage();
      one.looks(true);
      one[how]();
      one.looks(false);
      await one.clock.advance(milliseconds(2500));
      one.looks(false);
      await one.clock.advance(milliseconds(1000));
      expect(one.kinds).toEqual(["heartbeat-missed", "node-silent"]);
    },
  );

  it.each([
    ["excuses silence while it holds", 1000, []],
    ["excuses no silence once it is stale", 15_000, ["heartbeat-missed", "node-silent"]],
  ])("%s", async (_, agoMs, told) => {
    const { clock, kinds, power, hears, looks } = stage();
    hears(power("Off"));
    await clock.advance(milliseconds(agoMs));
    looks(true);
    looks(false);
    await clock.advance(milliseconds(1500));
    looks(false);
    await clock.advance(milliseconds(1700));
    expect(kinds).toEqual(told);
  });
});

describe("the health of a node", () => {
  it.each<[string, boolean | undefined, Absence | undefined]>([
    ["OK", true, undefined],
    ["OK", false, undefined],
    ["OK", undefined, "DeviceOff"],
    ["Unknown", undefined, "TimedOut"],
    ["Unknown", undefined, "NoReading"],
  ])("is %s where all that was heard of it is %s, %s", (health, alive, absent) => {
    const { looks, healths } = stage();
    looks(alive, absent);
    expect(healths.at(-1)).toBe(health);
  });
});
