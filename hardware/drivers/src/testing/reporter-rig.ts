import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mustSkip } from "@outrider/simulators/peers";
import { accepts, freePort, startForeign, type ForeignProcess } from "./foreign-process.js";

/** The program as it lies on a node. */
export const REPORTER = fileURLToPath(
  new URL("../../../reporter/outrider-reporter", import.meta.url),
);
/** What a small Linux has, whatever else is on the PATH. */
export const PYTHON = "/usr/bin/python3";

export function lacksReporter(tests: string): boolean {
  return mustSkip(tests, {}, { packages: existsSync(PYTHON) ? [] : ["python3"] });
}

export const REPORTER_SECRET = "canary-4417-9d1c0a5be2f7413c8f6a0b7e";
export const REPORTER_SECRET_FILE = "/etc/outrider/secrets/reporter-n1";

/** The reporter of this machine, whose shutdown only writes down that it was told. */
export interface ReporterRig extends AsyncDisposable {
  readonly port: number;
  readonly options: { host: string; port: number; waitMs: number; secret: { file: string } };
  readonly secrets: Readonly<Record<string, string>>;
  /** Where it looks for what disks say of themselves. */
  readonly disksFile: string;
  /** How often the command was run. */
  asked(): number;
  log(): string;
  start(): Promise<void>;
  stop(): Promise<void>;
  freeze(frozen: boolean): void;
  /** Another command; counts after the next start. */
  command(words: string): void;
}

/** @param root where `/sys` is */
export async function startReporter({ root = "/" } = {}): Promise<ReporterRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freePort();
  const asked = join(dir, "asked");
  const config = join(dir, "reporter.conf");
  const log = join(dir, "log");
  const disksFile = join(dir, "disks.json");
  writeFileSync(join(dir, "reporter-secret"), `${REPORTER_SECRET}\n`);
  const command = (words: string): void =>
    writeFileSync(
      config,
      `[reporter]\nlisten = 127.0.0.1\nport = ${port}\nroot = ${root}\ndisks_file = ${disksFile}\nshutdown = /bin/sh -c 'echo asked >> ${asked}; ${words}'\n`,
    );
  command("exit 0");
  let running: ForeignProcess | undefined;
  const freeze = (frozen: boolean): void => {
    if (running) process.kill(running.pid, frozen ? "SIGSTOP" : "SIGCONT");
  };
  const start = async (): Promise<void> => {
    running ??= await startForeign({
      command: PYTHON,
      // Isolated, so that nothing but the standard library can be found.
      args: ["-I", "-S", REPORTER, config],
      log,
      env: { CREDENTIALS_DIRECTORY: dir },
      ready: () => accepts(port),
    });
  };
  const stop = async (): Promise<void> => {
    freeze(false);
    await running?.stop();
    running = undefined;
  };
  await start();
  return {
    port,
    options: { host: "127.0.0.1", port, waitMs: 4000, secret: { file: REPORTER_SECRET_FILE } },
    secrets: { [REPORTER_SECRET_FILE]: REPORTER_SECRET },
    disksFile,
    asked: () => (existsSync(asked) ? readFileSync(asked, "utf8").split("\n").length - 1 : 0),
    log: () => readFileSync(log, "utf8"),
    start,
    stop,
    freeze,
    command,
    [Symbol.asyncDispose]: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Lets the program for disks ask once, as its timer would. @param smart what smartctl prints, by disk; of others it fails */
export function askDisks(
  { disksFile }: ReporterRig,
  root: string,
  smart: Readonly<Record<string, string>>,
): void {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const smartctl = join(dir, "smartctl");
  const cases = Object.entries(smart).map(
    ([disk, text]) => `/dev/${disk}) printf '%s' '${text}'; exit 4 ;;`,
  );
  const script = [
    "#!/bin/sh",
    "for last; do :; done",
    'case "$last" in',
    ...cases,
    "*) exit 2 ;;",
    "esac",
  ];
  writeFileSync(smartctl, `${script.join("\n")}\n`, { mode: 0o755 });
  try {
    execFileSync(PYTHON, ["-I", "-S", REPORTER, "--disks", disksFile, root, smartctl], {
      stdio: ["ignore", "ignore", "ignore"],
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
