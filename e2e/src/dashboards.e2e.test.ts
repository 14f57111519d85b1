import {
  MEASUREMENTS,
  metricName,
  type MeasurementMeaning,
} from "@outrider/contracts/measurements";
import { powerSet } from "@outrider/contracts/power";
import { DASHBOARDS } from "@outrider/dashboards/dashboards";
import { toGrafanaDashboard } from "@outrider/dashboards/grafana-dashboard";
import { DIALECTS, type Target } from "@outrider/dashboards/grafana-target";
import { codeOf } from "@outrider/dashboards/looks";
import { askInflux, askVictoria, expand, textOf } from "@outrider/dashboards/testing/ask";
import {
  startInflux,
  startVictoria,
  type TestDatabase,
} from "@outrider/dashboards/testing/databases";
import { panelsIn } from "@outrider/dashboards/testing/panels";
import { ROLLED } from "@outrider/telemetry-service/store/influx/roll-ups";
import { Session } from "@outrider/messaging/session";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

/** From the rack of the demonstration over agent, broker, telemetry service and database to the panels of Grafana. */
const PEERS = {
  influxql: ["influxd", "influxdb"],
  promql: ["victoria-metrics", "victoria-metrics"],
} as const;
const ALL = { node: ".*", domain: ".*", agent: ".*" };

