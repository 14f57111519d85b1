import { MEASUREMENTS } from "@outrider/contracts/measurements";
import { describe, expect, it } from "vitest";
import { ALERTS } from "./alerts.js";
import { DASHBOARDS } from "./dashboards.js";
import { shownIn } from "./description.js";
import { toAlertingFile } from "./grafana-alert.js";
import { toGrafanaDashboard, uidOf } from "./grafana-dashboard.js";
import { DATA_SOURCES, DIALECTS, type Target } from "./grafana-target.js";
import { FRESH, isEvents, tagsOf } from "./query.js";
import { everythingIn, panelsIn } from "./testing/panels.js";

const all = DIALECTS.flatMap((dialect) =>
  DASHBOARDS.map((description) => ({
    name: `${description.key}, ${dialect}`,
    dialect,
    description,
    dashboard: toGrafanaDashboard(description, dialect),
  })),
);

describe.each(all)("$name", ({ dialect, description, dashboard }) => {
  it("has a uid that Grafana takes", () => {
    expect(dashboard.uid).toMatch(/^[a-z0-9-]{8,40}$/);
    expect(dashboard.schemaVersion).toBe(42);
  });

  it("has panels with ids of their own and titles and texts for whoever comes first", () => {
    const ids = everythingIn(dashboard).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => typeof id === "number" && id > 0)).toBe(true);
    const panels = panelsIn(dashboard);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    for (const { title, description: text } of panels) {
      expect(title).toMatch(/^[A-Z]/);
      expect(text, title).toMatch(/\.$/);
    }
  });

  it("lays panels out in 24 columns, none upon another", () => {
    const taken = new Map<string, string>();
    for (const { title = "", gridPos } of everythingIn(dashboard)) {
      if (!gridPos) throw new Error(`${title} has no place`);
      const { x, y, w, h } = gridPos;
      expect(x >= 0 && w > 0 && h > 0 && x + w <= 24, `${title} ${JSON.stringify(gridPos)}`).toBe(
        true,
      );
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(taken.get(`${column},${line}`), `${title} at ${column},${line}`).toBeUndefined();
          taken.set(`${column},${line}`, title);
        }
      }
    }
  });

  it("asks its own data source only, each query of a panel by a letter of its own", () => {
    const source = DATA_SOURCES[dialect];
    for (const panel of panelsIn(dashboard)) {
      expect(panel.datasource, panel.title).toEqual(source);
      const targets = (panel.targets ?? []) as Target[];
      expect(targets.length, panel.title).toBeGreaterThan(0);
      for (const target of targets) expect(target.datasource, panel.title).toEqual(source);
      const letters = targets.map(({ refId }) => refId);
      expect(new Set(letters).size, panel.title).toBe(letters.length);
    }
    for (const { name, datasource } of dashboard.templating.list ?? [])
      expect(datasource, name).toEqual(source);
    for (const { name, datasource } of dashboard.annotations.list ?? [])
      expect(datasource, name).toEqual(source);
  });

  it("uses only variables that it has, and has only those that it uses", () => {
    const text = JSON.stringify(dashboard.panels);
    const used = ["node", "domain", "agent"].filter(
      (name) => text.includes(`$${name})`) || text.includes(`$${name}\\"`),
    );
    expect(used.toSorted()).toEqual(description.variables.toSorted());
    for (const variable of dashboard.templating.list ?? []) {
      expect(variable).toMatchObject({ multi: true, includeAll: true, allValue: ".*" });
    }
  });

  it("names in a legend only what a series is labelled with", () => {
    for (const { panel, shown } of shownIn(description)) {
      if (isEvents(shown.query)) continue;
      const { query } = shown;
      const named = [...query.legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, tag]) => tag);
      for (const tag of named) expect(tagsOf(query), panel.title).toContain(tag);
    }
  });

  it("leads to dashboards that are there", () => {
    const uids = new Set(DASHBOARDS.map(({ key }) => uidOf(key, dialect)));
    const links = [...JSON.stringify(dashboard).matchAll(/"\/d\/([a-z0-9-]+)/g)].map(
      ([, uid]) => uid ?? "",
    );
    for (const uid of links) expect(uids).toContain(uid);
  });
});

describe("dashboards", () => {
  it("have uids of their own, and so have alert rules", () => {
    const uids = all.map(({ dashboard }) => dashboard.uid);
    expect(new Set(uids).size).toBe(uids.length);
    for (const dialect of DIALECTS) {
      const rules = toAlertingFile(ALERTS, dialect).groups.flatMap((group) => group.rules);
      expect(new Set(rules.map(({ uid }) => uid)).size).toBe(ALERTS.length);
      expect(new Set(rules.map(({ title }) => title)).size).toBe(ALERTS.length);
      for (const { uid } of rules) expect(uid).toMatch(/^[a-z0-9-]{8,40}$/);
    }
  });

  it("are the same panels in both languages", () => {
    for (const description of DASHBOARDS) {
      const [influxql, promql] = DIALECTS.map((dialect) =>
        panelsIn(toGrafanaDashboard(description, dialect)).map(({ title, type, gridPos }) => ({
          title,
          type,
          gridPos,
        })),
      );
      expect(influxql).toEqual(promql);
    }
  });

  it("show everything that is stored", () => {
    const shown = new Set(
      DASHBOARDS.flatMap(shownIn).flatMap(({ shown: { query } }) =>
        isEvents(query)
          ? [`${query.events}.count`]
          : [query.field, query.per].map((field) => `${query.measurement}.${field}`),
      ),
    );
    for (const [measurement, { fields }] of Object.entries(MEASUREMENTS))
      for (const field of Object.keys(fields)) expect(shown).toContain(`${measurement}.${field}`);
  });

  it("know how long everything that is stored counts as fresh", () => {
    expect(Object.keys(FRESH).toSorted()).toEqual(Object.keys(MEASUREMENTS).toSorted());
  });
});
