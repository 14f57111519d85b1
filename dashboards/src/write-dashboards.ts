import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DIALECTS, type Dialect } from "./grafana-target.js";
import { DASHBOARDS_FOLDER, PASSWORD_VARIABLE, provisioningFiles } from "./provisioning.js";

/** Writes everything that Grafana reads at its start, into a folder. */

const DEFAULT_URLS: Readonly<Record<Dialect, string>> = {
  influxql: "http://127.0.0.1:8086",
  promql: "http://127.0.0.1:8428",
};

const USAGE = `npm run dashboards -- [options]
  --for influxql|promql   what the store is asked in: influxql for InfluxDB (default), promql for VictoriaMetrics
  --url URL               of the store, as Grafana's host reaches it (default ${DEFAULT_URLS.influxql}, or ${DEFAULT_URLS.promql})
  --database NAME         of InfluxDB (default outrider)
  --user NAME             for the store; the password is read by Grafana from ${PASSWORD_VARIABLE}
  --to FOLDER             where to write (default dashboards/provisioning)
  --path FOLDER           the same folder as Grafana's host will see it (default: that of --to)`;

function main(): number {
  const options = read();
  if (options === undefined) return 2;
  const { to, path, ...rest } = options;
  const dashboardsPath = join(path, DASHBOARDS_FOLDER);
  for (const [name, text] of provisioningFiles({ ...rest, dashboardsPath })) {
    const file = join(to, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`${file}\n`);
  }
  return 0;
}

function read() {
  try {
    const { values } = parseArgs({
      options: {
        for: { type: "string", default: "influxql" },
        url: { type: "string" },
        database: { type: "string", default: "outrider" },
        user: { type: "string" },
        to: { type: "string", default: "dashboards/provisioning" },
        path: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) throw new TypeError("");
    const dialect = DIALECTS.find((one) => one === values.for);
    if (!dialect) throw new TypeError(`--for is one of ${DIALECTS.join(", ")}, not ${values.for}`);
    const url = new URL(values.url ?? DEFAULT_URLS[dialect]);
    if (!["http:", "https:"].includes(url.protocol)) throw new TypeError("--url is an http URL");
    if (url.password)
      throw new TypeError(`no password in --url: give --user, and ${PASSWORD_VARIABLE} to Grafana`);
    const to = resolve(values.to);
    return {
      dialect,
      url: url.href.replace(/\/$/, ""),
      database: values.database,
      ...(values.user === undefined ? {} : { user: values.user }),
      to,
      path: values.path ?? to,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message === "" ? "" : `${message}\n\n`}${USAGE}\n`);
    return undefined;
  }
}

process.exitCode = main();
