import {
  chosen,
  type DashboardDescription,
  type PanelDescription,
  type Shown,
} from "../description.js";
import { codeOf, lookOf, steps } from "../looks.js";
import { values } from "../query.js";

/** What one sees first: who is off, silent or alarmed, what is hot, what it all draws. */

const where = chosen("node");
type State = "supply" | "host" | "management" | "liveness" | "health";

/** Green until the first. */
const NONE_IS_GOOD = steps({ critical: 1 });
const NONE_IS_BETTER = steps({ warning: 1 });
const NEITHER = [{ color: "dark-blue" }];

/** Silence of a machine that is off or halted is as it should be. */
const EXPECTED_SILENCE = [
  { field: "supply", value: codeOf("node_state", "supply", "Off") },
  { field: "host", value: codeOf("node_state", "host", "Halted") },
];

const inState = (field: State, word: string, at: "now" | "times", legend = word): Shown => ({
  query: values("node_state", field, {
    where,
    by: ["node"],
    reduce: "last",
    only: {
      is: "=",
      value: codeOf("node_state", field, word),
      ...(word === "Silent" ? { unless: EXPECTED_SILENCE } : {}),
    },
    across: [{ how: "count" }],
    at,
    legend,
  }),
});

const alarms = (severity: "Warning" | "Critical", at: "now" | "times"): Shown => ({
  query: values("node_alarm", "severity", {
    where,
    by: ["node", "alarm"],
    reduce: "last",
    only: { is: "=", value: codeOf("node_alarm", "severity", severity) },
    across: [{ how: "count" }],
    at,
    legend: severity,
  }),
});

/** What nodes draw: of each its greatest sensor, which measures what the others measure parts of. */
const drawn = (at: "times" | "now"): Shown => ({
  query: values("node_sensor", "powerWatts", {
    where,
    by: ["node", "sensor"],
    across: [{ how: "max", by: ["node"] }, { how: "sum" }],
    at,
    legend: "Draw",
  }),
  ...lookOf("node_sensor", "powerWatts"),
});

/** Each is a panel of its own: a count of none is no answer in InfluxQL, and a panel without an answer shows 0. */
function figure(title: string, width: number, description: string, shown: Shown): PanelDescription {
  return { title, description, view: "stat", width, height: 3, shows: [shown] };
}

const figures: readonly PanelDescription[] = [
  figure("In all", 4, "The chosen nodes.", {
    query: values("node_state", "supply", {
      where,
      by: ["node"],
      across: [{ how: "count" }],
      at: "now",
      legend: "Nodes",
    }),
    steps: NEITHER,
  }),
  figure("On", 4, "Their supply is on, as measured.", {
    ...inState("supply", "On", "now"),
    steps: NEITHER,
  }),
  figure("Off", 4, "Their supply is off, as measured.", {
    ...inState("supply", "Off", "now"),
    steps: NEITHER,
  }),
  figure(
    "Silent",
    4,
    "On, not halted, and without a sign of life: they hang, are booting, or cannot be reached.",
    { ...inState("liveness", "Silent", "now"), steps: NONE_IS_BETTER },
  ),
  figure(
    "Supply unknown",
    4,
    "Nothing says whether they are on. It never means that they are off.",
    {
      ...inState("supply", "Unknown", "now"),
      steps: NONE_IS_BETTER,
    },
  ),
  figure(
    "Out of reach",
    4,
    "Their wires cannot be reached: the agent is away, or an endpoint failed.",
    {
      ...inState("management", "Unavailable", "now"),
      steps: NONE_IS_GOOD,
    },
  ),
  figure("Warnings", 8, "Alarms that are raised now.", {
    ...alarms("Warning", "now"),
    steps: NONE_IS_BETTER,
  }),
  figure("Critical alarms", 8, "Alarms that are raised now.", {
    ...alarms("Critical", "now"),
    steps: NONE_IS_GOOD,
  }),
  figure("Draw", 8, "What they draw together, of those that measure it.", {
    ...drawn("now"),
    steps: NEITHER,
  }),
];

