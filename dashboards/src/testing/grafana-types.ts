import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import type { TypeReduce, TypeThreshold } from "@grafana/grafana-foundation-sdk/expr";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";
import type { Options as StatOptions } from "@grafana/grafana-foundation-sdk/stat";
import type * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/**
 * What of Grafana's own types the JSON is checked against: JSON Schemas are made of these. `options` and `custom` of a
 * panel are `any` in the type of a dashboard and have one of their own for each kind of panel.
 */
export interface GrafanaTypes {
  readonly dashboard: Dashboard;
  readonly timeseries: { options: timeseries.Options; custom: timeseries.FieldConfig };
  readonly stat: { options: StatOptions; custom?: object };
  readonly "state-timeline": { options: statetimeline.Options; custom: statetimeline.FieldConfig };
  readonly table: { options: table.Options; custom: table.FieldConfig };
  readonly prometheus: Dataquery;
  readonly reduce: TypeReduce;
  readonly threshold: TypeThreshold;
}