describe.each(DIALECTS)("dashboards of a running site, in %s", (dialect) => {
  describe.skipIf(!requirePeer(PEERS[dialect][0], `apt-get install ${PEERS[dialect][1]}`))(
    "with the real database",
    () => {
      let database: TestDatabase;
      let folder: TempDir;
      let site: Child;
      beforeAll(async () => {
        database = dialect === "influxql" ? await startInflux() : await startVictoria();
        folder = await tempDir("dashboards-");
        site = await startNode(import.meta.resolve("@outrider/all-in-one/main"), {
          env: {
            OUTRIDER_DATA: folder.path,
            OUTRIDER_INFLUX_URL: dialect === "influxql" ? `${database.url}/outrider` : database.url,
            OUTRIDER_MQTT_PORT: "0",
            OUTRIDER_SSH_PORT: "0",
            OUTRIDER_CONSOLE_LINK_PORT: "0",
            OUTRIDER_HTTP_PORT: "0",
            OUTRIDER_DEMO_VM: "no",
          },
          readyWithinMs: 120_000,
        });
      });
      afterAll(async () => {
        await site?.kill("SIGINT");
        await database?.[Symbol.asyncDispose]();
        await folder?.remove();
      });

      /** What a panel shows now: the last value of each series, by its labels. */
      async function shown(key: string, title: string, nth = 0): Promise<Record<string, number>> {
        const dashboard = DASHBOARDS.find((one) => one.key === key);
        if (!dashboard) throw new Error(`no dashboard ${key}`);
        const panel = panelsIn(toGrafanaDashboard(dashboard, dialect)).find(
          (one) => one.title === title,
        );
        const target = panel?.targets?.[nth] as Target | undefined;
        if (!target) throw new Error(`${key} has no panel ${title}`);
        const toMs = Date.now();
        const range = { fromMs: toMs - 1_800_000, toMs, everyMs: 60_000 };
        const text = expand(textOf(target), range, ALL);
        if (dialect === "promql") {
          const told = await askVictoria(database.url, text, target.instant ?? false, range);
          return Object.fromEntries(
            told.map(({ metric, value, values }) => [
              names(metric),
              Number((value ?? values?.at(-1))?.[1]),
            ]),
          );
        }
        const answer = await askInflux(database.url, text);
        return Object.fromEntries(
          answer.map(({ tags = {}, values }) => [names(tags), Number(values.at(-1)?.[1])]),
        );
      }

      const supply = (word: string): number => codeOf("node_state", "supply", word);

      it("show its nodes as they are", async () => {
        await eventually(
          "the fleet is shown",
          async () => {
            expect(await shown("fleet", "Nodes")).toEqual({
              n1: supply("On"),
              n2: supply("Off"),
              n3: supply("On"),
              n4: supply("On"),
            });
            expect(await shown("fleet", "In all")).toEqual({ "": 4 });
            expect(await shown("fleet", "On")).toEqual({ "": 3 });
            expect(await shown("fleet", "Off")).toEqual({ "": 1 });
            expect(await shown("node", "Signs of life")).toMatchObject({
              "n1 host activity": 1,
              "n2 host activity": 0,
            });
            return true;
          },
          { withinMs: 90_000, everyMs: 1000 },
        );
      });

      it("show what sensors measure", async () => {
        await eventually(
          "each node has its power",
          async () => {
            const watts = await shown("node", "Power");
            expect(watts).toEqual({
              "n1 board": expect.any(Number) as number,
              "n2 board": 0,
              "n3 board": expect.any(Number) as number,
              "n4 board": expect.any(Number) as number,
            });
            expect(watts["n1 board"]).toBeGreaterThan(0);
            expect((await shown("fleet", "Draw"))[""]).toBeGreaterThan(0);
            return true;
          },
          { withinMs: 60_000, everyMs: 1000 },
        );
      });

      /** Once in all tries: what was done is counted. */
      let isAsked = false;

      it("show what somebody does with power", async () => {
        const person = new Session({ url: String(site.ready["url"]), clientId: "somebody" });
        person.start();
        onTestFinished(() => person.stop());
        await person.ready(within());
        if (!isAsked) await person.publish(powerSet, { node: "n2" }, { action: "On" });
        isAsked = true;
        await eventually(
          "the node is on and the action an event",
          async () => {
            expect(await shown("fleet", "On")).toEqual({ "": 4 });
            expect(await shown("node", "Supply")).toMatchObject({ n2: supply("On") });
            expect(await shown("console", "Power actions by outcome")).toEqual({ info: 1 });
            return true;
          },
          { withinMs: 90_000, everyMs: 1000 },
        );
        if (dialect === "promql") return;
        const [told] = await askInflux(
          database.url,
          `SELECT "message", "node" FROM "node_event" WHERE "kind" = 'power-result'`,
        );
        const [, message, node] = told?.values.at(-1) ?? [];
        expect({ message, node }).toEqual({
          message: expect.stringMatching(/^On by \S+: Succeeded/) as string,
          node: "n2",
        });
      });

      it("show services, the store and the calendars of agents", async () => {
        await eventually(
          "a minute has passed, at which the system is stored",
          async () => {
            expect(await shown("system", "Services")).toMatchObject({
              inventory: 1,
              power: 1,
              console: 1,
            });
            expect(await shown("system", "Dropped")).toEqual({ telemetry: 0 });
            expect(Object.keys(await shown("system", "Clocks"))).toEqual(["demo"]);
            return true;
          },
          { withinMs: 120_000, everyMs: 2000 },
        );
      });

      it("are about what is stored under the names of the contracts", async () => {
        const known: Readonly<Record<string, MeasurementMeaning>> = MEASUREMENTS;
        if (dialect === "promql") {
          const metrics = Object.entries(known).flatMap(([name, { fields }]) =>
            Object.keys(fields).map((field) => metricName(name, field)),
          );
          const answer = await fetch(`${database.url}/api/v1/label/__name__/values`);
          const { data } = (await answer.json()) as { data: string[] };
          expect(data.length).toBeGreaterThan(10);
          for (const metric of data) expect(metrics).toContain(metric);
          return;
        }
        const stored = await askInflux(database.url, "SHOW FIELD KEYS");
        expect(stored.length).toBeGreaterThan(3);
        for (const { name = "", values } of stored) {
          const { fields = {}, text } = known[name] ?? {};
          const all = Object.keys(fields).flatMap((field) => [
            field,
            ...ROLLED.map((one) => `${field}_${one}`),
          ]);
          for (const [field] of values) expect([...all, text], name).toContain(field);
        }
        const tags = await askInflux(database.url, "SHOW TAG KEYS");
        for (const { name = "", values } of tags)
          expect(values.map(([tag]) => String(tag)).toSorted(), name).toEqual(
            (known[name]?.tags ?? []).toSorted(),
          );
      });
    },
  );
});

/** Labels in an order that both languages share: what it is of comes first. */
function names(labels: Readonly<Record<string, string>>): string {
  const rank = ["node", "sensor", "heartbeat"];
  const place = (label: string): number =>
    rank.includes(label) ? rank.indexOf(label) : rank.length;
  return Object.entries(labels)
    .filter(([label]) => label !== "__name__")
    .toSorted(([a], [b]) => place(a) - place(b))
    .map(([, value]) => value)
    .join(" ");
}
