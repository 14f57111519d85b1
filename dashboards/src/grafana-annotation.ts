import * as grafana from "@grafana/grafana-foundation-sdk/dashboard";
import { MEASUREMENTS, metricName } from "@outrider/contracts/measurements";
import { chosen, type AnnotationDescription } from "./description.js";
import { EVENT_KINDS } from "./event-kinds.js";
import { DATA_SOURCES, type Dialect } from "./grafana-target.js";
import { matches as influxMatches } from "./influxql.js";
import { matches as promMatches } from "./promql.js";

export const ANNOTATIONS: readonly AnnotationDescription[] = [
  { name: "Power actions", color: "blue", kinds: EVENT_KINDS.power },
  { name: "Boots", color: "purple", kinds: EVENT_KINDS.boot },
  { name: "Alarms", color: "red", kinds: EVENT_KINDS.alarm },
];

/**
 * What the data source for InfluxQL reads of an annotation beside what all have. Its query stands in the annotation
 * itself, not in a target.
 */
export interface InfluxAnnotation {
  readonly query: string;
  readonly textColumn: string;
  readonly tagsColumn: string;
}
export type Annotation = grafana.AnnotationQuery & Partial<InfluxAnnotation>;

export function toGrafanaAnnotation(
  { name, color, kinds }: AnnotationDescription,
  dialect: Dialect,
): Annotation {
  const { tags, text } = MEASUREMENTS.node_event;
  const where = { ...chosen("node"), kind: { pattern: kinds } };
  const builder = new grafana.AnnotationQueryBuilder()
    .name(name)
    .datasource({ ...DATA_SOURCES[dialect] })
    .enable(true)
    .iconColor(color);
  if (dialect === "influxql") {
    const columns = [text, ...tags].map((column) => `"${column}"`).join(", ");
    const conditions = [...influxMatches(where), "$timeFilter"].join(" AND ");
    const query = `SELECT ${columns} FROM "node_event" WHERE ${conditions}`;
    return { ...builder.build(), query, textColumn: text, tagsColumn: tags.join(",") };
  }
  // Looked at each minute for what happened in that minute, so that each is marked once.
  const counted = `count_over_time(${metricName("node_event", "count")}${promMatches(where)}[1m])`;
  return builder
    .expr(`sum by (${tags.join(", ")}) (${counted})`)
    .step("60s")
    .titleFormat("{{node}}")
    .textFormat("{{kind}}")
    .tagKeys(tags.join(","))
    .build();
}
