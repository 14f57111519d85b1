import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { generate } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { openCredentials } from "@outrider/identity/credential-store";
import { addCredential, readSecret, removeCredential } from "@outrider/identity/credentials";
import { openIdentity } from "@outrider/identity/open-identity";
import {
  barrier,
  brokerUnderTest,
  ConnectRefused,
  eventually,
  hasMosquitto,
  mosquittoArguments,
  run,
  temporaryFolder,
  type BrokerUnderTest,
} from "./testing/support.js";

const IDENTIFIER_NOT_VALID = 0x85;
const BAD_CREDENTIALS = 0x86;
const TAKEN_OVER = 0x8e;
const WITHDRAWN = 0x98;

async function refusal(attempt: Promise<unknown>): Promise<ConnectRefused> {
  const outcome = await attempt.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ConnectRefused);
  return outcome as ConnectRefused;
}

function refusals(under: BrokerUnderTest): Readonly<Record<string, number>> {
  return under.broker.stats().refused.connect;
}

describe("logging in", () => {
  it.each([
    [5, BAD_CREDENTIALS],
    [4, 4],
  ] as const)(
    "is refused alike for every wrong name and secret (level %i)",
    async (protocolVersion, code) => {
      await using folder = await temporaryFolder();
      await using under = await brokerUnderTest({
        credentials: await openCredentials(folder.path),
        anonymous: "loopback-operator",
      });
      const answers = new Set<string>();
      for (const [username, password] of [
        ["service:power", "wrong"],
        ["service:gateway", "wrong"],
        ["service:nonsense", "wrong"],
        ["operator", ""],
        ["nobody", "wrong"],
        ["anonymous", "wrong"],
        ["agent:../../etc/passwd", "wrong"],
        ["operator", "x".repeat(4096)],
      ] as const) {
        const { code: given, reason } = await refusal(
          under.connect(username, { password, protocolVersion }),
        );
        answers.add(`${given} ${reason}`);
      }
      expect([...answers]).toHaveLength(1);
      expect([...answers][0]).toMatch(new RegExp(`^${code} `));
      expect(refusals(under)).toEqual({ "wrong-credentials": 8 });
      expect(JSON.stringify(under.lines)).not.toContain('wrong"');
    },
  );

  it("takes a person with and without the kind in the name", async () => {
    await using folder = await temporaryFolder();
    await using under = await brokerUnderTest({ credentials: await openCredentials(folder.path) });
    const password = await readSecret(folder.path, { kind: "person", name: "operator" });
    await under.connect("operator", { password });
    await under.connect("person:operator", { password });
    await refusal(under.connect(undefined));
    expect(refusals(under)).toEqual({ "no-credentials": 1 });
  });

  it("without a name makes an operator called anonymous, where that is wanted", async () => {
    await using under = await brokerUnderTest({ anonymous: "loopback-operator" });
    const power = await under.connect("service:power");
    await power.mqtt.subscribeAsync("outrider/v1/node/+/power/set");
    const someone = await under.connect(undefined);
    await someone.mqtt.publishAsync("outrider/v1/node/n1/power/set", "On", { qos: 1 });
    const { user } = await power.received("outrider/v1/node/n1/power/set");
    expect(user).toEqual({ "outrider-actor": "person:anonymous" });
  });

  it("without a name is refused to all but 127.0.0.1 and ::1", async () => {
    await using under = await brokerUnderTest({ anonymous: "loopback-operator" });
    for (const localAddress of ["127.0.0.1", "127.0.0.2"]) {
      const socket = connectSocket({ host: "127.0.0.1", port: under.broker.port, localAddress });
      socket.write(
        generate({
          cmd: "connect",
          protocolId: "MQTT",
          protocolVersion: 4,
          clean: true,
          clientId: localAddress,
          keepalive: 0,
        }),
      );
      const [connack] = (await once(socket, "data")) as [Buffer];
      expect(connack[3]).toBe(localAddress === "127.0.0.1" ? 0 : 4);
      socket.destroy();
    }
  });

  it("says a refusal once, though it happens often", async () => {
    await using under = await brokerUnderTest();
    for (let i = 0; i < 5; i++) await refusal(under.connect("alice", { password: "no" }));
    await refusal(under.connect("bob", { password: "no" }));
    expect(refusals(under)).toEqual({ "wrong-credentials": 6 });
    const said = under.lines.filter((one) => one.message === "a client was refused");
    expect(said.map((one) => one["name"])).toEqual(["alice", "bob"]);
    expect(said[0]).toMatchObject({ address: "127.0.0.1", reason: "wrong-credentials" });
  });

  it("works for an agent added while the broker runs, and ends when its credential changes", async () => {
    await using folder = await temporaryFolder();
    await using under = await brokerUnderTest({ credentials: await openCredentials(folder.path) });
    const claim = { kind: "agent", name: "rack-a" } as const;
    await refusal(under.connect("agent:rack-a"));
    await using program = run(process.execPath, [CREDENTIALS_MAIN, "add", "agent", "rack-a"], {
      OUTRIDER_DATA: folder.path,
    });
    expect(await program.exited).toBe(0);
    expect(program.out()).toContain("secrets/agent-rack-a");
    const password = await readSecret(folder.path, claim);
    const agent = await under.connect("agent:rack-a", { password });
    expect(await addCredential(folder.path, claim)).toBe(false);
    await using identity = await openIdentity({ dataDirectory: folder.path });
    expect(await removeCredential(identity.store, claim)).toBe(true);
    await eventually("the end of the connection", () => !agent.mqtt.connected);
    expect(agent.ended.code).toBe(WITHDRAWN);
    await refusal(under.connect("agent:rack-a", { password }));
  });

  it("never stores, prints or logs a secret", async () => {
    await using folder = await temporaryFolder();
    await using under = await brokerUnderTest({ credentials: await openCredentials(folder.path) });
    const canary = randomBytes(16).toString("hex");
    await refusal(under.connect("operator", { password: canary }));
    const password = await readSecret(folder.path, { kind: "service", name: "power" });
    await under.connect("service:power", { password });
    const stored = await Promise.all(
      ["identity.sqlite", "identity.sqlite-wal"].map((file) =>
        readFile(join(folder.path, file), "latin1"),
      ),
    );
    const said = JSON.stringify(under.lines) + stored.join("");
    expect(said).toContain("$scrypt$");
    expect(said).not.toContain(canary);
    expect(said).not.toContain(password);
  });
});

