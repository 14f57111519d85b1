import { DEFAULT_ALARMS } from "@outrider/contracts/telemetry-policy";
import { chosen, type DashboardDescription, type Step } from "../description.js";
import { codeOf, lookOf } from "../looks.js";
import { values } from "../query.js";

/** Whether Outrider itself is well. */

/** Within so many seconds a calendar counts as right. */
const NOTICED = 2;
const { warning: WRONG } = DEFAULT_ALARMS["agent-clock"].upper;
/** A calendar may be ahead or behind. */
const CLOCK_STEPS: readonly Step[] = [
  { color: "red" },
  { from: -WRONG, color: "orange" },
  { from: -NOTICED, color: "green" },
  { from: NOTICED, color: "orange" },
  { from: WRONG, color: "red" },
];

export const SYSTEM: DashboardDescription = {
  key: "system",
  title: "Outrider: the system itself",
  description: "Services and alarms, the store and what waits for it, and the calendars of agents.",
  variables: ["agent"],
  annotations: false,
  span: "6h",
  rows: [
    {
      title: "Services",
      panels: [
        {
          title: "Services",
          description:
            "Whether each service is there. A gap in all lanes at once: telemetry itself was not there.",
          view: "timeline",
          width: 24,
          height: 7,
          ...lookOf("system_health", "up"),
          shows: [{ query: values("system_health", "up", { by: ["service"], reduce: "last" }) }],
        },
        {
          title: "Alarms of agents, power domains and services",
          description:
            "Raised now, the critical ones first. `outrider alarms` has their words; alarms of nodes stand on the fleet's page.",
          view: "table",
          width: 24,
          height: 6,
          shows: [
            {
              name: "Severity",
              query: values("site_alarm", "severity", {
                by: ["subject", "alarm"],
                only: { is: ">=", value: codeOf("site_alarm", "severity", "Warning") },
                at: "now",
              }),
              ...lookOf("site_alarm", "severity"),
            },
          ],
        },
      ],
    },
    {
      title: "The store",
      panels: [
        {
          title: "Waiting for the store",
          description:
            "Points in the spool. It grows while the store is away, and is written in order when it is back.",
          view: "lines",
          width: 8,
          height: 8,
          min: 0,
          ...lookOf("system_health", "spooledPoints"),
          shows: [
            { query: values("system_health", "spooledPoints", { by: ["service"], reduce: "max" }) },
          ],
        },
        {
          title: "Dropped",
          description:
            "Points that were never stored: the spool was full, or the store refused them. Should be 0.",
          view: "lines",
          width: 8,
          height: 8,
          min: 0,
          ...lookOf("system_health", "droppedPoints"),
          shows: [
            { query: values("system_health", "droppedPoints", { by: ["service"], reduce: "max" }) },
          ],
        },
        {
          title: "Series",
          description: "Distinct series that were written. What is beyond the bound is refused.",
          view: "lines",
          width: 8,
          height: 8,
          min: 0,
          ...lookOf("system_health", "series"),
          shows: [{ query: values("system_health", "series", { by: ["service"], reduce: "max" }) }],
        },
      ],
    },
    {
      title: "Agents",
      panels: [
        {
          title: "Clocks",
          description:
            "How far the calendar of each agent is off. Readings are corrected by it, so that graphs stay right.",
          view: "lines",
          width: 24,
          height: 8,
          unit: lookOf("agent_clock", "offsetSeconds").unit,
          steps: CLOCK_STEPS,
          shows: [
            {
              query: values("agent_clock", "offsetSeconds", {
                where: chosen("agent"),
                by: ["agent"],
              }),
            },
          ],
        },
      ],
    },
  ],
};
