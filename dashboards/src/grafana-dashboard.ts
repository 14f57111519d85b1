import * as grafana from "@grafana/grafana-foundation-sdk/dashboard";
import { metricName } from "@outrider/contracts/measurements";
import { VARIABLES, type DashboardDescription, type Variable } from "./description.js";
import { ANNOTATIONS, toGrafanaAnnotation } from "./grafana-annotation.js";
import { toGrafanaPanel } from "./grafana-panel.js";
import { DATA_SOURCES, type Dialect } from "./grafana-target.js";

/** Its uid, which Grafana limits to 40 characters, and the last part of its address. */
export function uidOf(key: string, dialect: Dialect): string {
  return `outrider-${dialect}-${key}`;
}

/** Builds the JSON of a dashboard for one kind of store. */
export function toGrafanaDashboard(
  description: DashboardDescription,
  dialect: Dialect,
): grafana.Dashboard {
  const builder = new grafana.DashboardBuilder(description.title)
    .uid(uidOf(description.key, dialect))
    .description(description.description)
    .tags(["outrider", dialect])
    .timezone("browser")
    .time({ from: `now-${description.span}`, to: "now" })
    .refresh("30s")
    .tooltip(grafana.DashboardCursorSync.Crosshair)
    .link(others(dialect))
    .editable();
  for (const variable of description.variables) builder.withVariable(toVariable(variable, dialect));
  if (description.annotations) {
    for (const annotation of ANNOTATIONS) {
      const built = toGrafanaAnnotation(annotation, dialect);
      builder.annotation({ build: () => built });
    }
  }
  const link = `/d/${uidOf("node", dialect)}`;
  let id = 0;
  for (const { title, collapsed = false, panels } of description.rows) {
    const row = new grafana.RowBuilder(title).id(++id).collapsed(collapsed);
    const built = panels.map((panel) =>
      toGrafanaPanel(panel, { dialect, id: ++id, link, tier: description.tier }),
    );
    // Panels of a row that is folded stand in it, those of others below it.
    if (collapsed) for (const panel of built) row.withPanel(panel);
    builder.withRow(row);
    if (!collapsed) for (const panel of built) builder.withPanel(panel);
  }
  return builder.build();
}

function others(dialect: Dialect): grafana.DashboardLinkBuilder {
  return new grafana.DashboardLinkBuilder("Outrider")
    .type(grafana.DashboardLinkType.Dashboards)
    .tags(["outrider", dialect])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true);
}

function toVariable(name: Variable, dialect: Dialect): grafana.QueryVariableBuilder {
  const { label, measurement, field } = VARIABLES[name];
  const query =
    dialect === "influxql"
      ? `SHOW TAG VALUES FROM "${measurement}" WITH KEY = "${name}"`
      : `label_values(${metricName(measurement, field)}, ${name})`;
  return (
    new grafana.QueryVariableBuilder(name)
      .label(label)
      .datasource({ ...DATA_SOURCES[dialect] })
      .query(query)
      .refresh(grafana.VariableRefresh.OnTimeRangeChanged)
      // oxlint-disable-next-line unicorn/no-array-sort -- a builder, no array
      .sort(grafana.VariableSort.NaturalAsc)
      .multi(true)
      .includeAll(true)
      .allValue(".*")
      .current({ selected: true, text: ["All"], value: ["$__all"] })
  );
}
