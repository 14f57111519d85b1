import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startProgram, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { requirePeer } from "@outrider/testing/peers";

/** A real time-series database on the loopback interface. */
export interface TestDatabase extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly child: Child;
  /** Starts it again with what it had. */
  start(): Promise<void>;
}

export function hasInflux(): boolean {
  return requirePeer("influxd", "apt-get install influxdb");
}

export function hasVictoria(): boolean {
  return requirePeer("victoria-metrics", "apt-get install victoria-metrics");
}

/** @param directory its own */
export async function startInflux(directory: string, port?: number): Promise<TestDatabase> {
  const http = port ?? (await freePort());
  const rpc = await freePort();
  await mkdir(directory, { recursive: true });
  const file = join(directory, "influxdb.conf");
  const config = `
reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = "${directory}/meta"
[data]
  dir = "${directory}/data"
  wal-dir = "${directory}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:${http}"
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
`;
  await writeFile(file, config);
  return run("influxd", ["-config", file], http, "/ping", 204);
}

/** @param directory its own */
export async function startVictoria(directory: string, port?: number): Promise<TestDatabase> {
  const http = port ?? (await freePort());
  const args = [
    `-storageDataPath=${directory}`,
    `-httpListenAddr=127.0.0.1:${http}`,
    "-retentionPeriod=100y",
    "-loggerLevel=ERROR",
    // So that a disk that is nearly full is used to its end.
    "-storage.minFreeDiskSpaceBytes=0",
  ];
  return run("victoria-metrics", args, http, "/health", 200);
}

async function run(
  program: string,
  args: readonly string[],
  port: number,
  path: string,
  status: number,
): Promise<TestDatabase> {
  const url = `http://127.0.0.1:${port}`;
  let child: Child;
  const start = async (): Promise<void> => {
    const started = await startProgram(program, { args, ready: "none" });
    child = started;
    await eventually(`${program} answers`, async () => {
      if (!started.running) throw new Error(`${program} ended:\n${started.stderr()}`);
      const signal = AbortSignal.timeout(2000);
      return (await fetch(url + path, { signal })).status === status;
    });
  };
  await start();
  return {
    port,
    url,
    get child() {
      return child;
    },
    start,
    [Symbol.asyncDispose]: async () => {
      if (child.running) await child.kill("SIGCONT");
      await child.kill("SIGKILL");
    },
  };
}
