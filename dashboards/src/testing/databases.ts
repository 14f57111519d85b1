import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startProgram } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { tempDir } from "@outrider/testing/temp-dir";

/** Real databases of the tests, empty, each in a directory and on a port of its own. */

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  /** Takes lines of line protocol, with times in milliseconds. @param tier where there are such */
  write(lines: readonly string[], tier?: "raw" | "hours"): Promise<void>;
}

const DATABASE = "outrider";

export async function startInflux(): Promise<TestDatabase> {
  const folder = await tempDir("outrider-influx-");
  const [port, rpc] = [await freePort(), await freePort()];
  const config = join(folder.path, "influxdb.conf");
  await writeFile(
    config,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = "${folder.path}/meta"
[data]
  dir = "${folder.path}/data"
  wal-dir = "${folder.path}/wal"
  index-version = "inmem"
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
[monitor]
  store-enabled = false
`,
  );
  const server = await startProgram("influxd", { args: ["-config", config], ready: "none" });
  const url = `http://127.0.0.1:${port}`;
  await eventually("InfluxDB answers", async () => (await fetch(`${url}/ping`)).ok);
  for (const statement of [
    `CREATE DATABASE ${DATABASE} WITH NAME raw`,
    `CREATE RETENTION POLICY hours ON ${DATABASE} DURATION INF REPLICATION 1`,
  ]) {
    const made = await fetch(`${url}/query?q=${encodeURIComponent(statement)}`, { method: "POST" });
    const text = await made.text();
    if (!made.ok || text.includes("error")) throw new Error(text);
  }
  return {
    url,
    write: (lines, tier = "raw") =>
      post(`${url}/write?db=${DATABASE}&rp=${tier}&precision=ms`, lines),
    [Symbol.asyncDispose]: async () => {
      await server.kill();
      await folder.remove();
    },
  };
}

export async function startVictoria(): Promise<TestDatabase> {
  const folder = await tempDir("outrider-victoria-");
  const port = await freePort();
  const server = await startProgram("victoria-metrics", {
    args: [
      `-storageDataPath=${folder.path}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      "-retentionPeriod=1y",
      // What was just written is to be found at once.
      "-search.latencyOffset=0s",
      "-memory.allowedBytes=256MB",
    ],
    ready: "none",
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually("VictoriaMetrics answers", async () => (await fetch(`${url}/health`)).ok);
  return {
    url,
    write: async (lines) => {
      await post(`${url}/write?precision=ms`, lines);
      await fetch(`${url}/internal/force_flush`);
    },
    [Symbol.asyncDispose]: async () => {
      await server.kill();
      await folder.remove();
    },
  };
}

async function post(url: string, lines: readonly string[]): Promise<void> {
  for (let from = 0; from < lines.length; from += 5000) {
    const body = lines.slice(from, from + 5000).join("\n");
    const answer = await fetch(url, { method: "POST", body });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
}
