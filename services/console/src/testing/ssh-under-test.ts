import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import { silentLog } from "@outrider/messaging/log";
import { readHostKey, type HostKey } from "../ways/host-key.js";
import type { SignInDeskOptions } from "../ways/sign-in-desk.js";
import { SshServer } from "../ways/ssh-server.js";
import type { LoopbackDoor } from "./loopback-door.js";
import { PASSWORD, peopleUnderTest, type PeopleUnderTest } from "./people-under-test.js";
import { runProgram, type Ran, type RunOptions } from "./run-program.js";

export interface SshUnderTest extends AsyncDisposable {
  readonly port: number;
  readonly people: PeopleUnderTest;
  readonly hostKey: HostKey;
  readonly server: SshServer;
  /** Options of OpenSSH's client for this server; with a key, or without any. */
  options(key?: string): string[];
  /** Runs OpenSSH's client. */
  ssh(args: readonly string[], options?: RunOptions & { readonly key?: string }): Promise<Ran>;
  /** Answers its questions: a name where one is asked for, else the password. */
  askpass(name?: string, password?: string): Promise<Record<string, string>>;
}

export async function sshUnderTest(
  door: LoopbackDoor,
  clock: Clock = systemClock,
  options: Pick<SignInDeskOptions, "anonymous"> = {},
): Promise<SshUnderTest> {
  const people = await peopleUnderTest(options);
  const hostKey = await readHostKey(people.folder);
  const server = new SshServer({
    host: "127.0.0.1",
    port: 0,
    hostKey,
    door,
    desk: people.desk,
    clock,
    log: silentLog,
    onProblem: () => undefined,
  });
  await server.open();
  const port = server.address?.port ?? 0;
  const known = join(people.folder, "known_hosts");
  await writeFile(known, `[127.0.0.1]:${port} ${hostKey.publicKey}\n`);
  let made = 0;
  const clientOptions = (key?: string): string[] => [
    "-F",
    "none",
    "-p",
    String(port),
    "-oStrictHostKeyChecking=yes",
    `-oUserKnownHostsFile=${known}`,
    "-oIdentityAgent=none",
    "-oLogLevel=INFO",
    ...(key === undefined
      ? ["-o", "PubkeyAuthentication=no"]
      : ["-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]),
  ];
  return {
    port,
    people,
    hostKey,
    server,
    options: clientOptions,
    ssh: (args, { key, ...rest } = {}) => runProgram("ssh", [...clientOptions(key), ...args], rest),
    askpass: async (name = "", password = PASSWORD) => {
      const path = join(people.folder, `askpass-${++made}`);
      const script = `#!/bin/sh\ncase "$1" in *user*) echo "${name}";; *) echo "${password}";; esac\n`;
      await writeFile(path, script);
      await chmod(path, 0o700);
      return { SSH_ASKPASS: path, SSH_ASKPASS_REQUIRE: "force", DISPLAY: "none" };
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await people[Symbol.asyncDispose]();
    },
  };
}
