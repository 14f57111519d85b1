import { MEASUREMENTS } from "@outrider/contracts/measurements";
import { DASHBOARDS } from "@outrider/dashboards/dashboards";
import { toGrafanaDashboard } from "@outrider/dashboards/grafana-dashboard";
import type { Target } from "@outrider/dashboards/grafana-target";
import { codeOf } from "@outrider/dashboards/looks";
import { askInflux, expand, textOf } from "@outrider/dashboards/testing/ask";
import { startInflux, type TestDatabase } from "@outrider/dashboards/testing/databases";
import { panelsIn } from "@outrider/dashboards/testing/panels";
import { ROLLED } from "@outrider/telemetry-service/store/influx/roll-ups";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** From the rack of the demonstration over agent, broker, telemetry service and InfluxDB to the panels of Grafana. */
const ALL = { node: ".*", domain: ".*", agent: ".*" };

describe.skipIf(!requirePeer("influxd", "apt-get install influxdb"))(
  "dashboards of a running site",
  () => {
    let influx: TestDatabase;
    let folder: TempDir;
    let site: Child;
    beforeAll(async () => {
      influx = await startInflux();
      folder = await tempDir("dashboards-");
      site = await startNode(import.meta.resolve("@outrider/all-in-one/main"), {
        env: {
          OUTRIDER_DATA: folder.path,
          OUTRIDER_INFLUX_URL: `${influx.url}/outrider`,
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
      await influx?.[Symbol.asyncDispose]();
      await folder?.remove();
    });

    /** What a panel shows now: the last value of each series, by its labels. */
    async function shown(key: string, title: string, nth = 0): Promise<Record<string, number>> {
      const dashboard = DASHBOARDS.find((one) => one.key === key);
      if (!dashboard) throw new Error(`no dashboard ${key}`);
      const panel = panelsIn(toGrafanaDashboard(dashboard, "influxql")).find(
        (one) => one.title === title,
      );
      const target = panel?.targets?.[nth] as Target | undefined;
      if (!target) throw new Error(`${key} has no panel ${title}`);
      const toMs = Date.now();
      const range = { fromMs: toMs - 1_800_000, toMs, everyMs: 60_000 };
      const answer = await askInflux(influx.url, expand(textOf(target), range, ALL));
      return Object.fromEntries(
        answer.map(({ tags = {}, values }) => [
          Object.values(tags).join(" "),
          Number(values.at(-1)?.[1]),
        ]),
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
          return true;
        },
        { withinMs: 90_000, everyMs: 1000 },
      );
      expect(await shown("node", "Signs of life")).toMatchObject({
        "host n1 activity": 1,
        "host n2 activity": 0,
      });
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
          return true;
        },
        { withinMs: 60_000, everyMs: 1000 },
      );
      expect((await shown("fleet", "Draw"))[""]).toBeGreaterThan(0);
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

    it("are about what is stored: measurements, tags and fields have the names of the contracts", async () => {
      const known: Readonly<
        Record<string, { tags: readonly string[]; fields: object; text?: string }>
      > = MEASUREMENTS;
      const stored = await askInflux(influx.url, "SHOW FIELD KEYS");
      expect(stored.length).toBeGreaterThan(3);
      for (const { name = "", values } of stored) {
        const { fields, text } = known[name] ?? { fields: {} };
        const all = Object.keys(fields).flatMap((field) => [
          field,
          ...ROLLED.map((one) => `${field}_${one}`),
        ]);
        for (const [field] of values) expect([...all, text], name).toContain(field);
      }
      const tags = await askInflux(influx.url, "SHOW TAG KEYS");
      for (const { name = "", values } of tags)
        expect(values.map(([tag]) => String(tag)).toSorted(), name).toEqual(
          (known[name]?.tags ?? []).toSorted(),
        );
    });
  },
);
