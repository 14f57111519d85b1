import { chosen, type DashboardDescription } from "../description.js";
import { lookOf } from "../looks.js";
import { values } from "../query.js";

/** Months and years, of what is kept of each hour. */

const node = chosen("node");
const domain = chosen("domain");
const HOUR = { view: "lines", width: 12, height: 8, everyAtLeast: "1h" } as const;

export const HISTORY: DashboardDescription = {
  key: "history",
  title: "Outrider: history",
  description:
    "Months and years. Shows what is kept of each hour, so that the last hour is not in it yet.",
  variables: ["node", "domain"],
  annotations: false,
  span: "90d",
  tier: "hours",
  rows: [
    {
      title: "Power",
      panels: [
        {
          ...HOUR,
          title: "Draw of domains",
          description: "Mean and greatest draw of each power domain, and its budget.",
          min: 0,
          ...lookOf("domain_power", "drawWatts"),
          shows: [
            {
              query: values("domain_power", "drawWatts", {
                where: domain,
                by: ["domain"],
                legend: "{{domain}} mean",
              }),
            },
            {
              query: values("domain_power", "drawWatts", {
                where: domain,
                by: ["domain"],
                reduce: "max",
                legend: "{{domain}} greatest",
              }),
            },
            {
              query: values("domain_power", "budgetWatts", {
                where: domain,
                by: ["domain"],
                reduce: "last",
                legend: "{{domain}} budget",
              }),
            },
          ],
        },
        {
          ...HOUR,
          title: "Draw of nodes",
          description: "Mean draw, as each sensor measures it.",
          min: 0,
          ...lookOf("node_sensor", "powerWatts"),
          shows: [
            { query: values("node_sensor", "powerWatts", { where: node, by: ["node", "sensor"] }) },
          ],
        },
        {
          ...HOUR,
          title: "Energy a day",
          description: "By how much each meter went on in a day.",
          view: "bars",
          everyAtLeast: "1d",
          min: 0,
          ...lookOf("node_sensor", "energyWattHours"),
          shows: [
            {
              query: values("node_sensor", "energyWattHours", {
                where: node,
                by: ["node", "sensor"],
                reduce: "spread",
              }),
            },
          ],
        },
        {
          ...HOUR,
          title: "Lowest voltage",
          description:
            "The deepest dip of each hour. A supply or a cable that ages shows here first.",
          ...lookOf("node_sensor", "voltageVolts"),
          shows: [
            {
              query: values("node_sensor", "voltageVolts", {
                where: node,
                by: ["node", "sensor"],
                reduce: "min",
              }),
            },
          ],
        },
      ],
    },
    {
      title: "Health",
      panels: [
        {
          ...HOUR,
          title: "Highest temperature",
          description: "The hottest moment of each hour. Dust in a fan shows as a slope of months.",
          ...lookOf("node_sensor", "temperatureCelsius"),
          shows: [
            {
              query: values("node_sensor", "temperatureCelsius", {
                where: node,
                by: ["node"],
                reduce: "max",
              }),
            },
          ],
        },
        {
          ...HOUR,
          title: "Answered",
          description: "How many of the looks for a sign of life were answered.",
          unit: "percentunit",
          min: 0,
          max: 1,
          shows: [
            {
              query: values("node_heartbeat", "alive", {
                where: node,
                by: ["node", "heartbeat", "proves"],
                legend: "{{node}} {{heartbeat}}",
              }),
            },
          ],
        },
        {
          ...HOUR,
          title: "Worst alarm",
          description: "The worst that each alarm was in an hour.",
          view: "timeline",
          ...lookOf("node_alarm", "severity"),
          shows: [
            {
              query: values("node_alarm", "severity", {
                where: node,
                by: ["node", "alarm"],
                reduce: "max",
              }),
            },
          ],
        },
        {
          ...HOUR,
          title: "Events",
          description: "How often what happened.",
          view: "bars",
          everyAtLeast: "1d",
          shows: [
            { query: values("node_event", "count", { where: node, by: ["kind"], reduce: "sum" }) },
          ],
        },
      ],
    },
  ],
};
