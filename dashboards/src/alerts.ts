import { DEFAULT_ALARMS } from "@outrider/contracts/telemetry-policy";
import { codeOf } from "./looks.js";
import { values, type SeriesQuery } from "./query.js";

/**
 * Rules for Grafana's own alerting. What is wrong with a node is found by Outrider, with the limits of its site file;
 * here it is only handed on. Added is what a telemetry service that has died cannot tell of itself.
 */
export interface AlertDescription {
  /** Ends its uid. */
  readonly key: string;
  readonly title: string;
  /** One line, with labels as `{{ .Labels.node }}`. */
  readonly summary: string;
  /** What to do. */
  readonly description: string;
  /** Of now, or of the whole range that the rule looks at. */
  readonly query: SeriesQuery;
  /** How far back it looks, in seconds. */
  readonly rangeSeconds: number;
  readonly fires:
    | { readonly is: "above" | "below"; readonly limit: number }
    | { readonly is: "outside"; readonly from: number; readonly to: number };
  /** How long it must be so, as `1m`. */
  readonly for: string;
  readonly severity: "warning" | "critical";
  /** What it means that there is nothing to look at. */
  readonly noData: "OK" | "Alerting";
}

const { warning: budgetWarning, critical: budgetCritical } = DEFAULT_ALARMS["watt-budget"].upper;
const { warning: clockSeconds } = DEFAULT_ALARMS["agent-clock"].upper;
const WARNING = codeOf("node_alarm", "severity", "Warning");

const ofBudget = values("domain_power", "drawWatts", {
  per: "budgetWatts",
  by: ["domain"],
  at: "now",
});
const overBudget = {
  query: ofBudget,
  rangeSeconds: 300,
  summary: "{{ .Labels.domain }} draws too much of its watt budget",
  description:
    "Nothing more can be started in this domain. See which nodes draw the most, and shut one down or raise the budget if the supply can give it.",
  noData: "OK",
} as const;

/** Two rules about alarms that stand: critical ones, and warnings. @param of the tag that says what they are of */
function alarmRules(
  key: string,
  measurement: "node_alarm" | "site_alarm",
  of: "node" | "subject",
  ofWhat: string,
): readonly AlertDescription[] {
  const by = [of, "alarm"] as const;
  const shared = {
    description: "`outrider alarms` says in words what is wrong and what to do.",
    rangeSeconds: 300,
    for: "0s",
    noData: "OK",
  } as const;
  const named = `{{ .Labels.${of} }}: {{ .Labels.alarm }}`;
  return [
    {
      ...shared,
      key: `${key}-critical`,
      title: `Critical alarm ${ofWhat}`,
      summary: `${named} is critical`,
      query: values(measurement, "severity", { by, at: "now" }),
      fires: { is: "above", limit: WARNING },
      severity: "critical",
    },
    {
      ...shared,
      key: `${key}-warning`,
      title: `Warning ${ofWhat}`,
      summary: `${named} is a warning`,
      query: values(measurement, "severity", { by, at: "now", only: { is: "=", value: WARNING } }),
      fires: { is: "above", limit: 0 },
      severity: "warning",
    },
  ];
}

export const ALERTS: readonly AlertDescription[] = [
  ...alarmRules("alarm", "node_alarm", "node", "of a node"),
  ...alarmRules("site-alarm", "site_alarm", "subject", "of an agent, a power domain or a service"),
  {
    key: "nothing-arrives",
    title: "Nothing arrives from Outrider",
    summary: "No state of any node has arrived for five minutes",
    description:
      "The telemetry service is not there, cannot write to the store, or has lost the broker. Until it is mended no alarm of Outrider is raised.",
    query: values("node_state", "supply", {
      by: ["node"],
      across: [{ how: "count" }],
      at: "now",
      legend: "Nodes",
    }),
    rangeSeconds: 300,
    fires: { is: "below", limit: 1 },
    for: "1m",
    severity: "critical",
    noData: "Alerting",
  },
  {
    key: "service-down",
    title: "A service of Outrider is not there",
    summary: "Service {{ .Labels.service }} is not there",
    description: "Its log says why it ended. What nodes do is not changed by it.",
    query: values("system_health", "up", { by: ["service"], at: "now" }),
    rangeSeconds: 300,
    fires: { is: "below", limit: 1 },
    for: "2m",
    severity: "critical",
    noData: "OK",
  },
  {
    key: "points-dropped",
    title: "Readings are lost",
    summary: "Points were dropped in the last ten minutes",
    description:
      "The spool in front of the store is full, or the store refuses what is written. See the log of the telemetry service.",
    query: values("system_health", "droppedPoints", {
      by: ["service"],
      reduce: "spread",
      at: "range",
    }),
    rangeSeconds: 600,
    fires: { is: "above", limit: 0 },
    for: "0s",
    severity: "critical",
    noData: "OK",
  },
  {
    key: "points-waiting",
    title: "Readings wait for the store",
    summary: "Points have waited for the store for a quarter of an hour",
    description: "The store is away or too slow. Nothing is lost before the spool is full.",
    query: values("system_health", "spooledPoints", { by: ["service"], at: "now" }),
    rangeSeconds: 300,
    fires: { is: "above", limit: 0 },
    for: "15m",
    severity: "warning",
    noData: "OK",
  },
  {
    key: "agent-clock",
    title: "The calendar of an agent is wrong",
    summary: "The calendar of {{ .Labels.agent }} is off by more than a minute",
    description:
      "Readings are corrected by it. Mend NTP on the agent's host all the same: logs there are wrong.",
    query: values("agent_clock", "offsetSeconds", { by: ["agent"], at: "now" }),
    rangeSeconds: 900,
    fires: { is: "outside", from: -clockSeconds, to: clockSeconds },
    for: "1m",
    severity: "warning",
    noData: "OK",
  },
  {
    ...overBudget,
    key: "budget-warning",
    title: "A power domain is near its budget",
    fires: { is: "above", limit: budgetWarning / 100 },
    for: "1m",
    severity: "warning",
  },
  {
    ...overBudget,
    key: "budget-critical",
    title: "A power domain is over its budget",
    fires: { is: "above", limit: budgetCritical / 100 },
    for: "1m",
    severity: "critical",
  },
];
