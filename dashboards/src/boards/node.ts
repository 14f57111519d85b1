import { QUANTITIES, type Quantity } from "@outrider/contracts/reading";
import { chosen, type DashboardDescription, type PanelDescription } from "../description.js";
import { FLAGS, lookOf } from "../looks.js";
import { values } from "../query.js";

/** Everything about one node, or a few side by side. */

const where = chosen("node");
const ALL = Object.keys(QUANTITIES) as Quantity[];

function measured(
  title: string,
  quantity: Quantity,
  width: number,
  description: string,
): PanelDescription {
  return {
    title,
    description,
    view: "lines",
    width,
    height: 8,
    ...lookOf("node_sensor", quantity),
    shows: [{ query: values("node_sensor", quantity, { where, by: ["node", "sensor"] }) }],
  };
}

function states(
  field: "supply" | "host" | "management" | "liveness" | "health",
  title: string,
  description: string,
): PanelDescription {
  return {
    title,
    description,
    view: "timeline",
    width: 24,
    height: 4,
    ...lookOf("node_state", field),
    shows: [{ query: values("node_state", field, { where, by: ["node"], reduce: "last" }) }],
  };
}

const SUPPLY = [
  measured(
    "Voltage",
    "voltageVolts",
    8,
    "As each sensor measures it. A dip under load that a second node on the same supply shows too is the supply's.",
  ),
  measured("Current", "currentAmperes", 8, "As each sensor measures it."),
  measured("Power", "powerWatts", 8, "As each sensor measures it."),
  measured(
    "Energy",
    "energyWattHours",
    12,
    "Since the meter began to count; it may begin again when the meter lost its supply.",
  ),
];
const HEAT = [
  measured(
    "Temperatures",
    "temperatureCelsius",
    16,
    "Dashed lines are where the alarms that come with the product begin.",
  ),
  measured(
    "Fans",
    "fanRevolutionsPerMinute",
    8,
    "Nothing for a fan that has no supply: see why there is no reading.",
  ),
];
const SHOWN = new Set<Quantity>([
  "voltageVolts",
  "currentAmperes",
  "powerWatts",
  "energyWattHours",
  "temperatureCelsius",
  "fanRevolutionsPerMinute",
]);
/** What no panel above is about, so that a quantity that is new is shown the day it is measured. */
const REST = ALL.filter((quantity) => !SHOWN.has(quantity) && !FLAGS.includes(quantity));
/** Of these what a node can only know of itself, by its reporter. */
const OWN = /^(load|memory|media|disk)/;

function each(quantities: readonly Quantity[]): PanelDescription[] {
  return quantities.map((quantity) => {
    const title = titleOf(quantity);
    return measured(title, quantity, 8, `${title}, as each sensor measures it.`);
  });
}

/** `memoryTotalBytes` → `Memory total`: the axis has the unit. */
function titleOf(quantity: string): string {
  const text = quantity
    .replaceAll(/([A-Z]|\d+)/g, (part) => ` ${part.toLowerCase()}`)
    .replace(/ (volts|hertz|percent|bytes)$/, "")
    .trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const flags: PanelDescription = {
  title: "Flags",
  description:
    "Under-voltage, throttling and the like, red while something is as it should not be. What `occurred` stays so until the next boot.",
  view: "timeline",
  width: 24,
  height: 10,
  shows: FLAGS.map((flag) => ({
    query: values("node_sensor", flag as Quantity, {
      where,
      by: ["node", "sensor"],
      reduce: "last",
      legend: `{{node}} {{sensor}} ${titleOf(flag).toLowerCase()}`,
    }),
    ...lookOf("node_sensor", flag),
  })),
};

export const NODE: DashboardDescription = {
  key: "node",
  title: "Outrider: node",
  description: "Everything about one node, or a few side by side.",
  variables: ["node"],
  annotations: true,
  span: "6h",
  rows: [
    {
      title: "States",
      panels: [
        states(
          "supply",
          "Supply",
          "Measured. Unknown means that nothing could be read, never that it is off.",
        ),
        states(
          "host",
          "Host",
          "What the machine behind the supply does. Halted on a live supply is not off.",
        ),
        states("liveness", "Liveness", "What its heartbeats say together."),
        states("health", "Health", "The worst of its alarms and faults."),
        states(
          "management",
          "Management",
          "Whether its wires can be reached: power can be switched while this is Available, whatever the node does.",
        ),
      ],
    },
    { title: "Supply", panels: SUPPLY },
    { title: "Heat", panels: HEAT },
    {
      title: "Heartbeats",
      panels: [
        {
          title: "Signs of life",
          description:
            "Each heartbeat with what an answer proves, from link (a cable) over network (the kernel) to system (a program with its boot).",
          view: "timeline",
          width: 24,
          height: 8,
          ...lookOf("node_heartbeat", "alive"),
          shows: [
            {
              query: values("node_heartbeat", "alive", {
                where,
                by: ["node", "heartbeat", "proves"],
                reduce: "last",
                legend: "{{node}} {{heartbeat}} ({{proves}})",
              }),
            },
          ],
        },
        {
          title: "Time to the answer",
          description: "A host that grows slow is often about to hang.",
          view: "lines",
          width: 12,
          height: 8,
          ...lookOf("node_heartbeat", "tookMs"),
          shows: [
            {
              query: values("node_heartbeat", "tookMs", {
                where,
                by: ["node", "heartbeat"],
                reduce: "max",
              }),
            },
          ],
        },
        {
          title: "Uptime",
          description: "As its system says. Each fall is a boot.",
          view: "lines",
          width: 12,
          height: 8,
          ...lookOf("node_heartbeat", "uptimeSeconds"),
          shows: [
            {
              query: values("node_heartbeat", "uptimeSeconds", {
                where,
                by: ["node", "heartbeat"],
                reduce: "last",
              }),
            },
          ],
        },
      ],
    },
    { title: "Throttling and flags", panels: [flags] },
    {
      title: "Alarms and events",
      panels: [
        {
          title: "Alarms",
          description: "When each alarm was raised.",
          view: "timeline",
          width: 24,
          height: 6,
          ...lookOf("node_alarm", "severity"),
          shows: [
            {
              query: values("node_alarm", "severity", {
                where,
                by: ["node", "alarm"],
                reduce: "last",
              }),
            },
          ],
        },
        {
          title: "Events",
          description:
            "What happened, newest first; in a store without texts how often. `outrider events` has all of it.",
          view: "table",
          width: 14,
          height: 9,
          shows: [{ query: { events: "node_event", where, limit: 500 } }],
        },
        {
          title: "Why there is no reading",
          description:
            "NotPresent: nothing answers. NoReading: no valid value. DeviceOff: it has no supply. TimedOut: no answer in time.",
          view: "timeline",
          width: 10,
          height: 9,
          ...lookOf("node_absence", "reason"),
          shows: [
            {
              query: values("node_absence", "reason", {
                where,
                by: ["node", "sensor", "quantity"],
                reduce: "last",
              }),
            },
          ],
        },
      ],
    },
    {
      title: "What the node says of itself",
      panels: each(REST.filter((quantity) => OWN.test(quantity))),
    },
    {
      title: "Everything else that is measured",
      collapsed: true,
      panels: each(REST.filter((quantity) => !OWN.test(quantity))),
    },
  ],
};
