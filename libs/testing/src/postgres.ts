import { setTimeout as delay } from "node:timers/promises";
import { accessSync, constants, readdirSync } from "node:fs";
import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "./free-port.js";
import { findProgram, MissingPeerError } from "./peers.js";

const HOW_TO_INSTALL = "apt-get install postgresql";
const START_WITHIN_MS = 60_000;

/** Debian keeps them off the PATH, one folder a version. */
function findPostgres(name: string): string | undefined {
  const versions = "/usr/lib/postgresql";
  try {
    for (const version of readdirSync(versions).toSorted((a, b) => Number(b) - Number(a))) {
      const path = join(versions, version, "bin", name);
      accessSync(path, constants.X_OK);
      return path;
    }
  } catch {
    // Not Debian's.
  }
  return findProgram(name);
}

/**
 * Whether PostgreSQL is here. Says so aloud when not.
 * @throws MissingPeerError where it must not be missing
 */
export function hasPostgres(): boolean {
  if (findPostgres("postgres")) return true;
  const message = `PostgreSQL is not installed; tests with it cannot run. Install it: ${HOW_TO_INSTALL}`;
  if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"])
    throw new MissingPeerError(message);
  process.stderr.write(`\nSKIPPED: ${message}\n`);
  return false;
}

/** A real PostgreSQL server in a directory of its own, on the loopback interface. */
export interface TestPostgres extends AsyncDisposable {
  readonly port: number;
  /** Makes an empty database and tells its URL. */
  database(): Promise<string>;
  /** Ends it as an operator in a hurry would; connections are cut. */
  stop(): Promise<void>;
  /** Ends all its processes with SIGKILL, the moment this is called. */
  kill(): Promise<void>;
  /** Starts it again with what it had. */
  start(): Promise<void>;
}

/** Starts an empty server. It flushes as a real one does. Runs as the user `postgres` where we are root, which it refuses to be. */
export async function startPostgres(): Promise<TestPostgres> {
  const initdb = findPostgres("initdb");
  const postgres = findPostgres("postgres");
  if (!initdb || !postgres) throw new MissingPeerError(`PostgreSQL is missing: ${HOW_TO_INSTALL}`);
  const folder = await mkdtemp("/tmp/outrider-pg-");
  await chmod(folder, 0o700);
  const user = process.getuid?.() === 0 ? ids("postgres") : undefined;
  if (user) await chown(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const run = { ...user, cwd: folder, env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" } };
  execFileSync(initdb, ["-D", data, "-U", "outrider", "-A", "trust", "-E", "UTF8", "--no-sync"], {
    ...run,
    stdio: "ignore",
  });
  const port = await freePort();
  let server: ChildProcess | undefined;
  const launch = async (): Promise<void> => {
    const settings = [
      "listen_addresses=127.0.0.1",
      `unix_socket_directories=${folder}`,
      "fsync=on",
    ];
    const args = ["-D", data, "-p", String(port), ...settings.flatMap((one) => ["-c", one])];
    server = spawn(postgres, args, { ...run, stdio: ["ignore", "ignore", "pipe"] });
    await ready(server);
  };
  const start = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await launch();
      } catch (error) {
        // A back end of the server that was killed has not let go of the shared memory yet.
        const isLeft = error instanceof Error && error.message.includes("is still in use");
        if (!isLeft || attempt === 50) throw error;
        await delay(100);
      }
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = server;
    server = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    // Its back ends first, or they would see that it died and tell their clients so.
    if (signal === "SIGKILL") for (const pid of childrenOf(child.pid)) kill(pid);
    child.kill(signal);
    await gone;
  };
  try {
    await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    database: async () => {
      const name = `t${randomBytes(8).toString("hex")}`;
      const psql = findPostgres("psql") ?? "psql";
      const child = spawn(
        psql,
        [
          "-h",
          "127.0.0.1",
          "-p",
          String(port),
          "-U",
          "outrider",
          "-c",
          `CREATE DATABASE ${name}`,
          "postgres",
        ],
        { stdio: "ignore", env: run.env },
      );
      const [code] = (await once(child, "exit")) as [number | null];
      if (code !== 0) throw new Error(`no database could be made on port ${port}`);
      return `postgresql://outrider@127.0.0.1:${port}/${name}`;
    },
    stop: () => end("SIGINT"),
    kill: () => end("SIGKILL"),
    start,
    [Symbol.asyncDispose]: async () => {
      await end("SIGQUIT");
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function ids(name: string): { uid: number; gid: number } {
  const id = (flag: string): number =>
    Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Resolves when the server takes connections. @throws Error with its words when it ends before */
function ready(server: ChildProcess): Promise<void> {
  const words: string[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      server.kill("SIGKILL");
      reject(new Error(`PostgreSQL did not start in time:\n${words.join("")}`));
    }, START_WITHIN_MS);
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (words.length < 200) words.push(text);
      if (!text.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
    server.once("exit", () => {
      clearTimeout(timer);
      reject(new Error(`PostgreSQL ended before it was ready:\n${words.join("")}`));
    });
  });
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const text = execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" });
    return text.split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
