import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { mustSkip } from "@outrider/simulators/peers";
import { accepts, freePort, startForeign, type ForeignProcess } from "./foreign-process.js";

/** The server itself wants to be named by its whole path. */
const SSHD = "/usr/sbin/sshd";

/** Whether there is no OpenSSH here; says so. */
export function lacksSshd(tests: string): boolean {
  const packages = existsSync(SSHD) ? [] : ["openssh-server"];
  return mustSkip(tests, { ssh: "openssh-client" }, { packages });
}

/** An OpenSSH server of this user's own on 127.0.0.1. */
export interface Sshd extends AsyncDisposable {
  readonly dir: string;
  readonly port: number;
  readonly user: string;
  /** Its host key as a known-hosts file has it, without the name: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** What it has logged. */
  log(): string;
  /** One line of its `authorized_keys`. */
  authorize(line: string): void;
  /** A new key pair; @returns the private key, and the public one as `authorized_keys` has it. */
  newKey(name: string): { readonly privateKey: string; readonly publicKey: string };
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it where it is, while its kernel goes on; undone with false. */
  freeze(frozen: boolean): void;
}

export async function startSshd(): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  // The server that is root wants this place, which its package's unit makes.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const newKey = (name: string) => {
    const file = join(dir, name);
    // A new one, also where another try has made one of that name: nobody can be asked.
    rmSync(file, { force: true });
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
    return {
      privateKey: readFileSync(file, "utf8"),
      publicKey: readFileSync(`${file}.pub`, "utf8").trim(),
    };
  };
  const hostKey = newKey("host").publicKey;
  const port = await freePort();
  const config = join(dir, "sshd_config");
  const keys = join(dir, "authorized_keys");
  writeFileSync(keys, "");
  writeFileSync(
    config,
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${join(dir, "host")}`,
      `AuthorizedKeysFile ${keys}`,
      `PidFile ${join(dir, "pid")}`,
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "PermitRootLogin yes",
      "LogLevel VERBOSE",
      "MaxStartups 100",
      "",
    ].join("\n"),
  );
  const log = join(dir, "log");
  let running: ForeignProcess | undefined;
  const start = async (): Promise<void> => {
    running ??= await startForeign({
      command: SSHD,
      args: ["-D", "-e", "-f", config],
      log,
      ready: () => accepts(port),
    });
  };
  const freeze = (frozen: boolean): void => {
    if (running) process.kill(running.pid, frozen ? "SIGSTOP" : "SIGCONT");
  };
  const stop = async (): Promise<void> => {
    freeze(false);
    await running?.stop();
    running = undefined;
  };
  await start();
  return {
    dir,
    port,
    user: userInfo().username,
    hostKey,
    log: () => readFileSync(log, "utf8"),
    authorize: (line) => writeFileSync(keys, `${line}\n`),
    newKey,
    start,
    stop,
    freeze,
    [Symbol.asyncDispose]: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
