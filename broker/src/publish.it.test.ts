import { consolePolicies } from "@outrider/contracts/console";
import { generate } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import {
  barrier,
  brokerUnderTest,
  ConnectRefused,
  eventually,
  hasMosquitto,
  mosquittoArguments,
  run,
} from "./testing/support.js";

const SET = "outrider/v1/node/n1/power/set";
const RESULT = "outrider/v1/node/n1/power/result";
const STATE = "outrider/v1/node/n1/power/state";
const NOT_AUTHORIZED = 0x87;

/** The real client of the field, with everything a forger can set. */
function mosquittoPub(port: number, version: "311" | "mqttv5", ...args: string[]) {
  const forged =
    version === "mqttv5"
      ? ["outrider-actor", "outrider-retained"].flatMap((name) => [
          "-D",
          "publish",
          "user-property",
          name,
          "person:root",
        ])
      : [];
  return run(
    "mosquitto_pub",
    mosquittoArguments(port, "alice", "-V", version, "-q", "1", ...forged, ...args),
  );
}

const noMosquitto = !hasMosquitto();

describe("what is published", () => {
  it.skipIf(noMosquitto).each(["311", "mqttv5"] as const)(
    "bears its real actor (mosquitto_pub -V %s)",
    async (version) => {
      await using under = await brokerUnderTest();
      const power = await under.connect("service:power");
      await power.mqtt.subscribeAsync("outrider/v1/node/+/power/set", { qos: 1, rap: true });
      await using pub = mosquittoPub(under.broker.port, version, "-t", SET, "-m", "On");
      expect(await pub.exited).toBe(0);
      const message = await power.received(SET);
      expect(message).toEqual({
        topic: SET,
        text: "On",
        retain: false,
        user: { "outrider-actor": "person:alice" },
      });
    },
  );

  it("is carried up to the size of the largest contract, to whoever comes later too", async () => {
    const POLICIES = "outrider/v1/service/inventory/console-policies";
    await using under = await brokerUnderTest();
    const inventory = await under.connect("service:inventory");
    const most = "x".repeat(consolePolicies.maxBytes);
    await inventory.mqtt.publishAsync(POLICIES, most, { qos: 1, retain: true });
    const late = await under.connect("service:console");
    await late.mqtt.subscribeAsync(POLICIES, { qos: 1 });
    expect((await late.received(POLICIES)).text).toHaveLength(most.length);
  });

  it.skipIf(noMosquitto).each(["311", "mqttv5"] as const)(
    "loses a retain flag where only asking is possible, is marked and is not kept (P2; mosquitto_pub -V %s)",
    async (version) => {
      await using under = await brokerUnderTest();
      const power = await under.connect("service:power");
      await power.mqtt.subscribeAsync("outrider/v1/node/+/power/set", { qos: 1, rap: true });
      await using pub = mosquittoPub(under.broker.port, version, "-r", "-t", SET, "-m", "On");
      expect(await pub.exited).toBe(0);
      expect(await power.received(SET)).toEqual({
        topic: SET,
        text: "On",
        retain: false,
        user: { "outrider-actor": "person:alice", "outrider-retained": "true" },
      });
      expect(under.broker.stats().retained).toBe(0);
      const late = await under.connect("alice");
      await late.mqtt.subscribeAsync("outrider/v1/#", { qos: 1 });
      await barrier(power, late, RESULT);
      expect(late.messages.map((one) => one.topic)).toEqual([RESULT]);
    },
  );

  it("keeps its other user properties, and replaces a forged actor given many times", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    await power.mqtt.subscribeAsync(SET);
    const alice = await under.connect("alice");
    await alice.mqtt.publishAsync(SET, "On", {
      qos: 1,
      properties: {
        userProperties: { "outrider-actor": ["person:a", "person:b"], trace: ["1", "2"] },
      },
    });
    expect((await power.received(SET)).user).toEqual({
      "outrider-actor": "person:alice",
      trace: ["1", "2"],
    });
  });

  it("loses forged marks also where the broker sets none", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    const alice = await under.connect("alice");
    await alice.mqtt.subscribeAsync(STATE);
    const userProperties = { "outrider-actor": "person:alice", kept: "yes" };
    await power.mqtt.publishAsync(STATE, "{}", { qos: 1, properties: { userProperties } });
    expect((await alice.received(STATE)).user).toEqual({ kept: "yes" });
  });

  it("takes the actor of services that ask", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    await power.mqtt.subscribeAsync(SET);
    const gateway = await under.connect("service:gateway");
    await gateway.mqtt.publishAsync(SET, "On", { qos: 1 });
    expect((await power.received(SET)).user).toEqual({ "outrider-actor": "service:gateway" });
  });
});

