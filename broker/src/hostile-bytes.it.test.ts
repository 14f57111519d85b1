import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { generate, type Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { brokerUnderTest, eventually, type BrokerUnderTest } from "./testing/support.js";

const SEED = Number(process.env["OUTRIDER_FUZZ_SEED"] ?? 20_261_123);
const MUTATIONS = Number(process.env["OUTRIDER_FUZZ_ROUNDS"] ?? 4000);
const AT_ONCE = 16;

/** Mulberry32: small, seeded, good enough to break parsers with. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SET = "outrider/v1/node/n1/power/set";
const userProperties: Record<string, string | string[]> = Object.fromEntries([
  ["trace", ["a", "b"]],
  ["__proto__", "p"],
  ["constructor", "c"],
]);

function samples(level: 4 | 5): Buffer[] {
  const v5 = level === 5;
  const packets: Packet[] = [
    { cmd: "publish", topic: SET, payload: "On", qos: 0, dup: false, retain: false },
    {
      cmd: "publish",
      topic: SET,
      payload: "On",
      qos: 1,
      dup: false,
      retain: true,
      messageId: 7,
      ...(v5 && {
        properties: {
          userProperties,
          contentType: "text/plain",
          responseTopic: "a/b",
          correlationData: Buffer.from("id"),
          messageExpiryInterval: 5,
          payloadFormatIndicator: true,
        },
      }),
    },
    { cmd: "publish", topic: SET, payload: "On", qos: 2, dup: false, retain: false, messageId: 8 },
    {
      cmd: "subscribe",
      messageId: 9,
      subscriptions: ["#", "+/v1/#", "constructor", "__proto__"].map((topic) => ({
        topic,
        qos: 1,
      })),
      ...(v5 && { properties: { subscriptionIdentifier: 3, userProperties } }),
    },
    { cmd: "unsubscribe", messageId: 10, unsubscriptions: ["constructor", "#", "toString"] },
    { cmd: "puback", messageId: 11, ...(v5 && { reasonCode: 0 }) },
    { cmd: "pubrec", messageId: 12, ...(v5 && { reasonCode: 0 }) },
    { cmd: "pubrel", messageId: 8, ...(v5 && { reasonCode: 0 }) },
    { cmd: "pubcomp", messageId: 13, ...(v5 && { reasonCode: 0 }) },
    { cmd: "pingreq" },
    { cmd: "disconnect", ...(v5 && { reasonCode: 4, properties: { sessionExpiryInterval: 9 } }) },
  ];
  if (v5)
    packets.push({ cmd: "auth", reasonCode: 0x18, properties: { authenticationMethod: "x" } });
  return packets.map((packet) => generate(packet, { protocolVersion: level }));
}

function connectPacket(level: 4 | 5, clientId: string): Buffer {
  return generate(
    {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: level,
      clean: true,
      clientId,
      keepalive: 30,
      username: "alice",
      password: Buffer.from("secret"),
      ...(level === 5 && { properties: { sessionExpiryInterval: 60, userProperties } }),
    },
    { protocolVersion: level },
  );
}

/** Flips, drops, repeats, inserts and cuts bytes, or lies about the length. */
function mutate(bytes: Buffer, next: () => number): Buffer {
  const list = [...bytes];
  const times = 1 + Math.floor(next() * 4);
  for (let i = 0; i < times; i++) {
    const at = Math.floor(next() * list.length);
    const byte = Math.floor(next() * 256);
    const kind = Math.floor(next() * 6);
    if (kind === 0) list[at] = byte;
    else if (kind === 1) list.splice(at, 1 + Math.floor(next() * 4));
    else if (kind === 2) list.splice(at, 0, byte, ...list.slice(at, at + 8));
    else if (kind === 3) list.splice(at);
    else if (kind === 4) list.splice(1, 1, 0xff, 0xff, 0xff, 0x7f);
    else list[1] = byte;
  }
  return Buffer.from(list);
}

/** Sends bytes in two pieces and waits until the broker has answered, closed, or had time to do either. */
async function send(port: number, bytes: Buffer, split: number): Promise<void> {
  const socket = connectSocket({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  socket.write(bytes.subarray(0, split));
  const rest = new AbortController();
  const closed = once(socket, "close", { signal: rest.signal }).catch(() => {});
  await Promise.race([systemClock.sleep(milliseconds(1)), closed]);
  if (!socket.destroyed) socket.end(bytes.subarray(split));
  await Promise.race([systemClock.sleep(milliseconds(20)), closed]);
  rest.abort();
  socket.destroy();
}

/** Whether the broker does its work for somebody who behaves. */
async function serves(under: BrokerUnderTest): Promise<void> {
  for (const protocolVersion of [4, 5] as const) {
    const power = await under.connect("service:power", { protocolVersion });
    const bob = await under.connect("bob", { protocolVersion });
    await power.mqtt.subscribeAsync("outrider/v1/node/honest/power/set", { qos: 1 });
    await bob.mqtt.publishAsync("outrider/v1/node/honest/power/set", "On", { qos: 1 });
    await power.received("outrider/v1/node/honest/power/set");
    await Promise.all([power.mqtt.endAsync(), bob.mqtt.endAsync()]);
  }
}

describe("hostile bytes (P19)", () => {
  it(`never end the process (${MUTATIONS} mutations, seed ${SEED})`, async () => {
    await using under = await brokerUnderTest();
    const { port } = under.broker;
    const next = random(SEED);
    const packets = { 4: samples(4), 5: samples(5) } as const;
    const worker = async (): Promise<void> => {
      while (done < MUTATIONS) {
        const number = done++;
        const level = next() < 0.5 ? 4 : 5;
        const hello = connectPacket(level, `fuzz-${number}`);
        const pick = (): Buffer => {
          const bytes = packets[level][Math.floor(next() * packets[level].length)] ?? hello;
          return next() < 0.6 ? mutate(bytes, next) : bytes;
        };
        const before = next() < 0.15 ? mutate(hello, next) : hello;
        const noise = Buffer.from(Array.from({ length: 40 }, () => Math.floor(next() * 256)));
        const all =
          next() < 0.05 ? noise : Buffer.concat([before, ...Array.from({ length: 6 }, pick)]);
        await send(port, all, Math.floor(next() * all.length));
      }
    };
    let done = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await serves(under);
    await eventually("nobody is left", () => {
      const { clients, handshakes } = under.broker.stats();
      return clients === 0 && handshakes === 0;
    });
    // Exceptions were caught, and only those that parsing such bytes throws.
    for (const line of under.lines.filter((one) => one.level === "error")) {
      expect(line["problem"]).toMatch(/mqtt-packet|bl\.js|BufferList/);
    }
  });

  const property = (bytes: number[]): Buffer => {
    const topic = Buffer.from(SET);
    const body = [0, topic.length, ...topic, bytes.length, ...bytes, 0x4f, 0x6e];
    return Buffer.from([0x30, body.length, ...body]);
  };
  const sessions: [what: string, bytes: Buffer][] = [
    ["a user property that is cut short", property([0x26, 0, 9, 1])],
    ["an unknown property", property([0x7f, 1])],
    ["a user property without a value", property([0x26, 0, 1, 0x61])],
    ["UNSUBSCRIBE of what every object has", unsubscribe("constructor", "__proto__", "toString")],
    [
      "SUBSCRIBE to what every object has",
      subscribeTo("constructor", "__proto__", "hasOwnProperty"),
    ],
    ["SUBSCRIBE without filters", Buffer.from([0x82, 3, 0, 1, 0])],
    ["a hundred levels", subscribeTo("a/".repeat(120))],
    ["a second CONNECT", connectPacket(5, "second")],
    ["a reserved packet type", Buffer.from([0x00, 0x00])],
    ["QoS 3", Buffer.from([0x36, 0x05, 0, 1, 0x61, 0, 1])],
    ["a packet that says it has 256 MB", Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 0x61])],
    ["a length of five bytes", Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  ];
  it.each(sessions)("such as %s cost the sender at most the connection", async (_, bytes) => {
    await using under = await brokerUnderTest();
    const alice = await under.connect("alice");
    alice.mqtt.stream.write(bytes);
    await serves(under);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "nor does a client called %s",
    async (clientId) => {
      await using under = await brokerUnderTest();
      const first = await under.connect("alice", { clientId });
      const second = await under.connect("alice", { clientId });
      await eventually("the takeover", () => !first.mqtt.connected);
      expect(second.mqtt.connected).toBe(true);
      await serves(under);
    },
  );

  it("are not read beyond a bound before somebody has logged in", async () => {
    await using under = await brokerUnderTest({ limits: { maxBytesBeforeLogin: 4096 } });
    const socket = connectSocket({ host: "127.0.0.1", port: under.broker.port });
    socket.on("error", () => {});
    await once(socket, "connect");
    // A CONNECT whose will alone is larger than that.
    const closed = once(socket, "close");
    socket.write(Buffer.concat([Buffer.from([0x10, 0xff, 0xff, 0x03]), Buffer.alloc(60_000)]));
    socket.resume();
    await closed;
    await serves(under);
  });

  it("nobody may keep a connection without saying who it is", async () => {
    await using under = await brokerUnderTest({
      limits: { connectTimeoutMs: 100, maxHandshakes: 2 },
    });
    const sockets = [1, 2, 3].map(() =>
      connectSocket({ host: "127.0.0.1", port: under.broker.port }),
    );
    for (const socket of sockets) socket.on("error", () => {}).resume();
    await eventually("all are gone", () => sockets.every((one) => one.destroyed));
    expect(under.broker.stats().refused.connect).toEqual({ handshakes: 1 });
    await serves(under);
  });

  it("QoS 2 messages that are begun and never released are bounded", async () => {
    await using under = await brokerUnderTest({ limits: { maxInflight: 3 } });
    const alice = await under.connect("alice");
    const begin = (messageId: number): Buffer =>
      generate(
        { cmd: "publish", topic: SET, payload: "On", qos: 2, dup: false, retain: false, messageId },
        { protocolVersion: 5 },
      );
    alice.mqtt.stream.write(Buffer.concat([1001, 1002, 1003, 1004].map(begin)));
    await eventually("its end", () => !alice.mqtt.connected);
    await serves(under);
  });

  it("a client that came back is not taken for a repetition of itself", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    await power.mqtt.subscribeAsync(SET, { qos: 1 });
    const qos2 = generate(
      {
        cmd: "publish",
        topic: SET,
        payload: "On",
        qos: 2,
        dup: false,
        retain: false,
        messageId: 5,
      },
      { protocolVersion: 5 },
    );
    for (let round = 1; round <= 2; round++) {
      const alice = await under.connect("alice", { clientId: "alice" });
      alice.mqtt.stream.write(qos2);
      await eventually(`message ${round}`, () => power.messages.length === round);
      alice.mqtt.stream.destroy();
      await eventually("its end", () => under.broker.stats().clients === 1);
    }
  });
});

function subscribeTo(...topics: string[]): Buffer {
  const subscriptions = topics.map((topic) => ({ topic, qos: 0 as const }));
  return generate({ cmd: "subscribe", messageId: 2, subscriptions }, { protocolVersion: 5 });
}

function unsubscribe(...unsubscriptions: string[]): Buffer {
  return generate({ cmd: "unsubscribe", messageId: 3, unsubscriptions }, { protocolVersion: 5 });
}
