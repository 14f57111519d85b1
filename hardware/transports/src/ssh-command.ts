import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock } from "@outrider/ports/time";
import { CHILD_PATH, runChild, type ChildResult } from "./child.js";

export interface SshCommand {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The only host key that is believed: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** A private key without a passphrase. It is in no argument; OpenSSH reads it from a file that lives no longer than the call. */
  readonly privateKey: string;
  /** What the far side's shell is given; a forced command of the key goes before it. */
  readonly command: string;
  /** The host with its address, as messages name it. */
  readonly what: string;
  readonly clock: Clock;
}

const DEADLINE = seconds(10);
const CONNECT_SECONDS = 5;
/** The name by which the host key is looked up, whatever the host is called. */
const ALIAS = "outrider-node";

/**
 * Runs one command on a host by OpenSSH's client, which reads no configuration, asks no agent and nobody at a terminal.
 * @throws PortError `refused`: the host, its key or the command said no · `unreachable` · `timed-out` · `invalid-options`:
 *   the key is none, or there is no OpenSSH · the signal's reason
 */
export async function sshCommand(run: SshCommand, signal: AbortSignal): Promise<void> {
  const { host, port, user, hostKey, privateKey, command, what, clock } = run;
  signal.throwIfAborted();
  const dir = await mkdtemp(join(tmpdir(), "outrider-ssh-"));
  try {
    const key = join(dir, "key");
    const known = join(dir, "known");
    await writeFile(key, `${privateKey.trimEnd()}\n`, { mode: 0o600 });
    await writeFile(known, `${ALIAS} ${hostKey}\n`, { mode: 0o600 });
    const options = {
      BatchMode: "yes",
      ConnectTimeout: CONNECT_SECONDS,
      ConnectionAttempts: 1,
      ControlPath: "none",
      GlobalKnownHostsFile: "/dev/null",
      HostKeyAlias: ALIAS,
      IdentitiesOnly: "yes",
      IdentityAgent: "none",
      LogLevel: "ERROR",
      PreferredAuthentications: "publickey",
      ServerAliveInterval: 2,
      ServerAliveCountMax: 2,
      StrictHostKeyChecking: "yes",
      UpdateHostKeys: "no",
      UserKnownHostsFile: known,
    };
    const set = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const where = ["-i", key, "-l", user, "-p", String(port), "--", host, command];
    const args = ["-F", "none", "-T", "-a", "-x", ...set, ...where];
    const env = { PATH: CHILD_PATH, LC_ALL: "C" };
    judge(
      await runChild({ command: "ssh", args, env, what, deadline: DEADLINE, clock }, signal),
      run,
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What OpenSSH's client ends with when it is itself that failed. */
const OWN_FAILURE = 255;

function judge({ code, stderr }: ChildResult, { what, user, command }: SshCommand): void {
  if (code === 0) return;
  const last = stderr
    .trim()
    .split("\n")
    .at(-1)
    ?.trim()
    .replaceAll(/[^ -~]/g, "?")
    .slice(0, 200);
  const words = last === undefined || last === "" ? "it gave no reason" : last;
  if (code !== OWN_FAILURE) {
    throw new PortError(
      "refused",
      `${what}: the command ended with ${code ?? "a signal"}: ${words}. Check what the key of ${user} may run there (${command}).`,
    );
  }
  if (
    /Host key verification failed|host key .* has changed|No .* host key is known/i.test(stderr)
  ) {
    throw new PortError(
      "refused",
      `${what} has another host key than the endpoint says. When it was installed anew, correct hostKey (ssh-keyscan shows it); else somebody else answers at its address.`,
    );
  }
  if (/No user exists for uid/i.test(stderr)) {
    throw new PortError(
      "unsupported",
      `${what} cannot be asked: OpenSSH does not know the user that the agent runs as. Install libnss-systemd on the agent's host, or give the agent's unit a User= of its own.`,
    );
  }
  // A key that cannot be read is left out, and then the host lets nobody in.
  if (/error in libcrypto|invalid format|Load key|passphrase/i.test(stderr)) {
    throw new PortError(
      "invalid-options",
      `${what}: the private key cannot be used: it must be one of OpenSSH, without a passphrase.`,
    );
  }
  if (/Permission denied|Too many authentication failures/i.test(stderr)) {
    throw new PortError(
      "refused",
      `${what} does not let ${user} in with this key. Check its authorized_keys, and that the key of the endpoint belongs to it.`,
    );
  }
  throw new PortError(
    "unreachable",
    `${what} cannot be asked: ${words}. When it was already logged in to, it may be going down: look before repeating.`,
  );
}