describe("a message that its sender may not publish", () => {
  const forbidden: [who: string, topic: string][] = [
    ["alice", STATE],
    ["alice", RESULT],
    ["alice", "outrider/v1/service/power/status"],
    ["alice", "outrider/v1/agent/rack-a/command/n1.power"],
    ["alice", "outrider/v1/nothing"],
    ["alice", "homeassistant/light/lamp/set"],
    ["alice", "$SYS/broker/uptime"],
    ["alice", "outrider/v1/node/n\u0001/power/set"],
    ["viewer.vera", SET],
    ["service:inventory", STATE],
    ["service:inventory", "outrider/v1/service/power/status"],
    ["agent:rack-a", SET],
    ["agent:rack-a", "outrider/v1/agent/rack-b/event"],
    ["agent:rack-a", "outrider/v1/agent/rack-a/command/n1.power"],
  ];

  it.each(forbidden)(
    "%s on %j: answered 0x87, delivered to nobody, connection kept",
    async (who, topic) => {
      await using under = await brokerUnderTest();
      const watchers = [await under.connect("service:power"), await under.connect("bob")];
      for (const { mqtt } of watchers) await mqtt.subscribeAsync("outrider/v1/#", { qos: 1 });
      const client = await under.connect(who);
      await expect(client.mqtt.publishAsync(topic, "x", { qos: 1 })).rejects.toMatchObject({
        code: NOT_AUTHORIZED,
      });
      await client.mqtt.publishAsync(topic, "x", { qos: 0 });
      await expect(client.mqtt.publishAsync(topic, "x", { qos: 2 })).rejects.toMatchObject({
        code: NOT_AUTHORIZED,
      });
      const inventory = await under.connect("service:boot");
      for (const watcher of watchers)
        await barrier(inventory, watcher, "outrider/v1/service/boot/status");
      for (const watcher of watchers) {
        expect(watcher.messages.every((one) => one.topic.endsWith("boot/status"))).toBe(true);
      }
      expect(client.mqtt.connected).toBe(true);
      const refused = Object.values(under.broker.stats().refused.publish);
      expect(refused).toEqual([3]);
      expect(under.lines.filter((one) => one.message === "a message was refused")).toHaveLength(1);
    },
  );

  it.skipIf(noMosquitto)(
    "ends an MQTT 3.1.1 connection, which has no other way to say no (MQTT 3.1.1, 3.3.5)",
    async () => {
      await using under = await brokerUnderTest();
      await using pub = mosquittoPub(under.broker.port, "311", "-t", STATE, "-m", "x");
      expect(await pub.exited).not.toBe(0);
      expect(under.broker.stats().refused.publish).toEqual({ "not-the-writer": 1 });
    },
  );

  it.each([4, 5] as const)(
    "is refused with a retain flag where nothing is ever retained (level %i)",
    async (protocolVersion) => {
      await using under = await brokerUnderTest();
      const power = await under.connect("service:power", { protocolVersion });
      const published = power.mqtt.publishAsync(RESULT, "x", { qos: 1, retain: true });
      if (protocolVersion === 5) {
        await expect(published).rejects.toMatchObject({ code: NOT_AUTHORIZED });
      } else {
        published.catch(() => {});
        await eventually("the end of the connection", () => !power.mqtt.connected);
      }
      expect(under.broker.stats()).toMatchObject({
        retained: 0,
        refused: { publish: { retain: 1 } },
      });
    },
  );

  it("cannot break those who receive it by properties that are no PUBLISH's or come twice", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    await power.mqtt.subscribeAsync(SET);
    const alice = await under.connect("alice");
    // The content type twice, and a Session Expiry Interval.
    const twice = Buffer.from([0x03, 0, 1, 0x61, 0x03, 0, 1, 0x62]);
    const foreign = Buffer.from([0x11, 0, 0, 0, 9]);
    for (const properties of [twice, foreign]) {
      alice.mqtt.stream.write(rawPublish(SET, properties));
    }
    await alice.mqtt.publishAsync(SET, "fine", { qos: 1 });
    expect((await power.received(SET)).text).toBe("fine");
    expect(power.messages).toHaveLength(1);
    expect(under.broker.stats()).toMatchObject({
      refused: { publish: { properties: 2 } },
      faults: 0,
    });
  });
});

