import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { Ajv, type ValidateFunction } from "ajv";
import { createGenerator } from "ts-json-schema-generator";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { ALERTS } from "./alerts.js";
import { DASHBOARDS } from "./dashboards.js";
import { toAlertingFile } from "./grafana-alert.js";
import { toGrafanaDashboard } from "./grafana-dashboard.js";
import { DIALECTS, type Dialect } from "./grafana-target.js";
import type { GrafanaTypes } from "./testing/grafana-types.js";
import { panelsIn } from "./testing/panels.js";

/** Grafana's own types as JSON Schemas: closed, so that a word that Grafana does not know is found. */
function grafanaSchema(): object {
  const schema = createGenerator({
    path: fileURLToPath(import.meta.resolve("./testing/grafana-types.d.ts")),
    tsconfig: fileURLToPath(import.meta.resolve("../tsconfig.json")),
    type: "GrafanaTypes",
    // Types have a function where data sources bring their own properties.
    functions: "hide",
    additionalProperties: false,
    expose: "none",
    skipTypeCheck: true,
  }).createSchema("GrafanaTypes");
  const ofDataSources = '{"type":"object","additionalProperties":false}';
  return JSON.parse(
    JSON.stringify(schema).replaceAll(ofDataSources, '{"type":"object"}'),
  ) as object;
}

/** What the data source for InfluxQL reads of an annotation and the types do not know. */
const INFLUX_ANNOTATION = ["query", "textColumn", "tagsColumn"];

function json(dashboard: Dashboard): Dashboard {
  const parsed = JSON.parse(JSON.stringify(dashboard)) as Dashboard;
  for (const annotation of parsed.annotations.list ?? [])
    for (const name of INFLUX_ANNOTATION) Reflect.deleteProperty(annotation, name);
  return parsed;
}

describe("what Grafana reads", () => {
  const schemas = new Map<string, ValidateFunction>();
  beforeAll(() => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    const schema = grafanaSchema() as { definitions: { GrafanaTypes: { properties: object } } };
    for (const name of Object.keys(schema.definitions.GrafanaTypes.properties)) {
      const part = `#/definitions/GrafanaTypes/properties/${name}`;
      schemas.set(name, ajv.compile({ ...schema, $ref: part }));
    }
  });

  function problems(name: keyof GrafanaTypes, value: unknown): string[] {
    const validate = schemas.get(name);
    if (!validate) throw new Error(`no schema of ${name}`);
    validate(value);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  it.each(DIALECTS.flatMap((dialect) => DASHBOARDS.map(({ key }) => [key, dialect] as const)))(
    "fits its types: %s, %s",
    (key, dialect) => {
      const description = DASHBOARDS.find((one) => one.key === key);
      if (!description) throw new Error(`no ${key}`);
      const dashboard = json(toGrafanaDashboard(description, dialect));
      expect(problems("dashboard", dashboard)).toEqual([]);
      for (const panel of panelsIn(dashboard)) {
        const { options, fieldConfig } = panel;
        const own = { options, custom: fieldConfig?.defaults.custom };
        expect(problems(panel.type as keyof GrafanaTypes, own), panel.title).toEqual([]);
        if (dialect !== "promql") continue;
        for (const target of panel.targets ?? [])
          expect(problems("prometheus", target), panel.title).toEqual([]);
      }
    },
  );

  it.each(DIALECTS)("fits the types of expressions in alert rules, %s", (dialect: Dialect) => {
    const rules = toAlertingFile(ALERTS, dialect).groups.flatMap((group) => group.rules);
    for (const { title, data } of rules) {
      const [asked, reduced, compared] = data;
      if (dialect === "promql") expect(problems("prometheus", asked?.model), title).toEqual([]);
      expect(problems("reduce", reduced?.model), title).toEqual([]);
      expect(problems("threshold", compared?.model), title).toEqual([]);
    }
  });

  it("is not what has a word that Grafana does not know, or a wrong one", () => {
    const [description] = DASHBOARDS;
    if (!description) throw new Error("a dashboard");
    const dashboard = json(toGrafanaDashboard(description, "influxql"));
    expect(problems("dashboard", { ...dashboard, titel: "Fleet" })).not.toEqual([]);
    expect(problems("dashboard", { ...dashboard, graphTooltip: 7 })).not.toEqual([]);
    const lines = panelsIn(dashboard).find(({ type }) => type === "timeseries");
    const custom = lines?.fieldConfig?.defaults.custom as object;
    expect(problems("timeseries", { options: lines?.options, custom })).toEqual([]);
    expect(
      problems("timeseries", {
        options: lines?.options,
        custom: { ...custom, drawStyle: "curve" },
      }),
    ).not.toEqual([]);
  });
});