const CREDENTIALS_MAIN = new URL("./credentials-main.js", import.meta.url).pathname;

describe("a service or an agent (P7)", () => {
  it.each(["service:power", "agent:rack-a"])(
    "%s is here once: its client id takes over, others are told who holds it",
    async (who) => {
      await using under = await brokerUnderTest();
      const first = await under.connect(who, { clientId: "host-1" });
      for (const protocolVersion of [5, 4] as const) {
        const { code, reason } = await refusal(
          under.connect(who, { clientId: "host-2", protocolVersion }),
        );
        expect(code).toBe(protocolVersion === 5 ? IDENTIFIER_NOT_VALID : 2);
        if (protocolVersion === 5)
          expect(reason).toMatch(/already connected as client "host-1" from 127/);
      }
      expect(first.mqtt.connected).toBe(true);
      expect(under.lines).toContainEqual(
        expect.objectContaining({
          level: "warn",
          reason: "identity-held",
          problem: expect.stringContaining("host-1") as string,
        }),
      );
      const second = await under.connect(who, { clientId: "host-1" });
      await eventually("the takeover", () => !first.mqtt.connected);
      expect(first.ended.code).toBe(TAKEN_OVER);
      await second.mqtt.endAsync();
      await eventually("nobody", () => under.broker.stats().clients === 0);
      await under.connect(who, { clientId: "host-2" });
    },
  );

  it("that comes back a hundred times at once ends with one working connection, its birth after every will", async () => {
    await using under = await brokerUnderTest();
    const topic = "outrider/v1/agent/rack-a/status";
    const person = await under.connect("alice");
    await person.mqtt.subscribeAsync(topic, { qos: 1 });
    const attempts = Array.from({ length: 100 }, async (_, round) => {
      const client = await under.connect("agent:rack-a", {
        clientId: "rack-a",
        will: { topic, payload: Buffer.from("lost"), qos: 1, retain: true },
      });
      await client.mqtt.publishAsync(topic, `ready ${round}`, { qos: 1, retain: true });
      return client;
    });
    const settled = await Promise.allSettled(attempts);
    const alive = settled
      .flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
      .filter((one) => one.mqtt.connected);
    await eventually("one agent and one person", () => under.broker.stats().clients === 2);
    expect(alive).toHaveLength(1);
    const [survivor] = alive;
    if (!survivor) throw new Error("nobody is left");
    await barrier(survivor, person, topic);
    expect(person.messages.at(-2)?.text).toMatch(/^ready/);
  });

  it("needs a client id of its own", async () => {
    await using under = await brokerUnderTest();
    await refusal(under.connect("agent:rack-a", { clientId: "" }));
    expect(refusals(under)).toEqual({ "no-client-id": 1 });
    const person = await under.connect("alice", { clientId: "" });
    expect(person.connack.properties?.assignedClientIdentifier).toBeTruthy();
  });

  it("gets its client id back from a person, and nobody else pushes anybody out", async () => {
    await using under = await brokerUnderTest();
    const squatter = await under.connect("alice", { clientId: "power" });
    expect((await refusal(under.connect("bob", { clientId: "power" }))).code).toBe(
      IDENTIFIER_NOT_VALID,
    );
    const power = await under.connect("service:power", { clientId: "power" });
    await eventually("the squatter's end", () => !squatter.mqtt.connected);
    for (const who of ["alice", "agent:power", "service:boot"]) {
      await refusal(under.connect(who, { clientId: "power" }));
    }
    expect(power.mqtt.connected).toBe(true);
    expect(refusals(under)).toEqual({ "client-id-taken": 4 });
  });

  it.skipIf(!hasMosquitto())("takes over from a connection that is frozen", async () => {
    await using under = await brokerUnderTest();
    const args = mosquittoArguments(under.broker.port, "agent:rack-a", "-i", "rack-a");
    await using frozen = run("mosquitto_sub", [...args, "-t", "outrider/v1/agent/rack-a/#"]);
    await eventually("the agent", () => under.broker.stats().clients === 1);
    frozen.child.kill("SIGSTOP");
    const again = await under.connect("agent:rack-a", { clientId: "rack-a" });
    expect(again.mqtt.connected).toBe(true);
    expect(under.broker.stats().clients).toBe(1);
  });
});

