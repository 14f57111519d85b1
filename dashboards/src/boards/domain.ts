import { chosen, type DashboardDescription } from "../description.js";
import { lookOf, steps } from "../looks.js";
import { values } from "../query.js";
import { DEFAULT_ALARMS } from "@outrider/contracts/telemetry-policy";

/** Draw of each power domain against its budget, and how many nodes start. */

const where = chosen("domain");
const by = ["domain"] as const;
const { warning, critical } = DEFAULT_ALARMS["watt-budget"].upper;
const OF_BUDGET = {
  unit: "percentunit",
  steps: steps({ warning: warning / 100, critical: critical / 100 }),
};

export const DOMAIN: DashboardDescription = {
  key: "domain",
  title: "Outrider: power domains",
  description: "What each power domain draws against its budget, and how many of its nodes start.",
  variables: ["domain"],
  annotations: false,
  span: "6h",
  rows: [
    {
      title: "Now",
      panels: [
        {
          title: "Of the budget",
          description:
            "What a domain draws, of what its supply may give. Nothing for a domain without a budget.",
          view: "stat",
          width: 16,
          height: 6,
          ...OF_BUDGET,
          shows: [
            {
              query: values("domain_power", "drawWatts", {
                per: "budgetWatts",
                where,
                by,
                at: "now",
              }),
            },
          ],
        },
        {
          title: "Starting",
          description:
            "Nodes whose supply comes on, or came on within the last minute. Others wait for their turn.",
          view: "stat",
          width: 8,
          height: 6,
          steps: [{ color: "dark-blue" }],
          shows: [{ query: values("domain_power", "startsRunning", { where, by, at: "now" }) }],
        },
      ],
    },
    {
      title: "Over time",
      panels: [
        {
          title: "Draw and budget",
          description: "Peaks come from starts; the budget is never to be passed by them.",
          view: "lines",
          width: 24,
          height: 10,
          min: 0,
          ...lookOf("domain_power", "drawWatts"),
          shows: [
            {
              query: values("domain_power", "drawWatts", {
                where,
                by,
                reduce: "max",
                legend: "{{domain}}",
              }),
            },
            {
              query: values("domain_power", "budgetWatts", {
                where,
                by,
                reduce: "last",
                legend: "{{domain}} budget",
              }),
            },
          ],
        },
        {
          title: "Draw of the budget",
          description: "Dashed lines are where the alarms that come with the product begin.",
          view: "lines",
          width: 12,
          height: 8,
          min: 0,
          ...OF_BUDGET,
          shows: [
            { query: values("domain_power", "drawWatts", { per: "budgetWatts", where, by }) },
          ],
        },
        {
          title: "Starts",
          description: "How many nodes of the domain started at once.",
          view: "lines",
          width: 12,
          height: 8,
          min: 0,
          ...lookOf("domain_power", "startsRunning"),
          shows: [{ query: values("domain_power", "startsRunning", { where, by, reduce: "max" }) }],
        },
      ],
    },
  ],
};
