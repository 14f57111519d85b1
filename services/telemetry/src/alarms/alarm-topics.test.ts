import { topicOf, type Contract, type Parameters } from "@outrider/contracts/contract";
import type { AlarmState } from "@outrider/contracts/telemetry";
import { beforeEach, describe, expect, it } from "vitest";
import { AlarmTopics } from "./alarm-topics.js";

const STATE: AlarmState = {
  id: "agent-away",
  rule: "agent-away",
  kind: "silent",
  severity: "Critical",
  message: "not connected for 60 s",
  raisedAt: "2026-11-23T12:00:00.000Z",
};

describe("alarms on the bus", () => {
  let topics: AlarmTopics;
  let owned: string[];
  /** What stands, by topic. */
  let stands: Map<string, unknown>;

  beforeEach(() => {
    owned = [];
    stands = new Map();
    topics = new AlarmTopics({
      own: ({ template }: Contract<string, object>) => void owned.push(template),
      retain: <T extends string, P extends object>(
        contract: Contract<T, P>,
        parameters: Parameters<T>,
        payload: P | undefined,
      ): void => {
        const topic = topicOf<string>(contract, parameters);
        if (payload === undefined) stands.delete(topic);
        else stands.set(topic, payload);
      },
    });
    topics.start();
  });
  const say = (subject: string, id: string, state?: Partial<AlarmState>): void =>
    topics.say({ subject, id }, state && { ...STATE, id, ...state });

  it("stand where what they are about has its other topics, and are cleared there", () => {
    say("node:n1", "silent", {});
    say("agent:rack-a", "agent-away", {});
    say("domain:psu-a", "watt-budget", {});
    say("service:telemetry", "time-series-store", {});
    const topicsNow = [...stands.keys()].toSorted();
    expect(topicsNow).toEqual([
      "outrider/v1/agent/rack-a/alarm/agent-away",
      "outrider/v1/agent/rack-a/health",
      "outrider/v1/domain/psu-a/alarm/watt-budget",
      "outrider/v1/node/n1/alarm/silent",
      "outrider/v1/service/telemetry/alarm/time-series-store",
      "outrider/v1/site/health",
    ]);
    say("node:n1", "silent");
    say("agent:rack-a", "agent-away");
    say("domain:psu-a", "watt-budget");
    say("service:telemetry", "time-series-store");
    expect([...stands.keys()]).toEqual(["outrider/v1/site/health"]);
  });

  it("are this service's alone, each kind of them", () => {
    expect(owned.toSorted()).toEqual([
      "agent/{agent}/alarm/{alarm}",
      "agent/{agent}/health",
      "domain/{domain}/alarm/{alarm}",
      "node/{node}/alarm/{alarm}",
      "service/{service}/alarm/{alarm}",
      "site/health",
    ]);
  });

  it("make the health of an agent as long as something hangs on it", () => {
    const health = (): unknown => stands.get("outrider/v1/agent/rack-a/health");
    expect(health()).toBeUndefined();
    topics.agentDeclared("rack-a", true);
    expect(health()).toEqual({ health: "OK", alarms: [] });
    say("agent:rack-a", "readings-lost", { severity: "Critical" });
    say("agent:rack-a", "agent-clock", { severity: "Warning" });
    expect(health()).toEqual({
      health: "Critical",
      alarms: [
        { subject: "agent:rack-a", id: "agent-clock", severity: "Warning" },
        { subject: "agent:rack-a", id: "readings-lost", severity: "Critical" },
      ],
    });
    say("agent:rack-a", "readings-lost");
    expect(health()).toMatchObject({ health: "Warning" });
    topics.agentDeclared("rack-a", false);
    expect(health()).toMatchObject({ health: "Warning" });
    say("agent:rack-a", "agent-clock");
    expect(health()).toBeUndefined();
  });

  it("make the health of the site of power domains and services, not of agents and nodes", () => {
    const health = (): unknown => stands.get("outrider/v1/site/health");
    say("agent:rack-a", "agent-away", {});
    say("node:n1", "silent", {});
    expect(health()).toEqual({ health: "OK", alarms: [] });
    say("domain:psu-a", "watt-budget", { severity: "Warning" });
    expect(health()).toMatchObject({ health: "Warning" });
    say("service:telemetry", "time-series-store", {});
    expect(health()).toMatchObject({
      health: "Critical",
      alarms: [{ subject: "domain:psu-a" }, { subject: "service:telemetry" }],
    });
    say("service:telemetry", "time-series-store");
    say("domain:psu-a", "watt-budget");
    expect(health()).toEqual({ health: "OK", alarms: [] });
  });
});
