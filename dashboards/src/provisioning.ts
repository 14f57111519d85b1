import { stringify } from "yaml";
import { ALERTS } from "./alerts.js";
import { DASHBOARDS } from "./dashboards.js";
import { FOLDER, toAlertingFile } from "./grafana-alert.js";
import { toGrafanaDashboard, uidOf } from "./grafana-dashboard.js";
import { DATA_SOURCES, type Dialect } from "./grafana-target.js";

/** Where the store is and where Grafana will find the files. */
export interface Installation {
  readonly dialect: Dialect;
  /** Of the database, as Grafana's host reaches it. */
  readonly url: string;
  /** Of InfluxDB. */
  readonly database: string;
  /** Whoever Grafana is to the database. The password comes from Grafana's environment, never from a file of ours. */
  readonly user?: string;
  /** The folder with the dashboards, as Grafana's host sees it. */
  readonly dashboardsPath: string;
}

/** Variable of Grafana's environment with the password of {@link Installation.user}. */
export const PASSWORD_VARIABLE = "OUTRIDER_GRAFANA_DATABASE_PASSWORD";
/** Beside the provisioning of data sources and alerts, not in it: Grafana would take its files for its own. */
export const DASHBOARDS_FOLDER = "outrider-dashboards";

/** All files for Grafana, by path below its provisioning folder. */
export function provisioningFiles(installation: Installation): ReadonlyMap<string, string> {
  const { dialect } = installation;
  const dashboards = DASHBOARDS.map((dashboard): [string, string] => [
    `${DASHBOARDS_FOLDER}/${uidOf(dashboard.key, dialect)}.json`,
    `${JSON.stringify(toGrafanaDashboard(dashboard, dialect), undefined, 2)}\n`,
  ]);
  return new Map([
    [`datasources/outrider-${dialect}.yaml`, yaml(dataSources(installation))],
    [`dashboards/outrider-${dialect}.yaml`, yaml(provider(installation))],
    [`alerting/outrider-${dialect}.yaml`, yaml(toAlertingFile(ALERTS, dialect))],
    ...dashboards,
  ]);
}

function dataSources({ dialect, url, database, user }: Installation): object {
  const { type, uid } = DATA_SOURCES[dialect];
  const influx = {
    user,
    // Releases differ in where they look for it.
    database,
    jsonData: { version: "InfluxQL", dbName: database, httpMode: "POST", timeInterval: "10s" },
    secureJsonData: user === undefined ? undefined : { password: `$${PASSWORD_VARIABLE}` },
  };
  const victoria = {
    basicAuth: user === undefined ? undefined : true,
    basicAuthUser: user,
    // $__rate_interval is four times this at least.
    jsonData: { httpMethod: "POST", timeInterval: "15s", prometheusType: "Prometheus" },
    secureJsonData: user === undefined ? undefined : { basicAuthPassword: `$${PASSWORD_VARIABLE}` },
  };
  const name = dialect === "influxql" ? "Outrider (InfluxDB)" : "Outrider (VictoriaMetrics)";
  return {
    apiVersion: 1,
    datasources: [
      {
        name,
        uid,
        type,
        access: "proxy",
        url,
        ...(dialect === "influxql" ? influx : victoria),
        editable: false,
      },
    ],
  };
}

function provider({ dialect, dashboardsPath }: Installation): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: `outrider-${dialect}`,
        orgId: 1,
        folder: FOLDER,
        type: "file",
        allowUiUpdates: false,
        options: { path: dashboardsPath },
      },
    ],
  };
}

function yaml(content: object): string {
  return `# Written by \`npm run dashboards\` of Outrider. Changes are lost when it is written again.\n${stringify(content, { lineWidth: 100 })}`;
}