const column = (name: string, field: State): Shown => ({
  name,
  query: values("node_state", field, { where, by: ["node"], at: "now" }),
  ...lookOf("node_state", field),
});

const nodes: PanelDescription = {
  title: "Nodes",
  description:
    "State of each node now. Sort by a column to bring together who is off, silent or not well; a node's name leads to its own page.",
  view: "table",
  width: 14,
  height: 14,
  shows: [
    column("Supply", "supply"),
    column("Host", "host"),
    column("Liveness", "liveness"),
    column("Management", "management"),
    column("Health", "health"),
  ],
};

const active: PanelDescription = {
  title: "Active alarms",
  description:
    "Alarms that are raised now, the critical ones first. `outrider alarms` has their words.",
  view: "table",
  width: 10,
  height: 7,
  shows: [
    {
      name: "Severity",
      query: values("node_alarm", "severity", {
        where,
        by: ["node", "alarm"],
        only: { is: ">=", value: codeOf("node_alarm", "severity", "Warning") },
        at: "now",
      }),
      ...lookOf("node_alarm", "severity"),
    },
  ],
};

const hottest: PanelDescription = {
  title: "Hottest",
  description: "The ten hottest sensors now.",
  view: "table",
  width: 5,
  height: 7,
  shows: [
    {
      name: "Temperature",
      query: values("node_sensor", "temperatureCelsius", {
        where,
        by: ["node", "sensor"],
        at: "now",
        top: 10,
      }),
      ...lookOf("node_sensor", "temperatureCelsius"),
    },
  ],
};

const greatest: PanelDescription = {
  title: "Greatest draw",
  description: "The ten sensors that measure the most power now.",
  view: "table",
  width: 5,
  height: 7,
  shows: [
    {
      name: "Draw",
      query: values("node_sensor", "powerWatts", {
        where,
        by: ["node", "sensor"],
        at: "now",
        top: 10,
      }),
      ...lookOf("node_sensor", "powerWatts"),
    },
  ],
};

export const FLEET: DashboardDescription = {
  key: "fleet",
  title: "Outrider: fleet",
  description: "Who is off, silent or alarmed, what is hottest, and what it all draws.",
  variables: ["node"],
  annotations: false,
  span: "6h",
  rows: [
    { title: "Now", panels: figures },
    { title: "Nodes", panels: [nodes, active, hottest, greatest] },
    {
      title: "Over time",
      panels: [
        {
          title: "Nodes by state",
          description: "How many of the chosen nodes were on, off and silent.",
          view: "lines",
          width: 12,
          height: 8,
          everyAtLeast: "2m",
          min: 0,
          shows: [
            inState("supply", "On", "times"),
            inState("supply", "Off", "times"),
            inState("liveness", "Silent", "times"),
          ],
        },
        {
          title: "Draw of all",
          description: "What the chosen nodes draw together, of those that measure it.",
          view: "lines",
          width: 12,
          height: 8,
          everyAtLeast: "1m",
          min: 0,
          shows: [drawn("times")],
        },
        {
          title: "Alarms",
          description: "How many alarms of the chosen nodes were raised.",
          view: "lines",
          width: 12,
          height: 8,
          everyAtLeast: "2m",
          min: 0,
          shows: [alarms("Warning", "times"), alarms("Critical", "times")],
        },
        {
          title: "Highest temperature",
          description: "The hottest sensor of each chosen node.",
          view: "lines",
          width: 12,
          height: 8,
          everyAtLeast: "1m",
          ...lookOf("node_sensor", "temperatureCelsius"),
          shows: [
            {
              query: values("node_sensor", "temperatureCelsius", {
                where,
                by: ["node"],
                reduce: "max",
              }),
            },
          ],
        },
      ],
    },
  ],
};
