import { toAlias, toInfluxQL } from "./influxql.js";
import { toPromQL } from "./promql.js";
import { isEvents, type Query, type Tier } from "./query.js";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/cog";

/** The two ways to ask the stores that Outrider writes to. */
export const DIALECTS = ["influxql", "promql"] as const;
/** `influxql`: InfluxDB 1.x and what understands its queries. `promql`: VictoriaMetrics. */
export type Dialect = (typeof DIALECTS)[number];

/** Data sources, by the uid under which they are provisioned. */
export const DATA_SOURCES = {
  influxql: { type: "influxdb", uid: "outrider-influxql" },
  promql: { type: "prometheus", uid: "outrider-promql" },
} as const satisfies Record<Dialect, { type: string; uid: string }>;

/** A query as it stands in a panel. */
export type Target = Dataquery & {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  /** InfluxQL */
  readonly query?: string;
  /** PromQL */
  readonly expr?: string;
  readonly instant?: boolean;
};

export interface TargetOptions {
  readonly refId: string;
  /** A table with this as the name of the column of values. */
  readonly column?: string | undefined;
  /** Of an alert rule. */
  readonly alert?: boolean;
  readonly tier?: Tier | undefined;
}

export function toTarget(query: Query, dialect: Dialect, options: TargetOptions): Target {
  const { refId, column, alert = false, tier } = options;
  const datasource = { ...DATA_SOURCES[dialect] };
  const table = column !== undefined || isEvents(query);
  const legend = isEvents(query) ? undefined : query.legend;
  if (dialect === "influxql") {
    const alias = table || alert || legend === undefined ? {} : { alias: toAlias(legend) };
    const text = toInfluxQL(query, { alert, column, tier });
    return target({
      refId,
      datasource,
      rawQuery: true,
      query: text,
      resultFormat: table ? "table" : "time_series",
      ...alias,
    });
  }
  const instant = alert || isEvents(query) || query.at !== "times";
  return target({
    refId,
    datasource,
    expr: toPromQL(query),
    instant,
    range: !instant,
    editorMode: "code",
    format: table ? "table" : "time_series",
    ...(table || legend === undefined ? {} : { legendFormat: legend }),
  });
}

function target(properties: object): Target {
  return properties as Target;
}
