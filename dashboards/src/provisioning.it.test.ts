import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempDir } from "@outrider/testing/temp-dir";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { ALERTS } from "./alerts.js";
import { DASHBOARDS } from "./dashboards.js";
import type { AlertingFile } from "./grafana-alert.js";
import { toGrafanaDashboard } from "./grafana-dashboard.js";
import { DATA_SOURCES, DIALECTS } from "./grafana-target.js";

const PROGRAM = fileURLToPath(import.meta.resolve("./write-dashboards.js"));

function write(...args: readonly string[]): void {
  execFileSync(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

function read(...path: readonly string[]): unknown {
  const text = readFileSync(join(...path), "utf8");
  return path.at(-1)?.endsWith(".json") ? JSON.parse(text) : parse(text);
}

describe("the folder that Grafana reads", () => {
  it.each(DIALECTS)("has data source, provider, rules and dashboards, for %s", async (dialect) => {
    await using folder = await tempDir();
    write(
      "--for",
      dialect,
      "--to",
      folder.path,
      "--url",
      "http://db.example:1234/",
      "--path",
      "/etc/grafana/p",
    );
    const name = `outrider-${dialect}.yaml`;

    expect(read(folder.path, "datasources", name)).toMatchObject({
      apiVersion: 1,
      datasources: [{ ...DATA_SOURCES[dialect], access: "proxy", url: "http://db.example:1234" }],
    });
    expect(read(folder.path, "dashboards", name)).toMatchObject({
      apiVersion: 1,
      providers: [
        {
          type: "file",
          folder: "Outrider",
          options: { path: "/etc/grafana/p/outrider-dashboards" },
        },
      ],
    });
    const files = readdirSync(join(folder.path, "outrider-dashboards"));
    const dashboards = files.map(
      (file) => read(folder.path, "outrider-dashboards", file) as { uid: string },
    );
    const built = DASHBOARDS.map(
      (one) => JSON.parse(JSON.stringify(toGrafanaDashboard(one, dialect))) as { uid: string },
    );
    const byUid = (all: { uid: string }[]): { uid: string }[] =>
      all.toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
    expect(byUid(dashboards)).toEqual(byUid(built));

    const { groups } = read(folder.path, "alerting", name) as AlertingFile;
    expect(groups).toHaveLength(1);
    const [group] = groups;
    expect(group).toMatchObject({ orgId: 1, folder: "Outrider", interval: "1m" });
    expect(group?.rules.map(({ title }) => title)).toEqual(ALERTS.map(({ title }) => title));
    for (const { title, condition, data, for: time, noDataState, execErrState } of group?.rules ??
      []) {
      expect(
        data.map(({ refId }) => refId),
        title,
      ).toEqual(["A", "B", "C"]);
      expect(condition, title).toBe("C");
      expect(time, title).toMatch(/^\d+[sm]$/);
      expect(["OK", "Alerting", "NoData"], title).toContain(noDataState);
      expect(["OK", "Alerting", "Error"], title).toContain(execErrState);
      for (const { model, refId } of data) expect(model["refId"], title).toBe(refId);
    }
  });

  it("has nothing that Grafana would take for a variable of its environment, but the password", async () => {
    await using folder = await tempDir();
    write("--to", folder.path, "--user", "grafana", "--database", "site");
    const { groups } = read(folder.path, "alerting", "outrider-influxql.yaml") as AlertingFile;
    for (const rule of groups.flatMap(({ rules }) => rules)) {
      // Only the models of queries are left as they are.
      const text = JSON.stringify(rule, (key, value: unknown) => (key === "model" ? "" : value));
      expect(text).not.toContain("$");
    }
    const file = readFileSync(join(folder.path, "datasources", "outrider-influxql.yaml"), "utf8");
    expect(file.match(/\$\w+/g)).toEqual(["$OUTRIDER_GRAFANA_DATABASE_PASSWORD"]);
    expect(parse(file)).toMatchObject({
      datasources: [
        {
          user: "grafana",
          jsonData: { dbName: "site" },
          secureJsonData: { password: "$OUTRIDER_GRAFANA_DATABASE_PASSWORD" },
        },
      ],
    });
  });

  it("is the same each time it is written", async () => {
    await using folder = await tempDir();
    const [first, second] = ["a", "b"].map((name) => join(folder.path, name));
    for (const to of [first, second]) write("--to", String(to), "--path", "/p");
    expect(() => execFileSync("diff", ["-r", String(first), String(second)])).not.toThrow();
  });

  it.each([
    [["--for", "flux"], "--for is one of influxql, promql, not flux"],
    [["--url", "file:///etc/passwd"], "--url is an http URL"],
    [["--url", "http://a:secret@db"], "no password in --url"],
    [["--nonsense"], "Unknown option '--nonsense'"],
  ])("is not written with %j", async (args, why) => {
    await using folder = await tempDir();
    const to = join(folder.path, "not-made");
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args, "--to", to], {
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toContain(why);
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