describe("a person", () => {
  const ADMIN = { kind: "person", name: "admin", role: "administrator" } as const;
  const SET = "outrider/v1/node/n1/power/set";

  it("asks for what the rights allow, on the nodes in scope, and hears of those alone", async () => {
    await using folder = await temporaryFolder();
    await using under = await brokerUnderTest({ credentials: await openCredentials(folder.path) });
    await using identity = await openIdentity({ dataDirectory: folder.path });
    const { people } = identity.store;
    await people.create({ name: "vera", role: "viewer" });
    await people.create({ name: "paul", role: "viewer", rights: ["power"], nodes: "n[1-2]" });
    const password = "correct horse battery";
    for (const name of ["vera", "paul"]) {
      const oneTime = await people.resetPassword(name);
      // A password that must be changed opens nothing here.
      await refusal(under.connect(name, { password: oneTime }));
      await people.changePassword(name, oneTime, password);
    }
    const secret = await readSecret(folder.path, { kind: "service", name: "power" });
    const power = await under.connect("service:power", { password: secret });
    await power.mqtt.subscribeAsync("outrider/v1/node/+/power/set");
    const vera = await under.connect("vera", { password });
    const paul = await under.connect("paul", { password });
    await expect(vera.mqtt.publishAsync(SET, "On", { qos: 1 })).rejects.toMatchObject({
      code: 0x87,
    });
    const other = SET.replace("n1", "n3");
    await expect(paul.mqtt.publishAsync(other, "On", { qos: 1 })).rejects.toMatchObject({
      code: 0x87,
    });
    await paul.mqtt.publishAsync(SET, "On", { qos: 1 });
    expect((await power.received(SET)).user).toEqual({ "outrider-actor": "person:paul" });
    await paul.mqtt.subscribeAsync("outrider/v1/node/+/power/result", { qos: 1 });
    for (const node of ["n3", "n1"]) {
      await power.mqtt.publishAsync(`outrider/v1/node/${node}/power/result`, "{}", { qos: 1 });
    }
    await paul.received("outrider/v1/node/n1/power/result");
    expect(paul.messages.map(({ topic }) => topic)).toEqual(["outrider/v1/node/n1/power/result"]);
  });

  it("is let in with a token of theirs, until it is revoked or a right is taken away", async () => {
    await using folder = await temporaryFolder();
    await using under = await brokerUnderTest({ credentials: await openCredentials(folder.path) });
    await addCredential(folder.path, ADMIN);
    await using identity = await openIdentity({ dataDirectory: folder.path });
    const { store } = identity;
    const { token, secret } = await store.tokens.create("admin", { name: "ha", rights: ["read"] });
    const reading = await under.connect("admin", { password: secret });
    await expect(reading.mqtt.publishAsync(SET, "On", { qos: 1 })).rejects.toMatchObject({
      code: 0x87,
    });
    await refusal(under.connect("operator", { password: secret }));
    await store.tokens.revoke("admin", token.id);
    await eventually("the end of the token's connection", () => !reading.mqtt.connected);
    expect(reading.ended.code).toBe(WITHDRAWN);
    const password = await readSecret(folder.path, { kind: "person", name: "operator" });
    const operator = await under.connect("operator", { password });
    await store.people.change("operator", { role: "viewer" });
    await eventually("the end of the operator's connection", () => !operator.mqtt.connected);
    const viewer = await under.connect("operator", { password });
    await expect(viewer.mqtt.publishAsync(SET, "On", { qos: 1 })).rejects.toMatchObject({
      code: 0x87,
    });
  });

  it("may be connected as often as wanted", async () => {
    await using under = await brokerUnderTest();
    await Promise.all(Array.from({ length: 5 }, () => under.connect("alice")));
    expect(under.broker.stats().clients).toBe(5);
  });
});
