import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ButtonPort } from "@outrider/ports/button-port";
import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { describeButtonPort } from "../testing/button-conformance.js";
import { driverContext } from "../testing/context.js";
import { freePort } from "../testing/foreign-process.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import { lacksSshd, startSshd, type Sshd } from "../testing/sshd.js";
import { driver } from "./ssh.js";

const KEY = { file: "/etc/outrider/secrets/shutdown-key" };

/** A host whose key may do nothing but write down that it was told. */
async function startHost() {
  const sshd = await startSshd();
  const { privateKey, publicKey } = sshd.newKey("client");
  const asked = join(sshd.dir, "asked");
  const allow = (forced: string): void =>
    sshd.authorize(`restrict,command="${forced}" ${publicKey}`);
  allow(`echo asked >> ${asked}`);
  const options = {
    host: "127.0.0.1",
    port: sshd.port,
    user: sshd.user,
    hostKey: sshd.hostKey,
    key: KEY,
  };
  const secrets = { [KEY.file]: privateKey.trimEnd() };
  return {
    sshd,
    options,
    secrets,
    allow,
    asked: () => (existsSync(asked) ? readFileSync(asked, "utf8").split("\n").length - 1 : 0),
    open: (changed: object = {}): Promise<ButtonPort> =>
      openDriver(driver, { ...options, ...changed }, driverContext({ secrets })),
    [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
  };
}

describe.skipIf(lacksSshd("button/ssh"))("a host with OpenSSH", { timeout: 60_000 }, () => {
  describeButtonPort("ssh", async () => {
    const host = await startHost();
    return {
      can: ["shutDown"],
      asked: async () => host.asked(),
      open: (context) => openDriver(driver, host.options, { ...context, ...only(host.secrets) }),
      silence: async (silent) => host.sshd.freeze(silent),
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    };
  });

  let host: Awaited<ReturnType<typeof startHost>>;
  let sshd: Sshd;
  beforeAll(async () => {
    host = await startHost();
    sshd = host.sshd;
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const refused = async (changed: object, words: string, code = "refused"): Promise<void> => {
    const before = host.asked();
    await using port = await host.open(changed);
    const error = await failure(port.shutDown?.(never) ?? Promise.reject(new Error("it cannot")));
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) as string });
    expect(error.message).not.toContain("PRIVATE KEY");
    expect(host.asked()).toBe(before);
  };

  it("is told nothing by a host with another key than its own", async () => {
    const { publicKey } = sshd.newKey("other-host");
    await refused({ hostKey: publicKey }, "another host key");
  });

  it("says that the host does not know the key, or the user", async () => {
    sshd.authorize(sshd.newKey("somebody-else").publicKey);
    await refused({}, "does not let");
    host.allow(`echo asked >> ${join(sshd.dir, "asked")}`);
    await refused({ user: "nobody-of-this-name" }, "does not let nobody-of-this-name in");
  });

  it("says what the command of the host has said", async () => {
    host.allow("echo sudo: a password is required >&2; exit 1");
    await refused({}, "ended with 1: sudo: a password is required");
    host.allow("no-such-command-there");
    await refused({}, "ended with 127");
    host.allow(`echo asked >> ${join(sshd.dir, "asked")}`);
  });

  it("cannot reach a host where nobody listens, and names it", async () => {
    const port = await freePort();
    await refused({ port }, `127.0.0.1, port ${port}`, "unreachable");
  });

  it("cannot use what is no key", async () => {
    await using port = await openDriver(
      driver,
      host.options,
      driverContext({ secrets: { [KEY.file]: "canary-7341-that-is-no-key" } }),
    );
    const error = await failure(port.shutDown?.(never) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).not.toContain("canary");
  });

  it("does not know whether a host that ended the connection goes down", async () => {
    // The session's own process is the parent of the command.
    host.allow(`echo asked >> ${join(sshd.dir, "asked")}; kill -9 $PPID; sleep 5`);
    await using port = await host.open();
    const before = host.asked();
    const error = await failure(port.shutDown?.(never) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain("look before repeating");
    expect(host.asked()).toBe(before + 1);
    host.allow(`echo asked >> ${join(sshd.dir, "asked")}`);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "says what to install where its user has no name",
    async () => {
      const asked = { host: "127.0.0.1", port: sshd.port, user: sshd.user, hostKey: sshd.hostKey };
      const rest = { privateKey: host.secrets[KEY.file], command: "true", what: "The host" };
      const program = `
      import { systemClock } from ${JSON.stringify(import.meta.resolve("@outrider/contracts/clock"))};
      import { sshCommand } from ${JSON.stringify(import.meta.resolve("@outrider/transports/ssh-command"))};
      const question = { ...JSON.parse(process.env.QUESTION), clock: systemClock };
      sshCommand(question, new AbortController().signal).then(
        () => console.log("done"),
        ({ code, message }) => console.log(code, message),
      );`;
      const nobody = ["--reuid=54321", "--regid=54321", "--clear-groups"];
      const node = [process.execPath, "--input-type=module", "-e", program];
      const env = { ...process.env, QUESTION: JSON.stringify({ ...asked, ...rest }) };
      const { stdout } = await promisify(execFile)("setpriv", [...nobody, ...node], { env });
      expect(stdout).toMatch(/^unsupported .*libnss-systemd/);
    },
  );

  it("shows the key to no process list and leaves it nowhere", async () => {
    const left = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith("outrider-ssh-"));
    const before = left();
    const canary = (host.secrets[KEY.file] ?? "").split("\n")[2] ?? "";
    expect(canary.length).toBeGreaterThan(40);
    onTestFinished(() => sshd.freeze(false));
    sshd.freeze(true);
    await using port = await host.open();
    const given = new AbortController();
    const asking = failure(port.shutDown?.(given.signal) ?? Promise.resolve());
    await expect
      .poll(() => processes().some((one) => one.includes("HostKeyAlias")), SOON)
      .toBe(true);
    expect(processes().filter((one) => one.includes(canary))).toEqual([]);
    given.abort(new Error("seen"));
    await asking;
    sshd.freeze(false);
    await expect.poll(() => left().filter((name) => !before.includes(name)), SOON).toEqual([]);
    expect(sshd.log()).not.toContain(canary);
  });
});

describe("the options of button/ssh", () => {
  it.each([
    { host: "-oProxyCommand=id" },
    { user: "-x" },
    { user: "root;id" },
    { hostKey: "ssh-ed25519 AAAA\nevil ssh-ed25519 BBBB" },
    { hostKey: "SHA256:abc" },
    { key: "the key itself" },
  ])("do not take %j", async (wrong) => {
    const options = { ...driver.example.options, ...wrong };
    await expect(openDriver(driver, options, driverContext())).rejects.toMatchObject({
      code: "invalid-options",
    });
  });
});

const SOON = { timeout: 10_000, interval: 20 };
const only = (secrets: Record<string, string>) => ({ secret: driverContext({ secrets }).secret });

/** Arguments and environment of every process that can be seen. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) =>
      ["cmdline", "environ"]
        .map((file) => {
          try {
            return readFileSync(`/proc/${pid}/${file}`, "latin1");
          } catch {
            return "";
          }
        })
        .join("\n"),
    );
}
