import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DASHBOARDS } from "./dashboards.js";
import { shownIn } from "./description.js";
import { toGrafanaDashboard } from "./grafana-dashboard.js";
import { DIALECTS, toTarget, type Dialect, type Target } from "./grafana-target.js";
import { isEvents, values, type Query } from "./query.js";
import {
  askInflux,
  askVictoria,
  expand,
  fromInflux,
  fromVictoria,
  textOf,
  type Range,
} from "./testing/ask.js";
import { startInflux, startVictoria, type TestDatabase } from "./testing/databases.js";
import { hourLines, lines } from "./testing/dataset.js";
import { panelsIn } from "./testing/panels.js";
import { expected, expectedEvents, type Chosen, type Labelled } from "./testing/expected.js";

const PEERS = {
  influxql: ["influxd", "influxdb"],
  promql: ["victoria-metrics", "victoria-metrics"],
} as const;
const MINUTE = 60_000;
const END_MS = Math.floor(Date.now() / (10 * MINUTE)) * 10 * MINUTE;
const RANGE: Range = { fromMs: END_MS - 30 * MINUTE, toMs: END_MS, everyMs: MINUTE };

/** As Grafana writes what is chosen in a variable: one, several (releases differ), all. */
const FORMS: Readonly<Record<string, Chosen>> = {
  all: { node: ".*", domain: ".*", agent: ".*" },
  one: { node: "n1", domain: "psu-b", agent: "rack-a" },
  "one with hyphens": { node: "rack-a-n3", domain: "psu-a", agent: "rack-b" },
  several: { node: "(n1|rack-a-n3)", domain: "(psu-a|psu-b)", agent: "(rack-a|rack-b)" },
  "several without parentheses": {
    node: "n1|rack-a-n3",
    domain: "psu-a|psu-b",
    agent: "rack-a|rack-b",
  },
};

const UNITS: Readonly<Record<string, number>> = { m: MINUTE, h: 60 * MINUTE, d: 24 * 60 * MINUTE };

function everyMsOf({ interval = "1m" }: Panel): number {
  return Number.parseInt(interval, 10) * (UNITS[interval.at(-1) ?? ""] ?? Number.NaN);
}

/** Every query of every panel, with its description beside the JSON that was made of it. */
function everything(dialect: Dialect) {
  return DASHBOARDS.flatMap((dashboard) => {
    const panels = new Map(
      panelsIn(toGrafanaDashboard(dashboard, dialect)).map((panel) => [panel.title, panel]),
    );
    return shownIn(dashboard).map(({ panel: { title }, shown: { query }, refId }) => {
      const panel = panels.get(title);
      const target = panel?.targets?.find((one) => (one as Target).refId === refId) as
        | Target
        | undefined;
      if (!panel || !target) throw new Error(`${dashboard.key}, ${title}: no query ${refId}`);
      return {
        name: `${dashboard.key}, ${title}, ${refId}`,
        query,
        target,
        everyMs: everyMsOf(panel),
      };
    });
  });
}

const byLabels = (all: readonly Labelled[]): [string, number][] =>
  all
    .map(({ labels, value }): [string, number] => [
      JSON.stringify(labels),
      Number(value.toFixed(6)),
    ])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

describe.each(DIALECTS)("every query of every panel, in %s", (dialect) => {
  describe.skipIf(!requirePeer(PEERS[dialect][0], `apt-get install ${PEERS[dialect][1]}`))(
    "asked of the real database",
    () => {
      let database: TestDatabase;
      beforeAll(async () => {
        database = dialect === "influxql" ? await startInflux() : await startVictoria();
        await database.write([...lines(END_MS, dialect === "influxql"), ...GROWING]);
        if (dialect === "influxql") await database.write(hourLines(END_MS), "hours");
      });
      afterAll(() => database[Symbol.asyncDispose]());

      async function ask(
        query: Query,
        target: Target,
        range: Range,
        chosen: Chosen,
      ): Promise<Labelled[]> {
        const text = expand(textOf(target), range, chosen);
        if (dialect === "promql") {
          const answer = await askVictoria(database.url, text, target.instant ?? false, range);
          const asSeries = isEvents(query) ? { ...EVENTS_AS_SERIES, where: query.where } : query;
          return fromVictoria(asSeries, answer);
        }
        const answer = await askInflux(database.url, text);
        return isEvents(query) ? [] : fromInflux(query, answer);
      }

      it.each([
        ["mean", 10],
        ["min", 1],
        ["max", 19],
        ["last", 19],
        ["sum", 190],
        ["spread", 18],
      ] as const)("takes the %s of an interval", async (reduce, value) => {
        const where = { node: { pattern: "grows" } };
        const query = values("node_sensor", "powerWatts", {
          where,
          by: ["node", "sensor"],
          reduce,
        });
        const target = toTarget(query, dialect, { refId: "A" });
        // An interval ends with its time in PromQL, and begins with it in InfluxQL.
        const at = dialect === "promql" ? GROWN_MS : GROWN_MS - MINUTE;
        const range = {
          fromMs: at,
          toMs: dialect === "promql" ? at : at + MINUTE - 1,
          everyMs: MINUTE,
        };
        expect(await ask(query, { ...target, instant: true }, range, {})).toEqual([
          { labels: { node: "grows", sensor: "s" }, value },
        ]);
      });

      it.each(Object.entries(FORMS))(
        "answers what was written, with %s chosen",
        async (form, chosen) => {
          for (const { name, query, target, everyMs } of everything(dialect)) {
            const fromMs = Math.min(RANGE.fromMs, END_MS - everyMs);
            const range = { ...RANGE, fromMs, everyMs };
            if (isEvents(query) && dialect === "influxql") {
              const [answer] = await askInflux(database.url, expand(textOf(target), range, chosen));
              const rows = (answer?.values ?? []).map(([atMs, node, kind, severity, message]) => ({
                atMs,
                tags: { node, kind, severity },
                message,
              }));
              expect(rows, name).toEqual(expectedEvents(query, chosen, END_MS));
              expect(rows, name).not.toEqual([]);
              continue;
            }
            const answer = await ask(query, target, range, chosen);
            const known = expected(
              isEvents(query) ? { ...EVENTS_AS_SERIES, where: query.where } : query,
              chosen,
              END_MS,
            );
            // A count of none is 0, and nothing where a language cannot say so: the panel then shows 0.
            const counts = !isEvents(query) && query.across.at(-1)?.how === "count";
            if (counts && known.length === 0) {
              expect(
                answer.map(({ value }) => value),
                name,
              ).toEqual(dialect === "promql" ? [0] : []);
              continue;
            }
            expect(byLabels(answer), `${name}: ${textOf(target)}`).toEqual(byLabels(known));
            if (form === "all") expect(answer, name).not.toEqual([]);
          }
        },
      );
    },
  );
});

/** Before what dashboards look at here. */
const GROWN_MS = END_MS - 3 * 24 * 60 * MINUTE;
/** A value that grows from 1 to 19 in the minute before. */
const GROWING: readonly string[] = Array.from(
  { length: 19 },
  (_, index) =>
    `node_sensor,node=grows,sensor=s powerWatts=${index + 1} ${GROWN_MS - 57_000 + index * 3000}`,
);

/** What a table of events is in a store without texts. */
const EVENTS_AS_SERIES = {
  measurement: "node_event",
  field: "count",
  by: ["node", "kind", "severity"],
  reduce: "sum",
  across: [],
  at: "range",
  legend: "",
} as const;
