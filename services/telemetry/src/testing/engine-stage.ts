import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";
import {
  DEFAULT_ALARMS,
  SITE_RULE_KINDS,
  type AlarmRule,
  type RuleKind,
  type TelemetryPolicy,
} from "@outrider/contracts/telemetry-policy";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { AlarmEngine } from "../alarms/alarm-engine.js";
import type { Finding, Place } from "../alarms/alarm.js";

export const N1 = nodeId("n1");

/** The node n1, wired to the agent rack-a. @param sensors drivers by name */
export function described(
  sensors: Readonly<Record<string, string>> = { soc: "thermal" },
): NodeDescription {
  const agent = agentId("rack-a");
  return {
    id: N1,
    name: "One",
    roles: [],
    labels: {},
    supportedActions: ["On"],
    gracefulLimitMs: 1000,
    interfaces: {
      power: [{ agent, endpoint: endpointId("n1", "power"), driver: "gpio" }],
      sensor: Object.entries(sensors).map(([name, driver]) => ({
        agent,
        endpoint: endpointId("n1", "sensor", name),
        driver,
      })),
      heartbeat: [{ agent, endpoint: endpointId("n1", "heartbeat", "lan"), driver: "ping" }],
    },
  };
}

export const DOMAIN = { nodes: [], startSpacingMs: 0, startDurationMs: 0, oneAgent: true };

/** The product's rules. @param more in their place or beside them */
export function policyOf(more: Readonly<Record<string, AlarmRule>> = {}): TelemetryPolicy {
  const all = Object.entries<AlarmRule>({ ...DEFAULT_ALARMS, ...more });
  const isOfSite = ([, { kind }]: [string, AlarmRule]): boolean =>
    (SITE_RULE_KINDS as readonly RuleKind[]).includes(kind);
  return {
    site: "lab",
    profiles: [{ rules: Object.fromEntries(all.filter((one) => !isOfSite(one))) }],
    nodes: { n1: 0 },
    siteRules: Object.fromEntries(all.filter(isOfSite)),
    notifications: { channels: {}, routes: {}, groupWithinMs: 0, repeatAfterMs: 0 },
  };
}

/** An engine with the product's rules and the node n1, and what it finds. */
export class EngineStage {
  readonly clock = new VirtualClock();
  readonly said: string[] = [];
  readonly places: Place[] = [];
  readonly findings: Finding[] = [];
  /** What was said in other words. */
  readonly reworded: string[] = [];
  readonly engine = this.another();

  constructor() {
    this.engine.govern(policyOf());
    this.engine.describe("n1", described());
  }

  /** One that knows nothing yet. */
  another(): AlarmEngine {
    return new AlarmEngine(this.clock, {
      found: (finding, place) => {
        this.findings.push(finding);
        this.places.push(place);
        this.said.push(`${finding.severity} ${finding.subject} ${finding.id}`);
      },
      reworded: ({ id, message }) => void this.reworded.push(`${id}: ${message}`),
      over: ({ subject, id }, why) =>
        void this.said.push(`over ${subject} ${id}${why === undefined ? "" : `: ${why}`}`),
    });
  }

  async pass(ms: number, every = 1000): Promise<void> {
    for (let left = ms; left > 0; left -= every) {
      await this.clock.advance(Math.min(every, left));
      this.engine.tick();
    }
  }
}
