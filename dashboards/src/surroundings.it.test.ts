import { requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALERTS, type AlertDescription } from "./alerts.js";
import { DASHBOARDS } from "./dashboards.js";
import { VARIABLES } from "./description.js";
import { toAlertingFile } from "./grafana-alert.js";
import { ANNOTATIONS, type Annotation } from "./grafana-annotation.js";
import { toGrafanaDashboard } from "./grafana-dashboard.js";
import { DIALECTS, type Target } from "./grafana-target.js";
import { askInflux, askVictoria, expand, fromInflux, fromVictoria, textOf } from "./testing/ask.js";
import { startInflux, startVictoria, type TestDatabase } from "./testing/databases.js";
import { events, lines, NODES } from "./testing/dataset.js";
import { expected, type Labelled } from "./testing/expected.js";

const PEERS = {
  influxql: ["influxd", "influxdb"],
  promql: ["victoria-metrics", "victoria-metrics"],
} as const;
const MINUTE = 60_000;
const END_MS = Math.floor(Date.now() / (10 * MINUTE)) * 10 * MINUTE;
const RANGE = { fromMs: END_MS - 30 * MINUTE, toMs: END_MS, everyMs: MINUTE };

describe.each(DIALECTS)("what is around the panels, in %s", (dialect) => {
  describe.skipIf(!requirePeer(PEERS[dialect][0], `apt-get install ${PEERS[dialect][1]}`))(
    "asked of the real database",
    () => {
      let database: TestDatabase;
      beforeAll(async () => {
        database = dialect === "influxql" ? await startInflux() : await startVictoria();
        await database.write(lines(END_MS, dialect === "influxql"));
      });
      afterAll(() => database[Symbol.asyncDispose]());

      /** As the data sources find the values of a variable. */
      async function valuesOf(query: string): Promise<string[]> {
        if (dialect === "influxql") {
          const [answer] = await askInflux(database.url, query);
          return (answer?.values ?? []).map(([, value]) => String(value));
        }
        const parts = /^label_values\((\w+), (\w+)\)$/.exec(query);
        if (!parts) throw new Error(`what Grafana understands, not ${query}`);
        const [, metric = "", label = ""] = parts;
        const asked = new URLSearchParams({
          "match[]": metric,
          start: String(RANGE.fromMs / 1000),
          end: String(RANGE.toMs / 1000),
        });
        const answer = await fetch(
          `${database.url}/api/v1/label/${label}/values?${asked.toString()}`,
        );
        return ((await answer.json()) as { data: string[] }).data;
      }

      it("finds what can be chosen in each variable", async () => {
        const known = { node: NODES, domain: ["psu-a", "psu-b"], agent: ["rack-a", "rack-b"] };
        const seen = new Set<string>();
        for (const dashboard of DASHBOARDS) {
          for (const { name, query } of toGrafanaDashboard(dashboard, dialect).templating.list ??
            []) {
            seen.add(name);
            const values = await valuesOf(query as string);
            const all: readonly string[] = known[name as keyof typeof known];
            expect(values.toSorted(), name).toEqual(all.toSorted());
          }
        }
        expect([...seen].toSorted()).toEqual(Object.keys(VARIABLES).toSorted());
      });

      it.each([
        [".*", /.*/],
        ["n1", /^n1$/],
        ["(n2|rack-a-n3)", /^(n2|rack-a-n3)$/],
      ])("marks what happened to %s, each once", async (node, chosen) => {
        for (const dashboard of DASHBOARDS.filter(({ annotations }) => annotations)) {
          const list = (toGrafanaDashboard(dashboard, dialect).annotations.list ??
            []) as Annotation[];
          expect(list.map(({ name }) => name)).toEqual(ANNOTATIONS.map(({ name }) => name));
          for (const [index, annotation] of list.entries()) {
            const kinds = new RegExp(`^(${ANNOTATIONS[index]?.kinds})$`);
            const known = events(END_MS).filter(
              ({ tags }) => kinds.test(tags.kind) && chosen.test(tags.node),
            );
            expect(known, annotation.name).not.toEqual([]);
            expect(await marks(annotation, node), annotation.name).toEqual(
              known.map(({ tags, message }) => markOf({ ...tags, message })).toSorted(),
            );
          }
        }
      });

      /** A store without texts has no message. */
      const markOf = ({
        node,
        kind,
        severity,
        message,
      }: Readonly<Record<string, unknown>>): string =>
        JSON.stringify([node, kind, severity, dialect === "influxql" ? message : ""]);

      async function marks(annotation: Annotation, node: string): Promise<string[]> {
        if (dialect === "influxql") {
          const text = expand(annotation.query ?? "", RANGE, { node });
          const [answer] = await askInflux(database.url, text);
          const columns = answer?.columns ?? [];
          for (const column of [annotation.textColumn, ...(annotation.tagsColumn ?? "").split(",")])
            expect(columns).toContain(column);
          return (answer?.values ?? [])
            .map((row) => markOf(Object.fromEntries(columns.map((name, at) => [name, row[at]]))))
            .toSorted();
        }
        const everyMs = Number.parseInt(annotation.step ?? "", 10) * 1000;
        const text = expand(annotation.expr ?? "", { ...RANGE, everyMs }, { node });
        const answer = await askVictoria(database.url, text, false, { ...RANGE, everyMs });
        return answer
          .flatMap(({ metric, values = [] }) =>
            values.flatMap(([, times]) =>
              Array.from({ length: Number(times) }, () => markOf(metric)),
            ),
          )
          .toSorted();
      }

      it("evaluates each alert rule on what was written", async () => {
        const [group] = toAlertingFile(ALERTS, dialect).groups;
        for (const alert of ALERTS) {
          const rule = group?.rules.find(({ title }) => title === alert.title);
          const [asked] = rule?.data ?? [];
          if (!asked) throw new Error(`no query of ${alert.title}`);
          const target = asked.model as unknown as Target;
          const range = { ...RANGE, fromMs: END_MS - asked.relativeTimeRange.from * 1000 };
          const text = expand(textOf(target), range, {});
          const answer =
            dialect === "influxql"
              ? fromInflux(alert.query, await askInflux(database.url, text))
              : fromVictoria(alert.query, await askVictoria(database.url, text, true, range));
          const known = expected(alert.query, {}, END_MS);
          expect(known, alert.key).not.toEqual([]);
          expect(firing(alert, answer), alert.key).toEqual(firing(alert, known));
          expect(firing(alert, answer), alert.key).toEqual(FIRING[alert.key] ?? []);
        }
      });

      it("has no series where nothing arrives, which the rule about that takes for an alarm", async () => {
        const alert = ALERTS.find(({ noData }) => noData === "Alerting");
        const [group] = toAlertingFile(ALERTS, dialect).groups;
        const asked = group?.rules.find(({ title }) => title === alert?.title)?.data[0];
        const target = asked?.model as unknown as Target;
        const later = { fromMs: END_MS + 55 * MINUTE, toMs: END_MS + 60 * MINUTE, everyMs: MINUTE };
        const text = expand(textOf(target), later, {});
        expect(
          dialect === "influxql"
            ? await askInflux(database.url, text)
            : await askVictoria(database.url, text, true, later),
        ).toEqual([]);
      });
    },
  );
});

function firing({ fires }: AlertDescription, all: readonly Labelled[]): string[] {
  const isFiring = (value: number): boolean => {
    if (fires.is === "outside") return value < fires.from || value > fires.to;
    return fires.is === "above" ? value > fires.limit : value < fires.limit;
  };
  return all
    .filter(({ value }) => isFiring(value))
    .map(({ labels }) => Object.values(labels).join(" "))
    .toSorted();
}

/** Of what was written, by rule what is as it should not be. */
const FIRING: Readonly<Record<string, readonly string[]>> = {
  "alarm-critical": ["n10 soc-temperature-soc", "n2 silent", "x-n1 soc-temperature-soc"],
  "alarm-warning": [
    "n1 soc-temperature-soc",
    "n10 silent",
    "rack-a-n3 soc-temperature-soc",
    "x-n1 silent",
  ],
  "site-alarm-critical": ["service:telemetry some-rule"],
  "site-alarm-warning": ["domain:psu-a some-rule"],
  "service-down": ["console"],
  "points-waiting": ["telemetry"],
  "agent-clock": ["rack-b"],
  "budget-warning": ["psu-b"],
};
