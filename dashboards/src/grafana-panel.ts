import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as grafana from "@grafana/grafana-foundation-sdk/dashboard";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as timeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import { refIdOf, type Look, type PanelDescription, type Step, type Words } from "./description.js";
import { DATA_SOURCES, toTarget, type Dialect } from "./grafana-target.js";
import { isEvents, tagsOf, type Tier } from "./query.js";
import { tableTransformations, valueColumn } from "./grafana-table.js";

/** How long a line goes on without a value, in milliseconds: what is reported rarely is no gap, what has ended is. */
const GAP_MS = 15 * 60_000;
/** A state is told each minute. */
const STATE_GAP_MS = 5 * 60_000;

/** What the builders of all panels have in common. */
interface AnyPanelBuilder extends Builder<grafana.Panel> {
  id(id: number): this;
  title(title: string): this;
  description(description: string): this;
  datasource(datasource: common.DataSourceRef): this;
  span(width: number): this;
  height(height: number): this;
  interval(interval: string): this;
  unit(unit: string): this;
  min(min: number): this;
  max(max: number): this;
  noValue(text: string): this;
  mappings(mappings: grafana.ValueMapping[]): this;
  thresholds(thresholds: Builder<grafana.ThresholdsConfig>): this;
  colorScheme(color: Builder<grafana.FieldColor>): this;
  withTarget(target: Builder<Dataquery>): this;
  withOverride(override: {
    matcher: grafana.MatcherConfig;
    properties: grafana.DynamicConfigValue[];
  }): this;
}

export interface PanelPlace {
  readonly dialect: Dialect;
  readonly id: number;
  /** To the dashboard of one node, for whatever has a node. */
  readonly link: string;
  readonly tier?: Tier | undefined;
}

export function toGrafanaPanel(
  panel: PanelDescription,
  { dialect, id, link, tier }: PanelPlace,
): Builder<grafana.Panel> {
  const builder = viewOf(panel, dialect, link)
    .id(id)
    .title(panel.title)
    .description(panel.description)
    .datasource({ ...DATA_SOURCES[dialect] })
    .span(panel.width)
    .height(panel.height);
  if (panel.everyAtLeast !== undefined) builder.interval(panel.everyAtLeast);
  if (panel.min !== undefined) builder.min(panel.min);
  if (panel.max !== undefined) builder.max(panel.max);
  if (panel.unit !== undefined) builder.unit(panel.unit);
  if (panel.words !== undefined) builder.mappings([mapping(panel.words)]);
  if (panel.steps !== undefined) builder.thresholds(thresholds(panel.steps));
  for (const [index, { query, name, ...look }] of panel.shows.entries()) {
    const refId = refIdOf(index);
    const column = panel.view === "table" ? (name ?? "Value") : undefined;
    const target = toTarget(query, dialect, { refId, column, tier });
    builder.withTarget({ build: () => target });
    const properties = propertiesOf(look, panel.view);
    if (properties.length === 0) continue;
    const matcher =
      panel.view === "table"
        ? { id: "byName", options: name ?? "Value" }
        : { id: "byFrameRefID", options: refId };
    builder.withOverride({ matcher, properties });
  }
  return builder;
}

function viewOf(panel: PanelDescription, dialect: Dialect, link: string): AnyPanelBuilder {
  const hasNode = panel.shows.some(
    ({ query }) => !isEvents(query) && tagsOf(query).includes("node"),
  );
  const links = hasNode ? [nodeLink(`${link}?var-node=\${__field.labels.node}`)] : [];
  const legend = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom);
  const tooltip = new common.VizTooltipOptionsBuilder()
    .mode(common.TooltipDisplayMode.Multi)
    // oxlint-disable-next-line unicorn/no-array-sort -- a builder, no array
    .sort(common.SortOrder.Descending);
  switch (panel.view) {
    case "lines":
    case "bars": {
      const bars = panel.view === "bars";
      const lines = new timeseries.PanelBuilder()
        .legend(legend.calcs(bars ? ["sum"] : ["min", "max", "lastNotNull"]))
        .tooltip(tooltip)
        .drawStyle(bars ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
        .fillOpacity(bars ? 80 : panel.stacked ? 30 : 8)
        .lineWidth(1)
        .showPoints(common.VisibilityMode.Auto)
        .dataLinks(links);
      if (!bars) lines.spanNulls(GAP_MS).insertNulls(GAP_MS);
      if (panel.steps) {
        lines.thresholdsStyle(
          new common.GraphThresholdsStyleConfigBuilder().mode(
            common.GraphThresholdsStyleMode.Dashed,
          ),
        );
      }
      if (panel.stacked || bars)
        lines.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
      return lines;
    }
    case "timeline":
      return new timeline.PanelBuilder()
        .legend(legend.displayMode(common.LegendDisplayMode.List))
        .tooltip(tooltip.mode(common.TooltipDisplayMode.Single))
        .mergeValues(true)
        .showValue(common.VisibilityMode.Auto)
        .rowHeight(0.9)
        .spanNulls(STATE_GAP_MS)
        .insertNulls(STATE_GAP_MS)
        .dataLinks(links);
    case "stat":
      return new stat.PanelBuilder()
        .graphMode(common.BigValueGraphMode.None)
        .colorMode(common.BigValueColorMode.BackgroundSolid)
        .textMode(common.BigValueTextMode.Auto)
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false))
        .colorScheme(new grafana.FieldColorBuilder().mode(grafana.FieldColorModeId.Thresholds))
        .noValue("0")
        .dataLinks(links);
    case "table": {
      const built = new table.PanelBuilder().filterable(true);
      for (const one of tableTransformations(panel, dialect)) built.withTransformation(one);
      if (hasNode) {
        built.overrideByName("node", [
          { id: "links", value: [nodeLink(`${link}?var-node=\${__value.text}`).build()] },
        ]);
      }
      const last = valueColumn(panel);
      if (last !== undefined)
        built.sortBy([new common.TableSortByFieldStateBuilder().displayName(last).desc(true)]);
      return built;
    }
  }
}

function nodeLink(url: string): Builder<grafana.DashboardLink> {
  return new grafana.DashboardLinkBuilder("Node")
    .type(grafana.DashboardLinkType.Link)
    .url(`${url}&\${__url_time_range}`);
}

/** What differs between the queries of a panel. */
function propertiesOf(look: Look, view: PanelDescription["view"]): grafana.DynamicConfigValue[] {
  const properties: grafana.DynamicConfigValue[] = [];
  if (look.unit !== undefined) properties.push({ id: "unit", value: look.unit });
  if (look.words) properties.push({ id: "mappings", value: [mapping(look.words)] });
  if (look.steps) properties.push({ id: "thresholds", value: thresholds(look.steps).build() });
  if (view === "table" && (look.words || look.steps)) {
    properties.push({
      id: "custom.cellOptions",
      value: { type: look.words ? "color-background" : "color-text" },
    });
  }
  return properties;
}

export function mapping(words: Words): grafana.ValueMap {
  return {
    type: grafana.MappingType.ValueToText,
    options: Object.fromEntries(
      Object.entries(words).map(([code, { text, color }], index) => [code, { text, color, index }]),
    ),
  };
}

export function thresholds(steps: readonly Step[]): Builder<grafana.ThresholdsConfig> {
  return new grafana.ThresholdsConfigBuilder()
    .mode(grafana.ThresholdsMode.Absolute)
    .steps(steps.map(({ from, color }) => ({ value: from ?? null, color })));
}
