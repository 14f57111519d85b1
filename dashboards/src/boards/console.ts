import { chosen, type DashboardDescription, type PanelDescription } from "../description.js";
import { EVENT_KINDS } from "../event-kinds.js";
import { values } from "../query.js";

/** What consoles said and rules made of it, and who booted. */

const of = (kinds: string) => ({ ...chosen("node"), kind: { pattern: kinds } });

function counted(
  title: string,
  kinds: string,
  by: "kind" | "node" | "severity",
  description: string,
): PanelDescription {
  return {
    title,
    description,
    view: "bars",
    width: 12,
    height: 8,
    everyAtLeast: "1m",
    min: 0,
    shows: [
      {
        query: values("node_event", "count", { where: of(kinds), by: [by], reduce: "sum" }),
      },
    ],
  };
}

function most(title: string, kinds: string, description: string): PanelDescription {
  return {
    title,
    description,
    view: "table",
    width: 8,
    height: 8,
    shows: [
      {
        name: "Times",
        query: values("node_event", "count", {
          where: of(kinds),
          by: ["node", "kind"],
          reduce: "sum",
          at: "range",
        }),
      },
    ],
  };
}

export const CONSOLE: DashboardDescription = {
  key: "console",
  title: "Outrider: consoles and boots",
  description: "What rules found on consoles, what consoles lost, who booted and who did not.",
  variables: ["node"],
  annotations: true,
  span: "24h",
  rows: [
    {
      title: "Consoles",
      panels: [
        counted(
          "Console events by kind",
          EVENT_KINDS.console,
          "kind",
          "Rules that matched, captures, scripts, gaps.",
        ),
        counted(
          "Console events by node",
          EVENT_KINDS.console,
          "node",
          "One node that stands out has a problem; all at once have one in common.",
        ),
      ],
    },
    {
      title: "Boots and power",
      panels: [
        counted(
          "Boots by node",
          EVENT_KINDS.boot,
          "node",
          "A node that boots again and again crashes, or has a bad supply.",
        ),
        counted(
          "Power actions by outcome",
          EVENT_KINDS.power,
          "severity",
          "Info: done. Notice: refused or called off. Error: failed, or nobody knows.",
        ),
      ],
    },
    {
      title: "In the whole time",
      panels: [
        most("Consoles", EVENT_KINDS.console, "How often, by node and kind."),
        most("Boots", EVENT_KINDS.boot, "How often, by node and kind."),
        {
          title: "What happened",
          description: "Newest first, with its words; in a store without texts how often.",
          view: "table",
          width: 8,
          height: 8,
          shows: [
            {
              query: {
                events: "node_event",
                where: of(`${EVENT_KINDS.console}|${EVENT_KINDS.boot}`),
                limit: 500,
              },
            },
          ],
        },
      ],
    },
  ],
};
