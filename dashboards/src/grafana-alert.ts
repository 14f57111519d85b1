import type { Query } from "@grafana/grafana-foundation-sdk/alerting";
import type { TypeReduce, TypeThreshold } from "@grafana/grafana-foundation-sdk/expr";
import type { AlertDescription } from "./alerts.js";
import { DATA_SOURCES, toTarget, type Dialect } from "./grafana-target.js";

/** What Grafana calls its own expressions. */
const EXPRESSIONS = { type: "__expr__", uid: "__expr__" } as const;
export const FOLDER = "Outrider";

/** A query of a rule as it stands in a file. */
export interface RuleQuery {
  readonly refId: string;
  readonly relativeTimeRange: { readonly from: number; readonly to: number };
  readonly datasourceUid: string;
  readonly model: Readonly<Record<string, unknown>>;
}

/**
 * A rule in the shape of file provisioning (`apiVersion: 1`), which differs from that of Grafana's API: `folder` by
 * title at the group, `dashboardUid` instead of annotations, durations as text.
 */
export interface ProvisionedRule {
  readonly uid: string;
  readonly title: string;
  readonly condition: string;
  readonly data: readonly RuleQuery[];
  readonly noDataState: string;
  readonly execErrState: string;
  readonly for: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly isPaused: boolean;
}

export interface AlertingFile {
  readonly apiVersion: 1;
  readonly groups: readonly {
    readonly orgId: number;
    readonly name: string;
    readonly folder: string;
    readonly interval: string;
    readonly rules: readonly ProvisionedRule[];
  }[];
}

export function toAlertingFile(
  alerts: readonly AlertDescription[],
  dialect: Dialect,
): AlertingFile {
  const rules = alerts.map((alert) => toRule(alert, dialect));
  return {
    apiVersion: 1,
    groups: [{ orgId: 1, name: "outrider", folder: FOLDER, interval: "1m", rules }],
  };
}

/** A: what is asked. B: of each series its last value. C: whether that is beyond the limit. */
function toRule(alert: AlertDescription, dialect: Dialect): ProvisionedRule {
  const { key, title, rangeSeconds, query, fires } = alert;
  const target = toTarget(query, dialect, { refId: "A", alert: true });
  const reduce: Omit<TypeReduce, "_implementsDataqueryVariant"> = {
    refId: "B",
    datasource: { ...EXPRESSIONS },
    type: "reduce",
    expression: "A",
    reducer: "last",
  };
  const threshold: Omit<TypeThreshold, "_implementsDataqueryVariant"> = {
    refId: "C",
    datasource: { ...EXPRESSIONS },
    type: "threshold",
    expression: "B",
    conditions: [{ evaluator: evaluatorOf(fires) }],
  };
  const data = (refId: string, datasourceUid: string, model: object): RuleQuery => ({
    refId,
    relativeTimeRange: { from: rangeSeconds, to: 0 } satisfies Query["relativeTimeRange"],
    datasourceUid,
    model: { intervalMs: 1000, maxDataPoints: 43_200, ...model },
  });
  return {
    uid: `outrider-${dialect}-${key}`,
    title,
    condition: "C",
    data: [
      data("A", DATA_SOURCES[dialect].uid, target),
      data("B", EXPRESSIONS.uid, reduce),
      data("C", EXPRESSIONS.uid, threshold),
    ],
    noDataState: alert.noData,
    execErrState: "Error",
    for: alert.for,
    annotations: { summary: alert.summary, description: alert.description },
    labels: { severity: alert.severity, source: "outrider" },
    isPaused: false,
  };
}

function evaluatorOf(
  fires: AlertDescription["fires"],
): TypeThreshold["conditions"][number]["evaluator"] {
  if (fires.is === "outside") return { type: "outside_range", params: [fires.from, fires.to] };
  return { type: fires.is === "above" ? "gt" : "lt", params: [fires.limit] };
}