/** A QoS 0 PUBLISH of MQTT 5 with properties as given. */
function rawPublish(topic: string, properties: Buffer): Buffer {
  const name = Buffer.from(topic);
  const body = Buffer.concat([
    Buffer.from([0, name.length]),
    name,
    Buffer.from([properties.length]),
    properties,
    Buffer.from("evil"),
  ]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

describe("a will", () => {
  const refused: [who: string, topic: string, retain: boolean, reason: string][] = [
    ["alice", STATE, false, "will: not-the-writer"],
    ["alice", SET, false, "will: will"],
    ["service:power", SET, false, "will: will"],
    ["agent:rack-a", "outrider/v1/agent/rack-b/status", true, "will: not-the-writer"],
    ["agent:rack-a", "$SYS/x", true, "will: unknown-topic"],
  ];
  it.each(refused)(
    "of %s on %s (retained: %s) is refused at CONNECT",
    async (who, topic, retain, reason) => {
      await using under = await brokerUnderTest();
      for (const protocolVersion of [4, 5] as const) {
        const will = { topic, payload: Buffer.from("x"), qos: 1, retain } as const;
        const error = await under
          .connect(who, { will, protocolVersion })
          .catch((failure: unknown) => failure);
        expect(error).toBeInstanceOf(ConnectRefused);
        expect(error).toMatchObject({ code: protocolVersion === 5 ? NOT_AUTHORIZED : 5 });
      }
      expect(under.broker.stats().refused.connect).toEqual({ [reason]: 2 });
      expect(under.broker.stats().clients).toBe(0);
    },
  );

  it("with a delay reaches subscribers without the property that only a CONNECT may have", async () => {
    await using under = await brokerUnderTest();
    const bob = await under.connect("bob");
    await bob.mqtt.subscribeAsync("outrider/v1/agent/+/status");
    const packet = generate(
      {
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 5,
        clean: true,
        clientId: "rack-a",
        keepalive: 60,
        username: "agent:rack-a",
        password: Buffer.from("secret"),
        will: {
          topic: "outrider/v1/agent/rack-a/status",
          payload: Buffer.from("lost"),
          qos: 1,
          retain: true,
          properties: { willDelayInterval: 5, contentType: "application/json" },
        },
      },
      { protocolVersion: 5 },
    );
    const { connect } = await import("node:net");
    const socket = connect({ host: "127.0.0.1", port: under.broker.port });
    socket.write(packet);
    await eventually("the agent", () => under.broker.stats().clients === 2);
    socket.destroy();
    expect((await bob.received("outrider/v1/agent/rack-a/status")).text).toBe("lost");
    expect(bob.mqtt.connected).toBe(true);
  });
});
