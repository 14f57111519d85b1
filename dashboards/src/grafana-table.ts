import type { DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import { refIdOf, type PanelDescription } from "./description.js";
import type { Dialect } from "./grafana-target.js";
import { isEvents, tagsOf } from "./query.js";

/**
 * Makes one table of the answers to a panel's queries, one row for each combination of tags. InfluxQL names its columns
 * itself; what a PromQL answer holds is called `Value`, with the query where there are several.
 */
export function tableTransformations(
  panel: PanelDescription,
  dialect: Dialect,
): DataTransformerConfig[] {
  const [first] = panel.shows;
  if (!first || isEvents(first.query)) return [];
  const several = panel.shows.length > 1;
  const tags = tagsOf(first.query);
  const columns = panel.shows.map(({ name = "Value" }, index) => {
    const said = several ? `Value #${refIdOf(index)}` : "Value";
    return { name, said: dialect === "promql" ? said : name };
  });
  const [by] = tags;
  if (several && (tags.length !== 1 || by === undefined))
    throw new TypeError(`${panel.title}: tables of several queries have rows of one tag`);
  return [
    {
      id: "filterFieldsByName",
      options: { include: { names: [...tags, ...columns.map(({ said }) => said)] } },
    },
    ...(several ? [{ id: "joinByField", options: { byField: by, mode: "outer" } }] : []),
    {
      id: "organize",
      options: {
        indexByName: Object.fromEntries(
          [...tags, ...columns.map(({ said }) => said)].map((name, index) => [name, index]),
        ),
        renameByName: Object.fromEntries(
          columns.filter(({ name, said }) => name !== said).map(({ name, said }) => [said, name]),
        ),
      },
    },
  ];
}

/** The column by which a table of one query is sorted, greatest first. */
export function valueColumn({ shows }: PanelDescription): string | undefined {
  const [first, ...rest] = shows;
  return first && rest.length === 0 && !isEvents(first.query) ? (first.name ?? "Value") : undefined;
}
