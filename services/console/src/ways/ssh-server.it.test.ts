import { readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { openSsh } from "../testing/openssh.js";
import { PASSWORD } from "../testing/people-under-test.js";
import { runProgram } from "../testing/run-program.js";
import { sshUnderTest, type SshUnderTest } from "../testing/ssh-under-test.js";
import { hostKeyPath, readHostKey } from "./host-key.js";

const door = new LoopbackDoor(nodeId("n1"), nodeId("n2"));
const far = door.far("n1");
let one: SshUnderTest;
let key: string;

beforeAll(async () => {
  one = await sshUnderTest(door);
  key = await one.people.key("ada");
});
afterAll(() => one[Symbol.asyncDispose]());
beforeEach(async () => {
  far.echo = true;
  far.past = new Uint8Array();
  await eventually("nobody is there", () => far.seats.length === 0);
});

/** A running client whose terminal is typed at. */
function session(
  args: readonly string[],
  options = one.options(key),
): {
  type(bytes: Uint8Array | string): void;
  said(): Buffer;
  saidBytes(): number;
  signal(name: NodeJS.Signals): void;
  end(): Promise<void>;
} {
  const { child, closed } = openSsh([...options, ...args]);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return {
    type: (bytes) => void child.stdin.write(bytes),
    said: () => Buffer.concat(chunks),
    saidBytes: () => chunks.reduce((all, { length }) => all + length, 0),
    signal: (name) => void child.kill(name),
    end: async () => {
      child.kill();
      await closed;
    },
  };
}

const at = (user: string): string => `${user}@127.0.0.1`;

describe.skipIf(!requirePeer("ssh", "apt-get install openssh-client"))("SSH for OpenSSH", () => {
  test("a key of a person opens the console that the user name says", async () => {
    const terminal = session(["-tt", at("n1")]);
    await eventually("ada types", () => far.writer?.visitor.actor === "person:ada");
    far.says("login: ");
    await eventually("the terminal shows it", () => terminal.said().includes("login: "));
    terminal.type("root\r");
    await eventually("it is typed", () => far.typedText().endsWith("root\r"));
    await terminal.end();
    await eventually("she has left", () => far.seats.length === 0);
    expect(one.people.audited).toContainEqual(
      expect.objectContaining({
        actor: "person:ada",
        via: "ssh",
        act: "session.sign-in",
        data: expect.objectContaining({ method: "key", address: "127.0.0.1" }) as object,
      }),
    );
  });

  test("~B of the client is a break on the line", async () => {
    const terminal = session(["-tt", at("n1")]);
    await eventually("ada types", () => far.writer);
    terminal.type("\r~B");
    await eventually("the break", () => far.did.some((act) => act.startsWith("break")));
    await terminal.end();
    await eventually("she has left", () => far.seats.length === 0);
  });

  test("all 256 values go both ways as they are", async () => {
    const all = Uint8Array.from({ length: 8192 }, (_, at_) => (at_ * 5 + (at_ >> 8)) & 255);
    far.typed.length = 0;
    const ran = await one.ssh([at("n1"), "raw"], { key, input: all });
    expect(ran.code).toBe(0);
    expect(far.typed).toEqual([...all]);
    expect(ran.stdout.equals(all)).toBe(true);
    await eventually("it has left", () => far.seats.length === 0);
  });

  test("a terminal hands on all values but its own escape", async () => {
    far.typed.length = 0;
    far.echo = false;
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    const terminal = session(["-tt", "-e", "none", at("n1"), "attach", "--escape", "none"]);
    await eventually("ada types", () => far.writer);
    terminal.type(all);
    await eventually("all are typed", () => far.typed.length >= 256);
    expect(far.typed).toEqual([...all]);
    far.echo = true;
    await terminal.end();
    await eventually("she has left", () => far.seats.length === 0);
  });

  test("a client that stands still holds little, slows nobody, and has all once it goes on", async () => {
    const frozen = session(["-T", at("n1"), "raw"]);
    const other = session(["-T", at("n1"), "raw", "--spy"]);
    await eventually("both are there", () => far.seats.length === 2);
    frozen.signal("SIGSTOP");
    const chunk = new Uint8Array(65_536).fill(46);
    for (let said = 0; said < 16_777_216; said += chunk.length) {
      far.says(chunk);
      const so = said;
      await eventually("the other reads on", () => other.saidBytes() >= so - 1_000_000);
    }
    await eventually("the other has all", () => other.saidBytes() === 16_777_216);
    const held = Math.max(...far.seats.map(({ heldBytes }) => heldBytes));
    expect(held).toBeGreaterThan(8_000_000);
    frozen.signal("SIGCONT");
    await eventually("all has come", () => frozen.saidBytes() === 16_777_216);
    await Promise.all([frozen.end(), other.end()]);
    await eventually("both have left", () => far.seats.length === 0);
  });

  test("several at once: one types, the others look on, and who says who", async () => {
    const terminals = Array.from({ length: 3 }, () => session(["-tt", at("ada+n1")]));
    await eventually("all are there", () => far.seats.length === 3);
    far.says("\r\nhello all\r\n");
    for (const terminal of terminals) {
      await eventually("each sees it", () => terminal.said().includes("hello all"));
    }
    const who = await one.ssh([at("n1"), "who"], { key });
    const lines = who.stdout.toString().trim().split("\n");
    expect(lines.filter((line) => line.includes("types"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("looks on"))).toHaveLength(2);
    await Promise.all(terminals.map((terminal) => terminal.end()));
    await eventually("all have left", () => far.seats.length === 0);
  });

  test("commands: log, break, sysrq, list, help, and what is none", async () => {
    far.past = Buffer.from("line one\r\nline two\r\n");
    const log = await one.ssh([at("n1"), "log", "-n", "2"], { key });
    expect([log.code, log.stdout.toString()]).toEqual([0, "line one\r\nline two\r\n"]);
    expect(far.did.at(-1)).toBe("log lines=2&format=text&follow=false");
    const broke = await one.ssh(["ada:@127.0.0.1", "break", "double", "n1"], { key });
    expect([broke.code, broke.stdout.toString()]).toEqual([0, "break double\n"]);
    const sysrq = await one.ssh([at("n1"), "sysrq", "sync", "show-tasks"], { key });
    expect(sysrq.stdout.toString()).toBe("sysrq sync,show-tasks\n");
    const list = await one.ssh([at("ada"), "list"], { key });
    expect(list.stdout.toString()).toMatch(/^n1 .*\nn2 .*\n$/);
    const help = await one.ssh([at("n1"), "help"], { key });
    expect(help.stdout.toString()).toContain("sysrq NAME");
    for (const command of ["/bin/sh", "scp -t /tmp", "sysrq sync bogus", "log --since x"]) {
      const ran = await one.ssh([at("n1"), command], { key });
      expect([command, ran.code, ran.stdout.length]).toEqual([command, 2, 0]);
    }
    far.past = new Uint8Array();
  });

  test("password and keyboard-interactive sign in, with the name in the user name or asked for", async () => {
    const asked = await one.ssh([at("n1"), "who"], { env: await one.askpass("ada") });
    expect(asked.code).toBe(0);
    const named = await one.ssh(["ada:n1@127.0.0.1", "who"], { env: await one.askpass() });
    expect(named.code).toBe(0);
    const password = await one.ssh(
      ["-o", "PreferredAuthentications=password", at("ada"), "who", "n1"],
      { env: await one.askpass() },
    );
    expect(password.code).toBe(0);
  });

  test("a name that is no console's is a person's: nobody is asked for a name that was said", async () => {
    // Whoever were asked for a name would say another one.
    const env = await one.askpass("somebody-else");
    const named = await one.ssh([at("ada"), "list"], { env });
    expect([named.code, named.stdout.toString()]).toEqual([0, expect.stringContaining("n1 ")]);
  });

  test("what greets stands below the screen that is drawn first", async () => {
    far.past = Buffer.from("\u001b[H\u001b[2Jn1 login: ");
    const terminal = session(["-tt", at("n1")]);
    await eventually("it greets", () => terminal.said().includes("[outrider: "));
    const said = terminal.said().toString();
    expect(said.indexOf("[outrider: ")).toBeGreaterThan(said.indexOf("n1 login: "));
    await terminal.end();
    await eventually("she has left", () => far.seats.length === 0);
    far.past = new Uint8Array();
  });

  test("who may not come is told why: one-time password, wrong password, disabled, foreign key", async () => {
    const tries = async (user: string, password = PASSWORD): Promise<string> => {
      const ran = await one.ssh(
        [
          "-o",
          "NumberOfPasswordPrompts=1",
          "-o",
          "PreferredAuthentications=keyboard-interactive",
          at(user),
          "who",
        ],
        { env: await one.askpass("", password) },
      );
      expect(ran.code).toBe(255);
      return ran.stderr;
    };
    expect(await tries("eve:n1")).toContain("one-time password, which must be changed first");
    expect(await tries("ada:n1", "wrong-horse-77")).toContain("unknown name or wrong password");
    expect(await tries("dan:n1")).toContain("unknown name or wrong password");
    const danKey = await one.people.key("dan");
    const dan = await one.ssh([at("n1"), "who"], { key: danKey });
    expect(dan.code).toBe(255);
    expect(one.people.audited).toContainEqual(
      expect.objectContaining({
        actor: "person:dan",
        act: "session.sign-in",
        data: expect.objectContaining({ method: "key", refused: true }) as object,
      }),
    );
    const foreign = await one.ssh(["root:n1@127.0.0.1", "who"], { key });
    expect(foreign.code).toBe(255);
    expect(one.people.audited).toContainEqual(
      expect.objectContaining({
        actor: "person:eve",
        data: expect.objectContaining({ refused: true }) as object,
      }),
    );
    expect(far.seats).toEqual([]);
  });

  test("a person without the right is told so", async () => {
    const vicKey = await one.people.key("vic");
    const vic = await one.ssh([at("vic+n1"), "spy"], { key: vicKey });
    expect(vic.stdout.toString() + vic.stderr).toContain("console-read");
    expect(vic.code).toBe(1);
  });

  test("whoever is disabled while at a console is sent away with the reason, and so is a key that goes", async () => {
    const { people, keys } = one.people.identity;
    onTestFinished(async () => {
      await people.change("ada", { disabled: false });
      for (const { id } of await keys.list("ada")) await keys.remove("ada", id);
      key = await one.people.key("ada");
    });
    const disabled = session(["-tt", at("n1")]);
    await eventually("ada is there", () => far.seats.length === 1);
    await people.change("ada", { disabled: true });
    await eventually("she is told", () => disabled.said().includes("ada is disabled"));
    await eventually("she is gone", () => far.seats.length === 0);
    await disabled.end();
    await people.change("ada", { disabled: false });
    const keyless = session(["-tt", at("n1")]);
    await eventually("ada is there again", () => far.seats.length === 1);
    const [registered] = await keys.list("ada");
    await keys.remove("ada", registered?.id ?? "");
    await eventually("she is told", () => keyless.said().includes("was taken away"));
    await eventually("she is gone", () => far.seats.length === 0);
    await keyless.end();
  });

  test("nothing is forwarded, no file is served, no environment is taken", async () => {
    const sftp = await one.ssh(["-s", at("n1"), "sftp"], { key });
    expect(sftp.code).not.toBe(0);
    const forward = await one.ssh(["-W", "127.0.0.1:1", at("n1")], { key });
    expect(forward.code).not.toBe(0);
    const remote = await one.ssh(
      ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", at("n1"), "who"],
      { key },
    );
    expect(remote.code).not.toBe(0);
    const withEnvironment = await one.ssh(["-A", "-X", "-o", "SetEnv=A=b", at("n1"), "who"], {
      key,
    });
    expect(withEnvironment.code).toBe(0);
  });

  test("RSA keys sign with SHA-2 only, and old algorithms are not spoken", async () => {
    const rsa = await one.people.key("ada", "rsa");
    expect((await one.ssh([at("n1"), "who"], { key: rsa })).code).toBe(0);
    const old = await one.ssh(["-o", "PubkeyAcceptedAlgorithms=ssh-rsa", at("n1"), "who"], {
      key: rsa,
    });
    expect(old.code).toBe(255);
    const cbc = await one.ssh(["-c", "aes128-cbc", at("n1"), "who"], { key });
    expect(cbc.stderr).toMatch(/no matching cipher/i);
    const kex = await one.ssh(
      ["-o", "KexAlgorithms=diffie-hellman-group14-sha1", at("n1"), "who"],
      { key },
    );
    expect(kex.stderr).toMatch(/no matching key exchange/i);
  });

  test("the host key stays, is readable by its owner alone, and a broken one is not replaced", async () => {
    const path = hostKeyPath(one.people.folder);
    const again = await readHostKey(one.people.folder);
    expect(again.fingerprint).toBe(one.hostKey.fingerprint);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await using elsewhere = await tempDir();
    await readHostKey(elsewhere.path);
    await writeFile(hostKeyPath(elsewhere.path), "not a key");
    await expect(readHostKey(elsewhere.path)).rejects.toThrow(hostKeyPath(elsewhere.path));
    expect(await readFile(hostKeyPath(elsewhere.path), "utf8")).toBe("not a key");
  });

  test("(P19) far ends that speak no SSH, or endlessly, are closed and cost nobody else anything", async () => {
    const endless = connect(one.port, "127.0.0.1")
      .on("error", () => undefined)
      .resume();
    const line = Buffer.alloc(65_536, 65);
    endless.write("SSH-2.0-");
    for (let time = 0; time < 20; time++) endless.write(line);
    const http = connect(one.port, "127.0.0.1").on("error", () => undefined);
    http.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
    const silent = Array.from({ length: 30 }, () =>
      connect(one.port, "127.0.0.1").on("error", () => undefined),
    );
    await eventually("the endless one is closed", () => endless.destroyed || endless.closed);
    for (const socket of silent) socket.destroy();
    http.destroy();
    await eventually(
      "ada gets in",
      async () => (await one.ssh([at("n1"), "who"], { key })).code === 0,
    );
  });

  test("(P19) a far end that says nothing, or only that it speaks SSH, has a minute; who signed in stays", async () => {
    const clock = new VirtualClock();
    // Whoever is there when its server and its clock stop stays there.
    const own = new LoopbackDoor(nodeId("n1"));
    const there = own.far("n1");
    await using slow = await sshUnderTest(own, clock);
    const adaKey = await slow.people.key("ada");
    const silent = connect(slow.port, "127.0.0.1").resume();
    const begun = connect(slow.port, "127.0.0.1").resume();
    begun.write("SSH-2.0-slow\r\n");
    const staying = session(["-tt", at("n1"), "spy"], slow.options(adaKey));
    await eventually("ada is there", () => there.seats.length === 1 && silent.bytesRead > 0);
    await eventually("both are there", () => begun.bytesRead > 100);
    await clock.advance(59_000);
    expect([silent.closed, begun.closed]).toEqual([false, false]);
    await clock.advance(2000);
    await eventually("both are closed", () => silent.closed && begun.closed);
    expect(there.seats).toHaveLength(1);
    there.seats[0]?.viewer.told({ told: "bye", code: "idle", text: "you were idle" });
    await eventually("she is told", () => staying.said().includes("you were idle"));
    await staying.end();
  });
});

describe.skipIf(!requirePeer("plink", "apt-get install putty-tools"))("SSH for PuTTY", () => {
  test("a key, and a command", async () => {
    const puttyKey = join(one.people.folder, "key.ppk");
    await runProgram("puttygen", [key, "-o", puttyKey]);
    const ran = await runProgram("plink", [
      "-ssh",
      "-batch",
      "-P",
      String(one.port),
      "-hostkey",
      one.hostKey.fingerprint,
      "-i",
      puttyKey,
      at("n1"),
      "list",
    ]);
    expect(ran.stdout.toString()).toMatch(/^n1 /);
  });
});

describe.skipIf(!requirePeer("dbclient", "apt-get install dropbear-bin"))(
  "SSH for Dropbear",
  () => {
    test("a key, and a command; it sends the first step of the key exchange unasked", async () => {
      const dropbearKey = join(one.people.folder, "key.dropbear");
      await runProgram("dropbearconvert", ["openssh", "dropbear", key, dropbearKey]);
      const args = ["-y", "-y", "-p", String(one.port), "-i", dropbearKey, at("n1"), "list"];
      const ran = await runProgram("dbclient", args);
      expect(ran.stdout.toString()).toMatch(/^n1 /);
    });
  },
);
