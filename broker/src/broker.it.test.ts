import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { describe, expect, it } from "vitest";
import { startBroker } from "./broker.js";
import {
  barrier,
  brokerUnderTest,
  eventually,
  hasMosquitto,
  mosquittoArguments,
  run,
} from "./testing/support.js";

const STATUS = "outrider/v1/service/power/status";
const STATE = "outrider/v1/node/n1/power/state";
const COMMAND = "outrider/v1/agent/rack-a/command/n1.power";

describe("a broker", () => {
  it.each([4, 5] as const)("serves protocol level %i", async (protocolVersion) => {
    await using under = await brokerUnderTest();
    const service = await under.connect("service:power", { protocolVersion });
    const person = await under.connect("alice", { protocolVersion });
    await person.mqtt.subscribeAsync("outrider/v1/#", { qos: 1 });
    await service.mqtt.publishAsync(STATE, "on", { qos: 1 });
    expect(await person.received(STATE)).toMatchObject({ text: "on", retain: false });
    expect(under.broker.stats()).toMatchObject({ clients: 2, handshakes: 0, faults: 0 });
  });

  it("keeps the last retained message of a topic and forgets it when it is cleared", async () => {
    await using under = await brokerUnderTest();
    const service = await under.connect("service:power");
    for (const text of ["one", "two"]) {
      await service.mqtt.publishAsync(STATE, text, { qos: 1, retain: true });
    }
    const early = await under.connect("alice");
    await early.mqtt.subscribeAsync("outrider/v1/node/+/power/state");
    expect(await early.received(STATE)).toMatchObject({ text: "two", retain: true });
    await service.mqtt.publishAsync(STATE, "", { qos: 1, retain: true });
    const late = await under.connect("bob");
    await late.mqtt.subscribeAsync(["outrider/v1/node/#", "outrider/v1/service/power/status"]);
    await barrier(service, late, STATUS);
    expect(late.messages.map((one) => one.topic)).toEqual([STATUS]);
    expect(under.broker.stats().retained).toBe(0);
  });

  it("gives a slow reader all that is retained at its own pace, and never an old message after a newer one", async () => {
    await using under = await brokerUnderTest({ limits: { cutAboveBytes: 4_000_000 } });
    const power = await under.connect("service:power");
    const topics = Array.from(
      { length: 100 },
      (_, index) => `outrider/v1/node/n${index}/power/state`,
    );
    const publish = async (text: string): Promise<void> => {
      for (const topic of topics) {
        await power.mqtt.publishAsync(topic, text, { qos: 1, retain: true });
      }
    };
    await publish(`old ${"x".repeat(200_000)}`);
    const alice = await under.connect("alice");
    alice.mqtt.stream.pause();
    alice.mqtt.subscribe("outrider/v1/#", { qos: 1 });
    // What the kernel takes is a few megabytes; then the rest of the old ones waits for its turn.
    await publish("new");
    alice.mqtt.stream.resume();
    const last = (): Map<string, string> =>
      new Map(alice.messages.map(({ topic, text }) => [topic, text]));
    await eventually("all states", () => last().size === topics.length);
    await barrier(power, alice, STATUS);
    const states = topics.map((topic) => last().get(topic));
    expect(states).toEqual(topics.map(() => "new"));
    expect(under.broker.stats().cut["too-far-behind"]).toBe(0);
  });

  it("publishes the will of a client that is lost and not of one that leaves", async () => {
    await using under = await brokerUnderTest();
    const will = { topic: STATUS, payload: Buffer.from("lost"), qos: 1, retain: true } as const;
    const person = await under.connect("alice");
    await person.mqtt.subscribeAsync(STATUS);
    const first = await under.connect("service:power", { will, clientId: "power" });
    await first.mqtt.endAsync();
    const second = await under.connect("service:power", { will, clientId: "power" });
    await barrier(second, person, STATUS);
    expect(person.messages.map((one) => one.text)).not.toContain("lost");
    second.mqtt.stream.destroy();
    await eventually("the will", () => person.messages.at(-1)?.text === "lost");
  });

  it.each([4, 5] as const)(
    "queues nothing for a client that is away, whatever session it asks for (level %i)",
    async (protocolVersion) => {
      await using under = await brokerUnderTest();
      const session = {
        protocolVersion,
        clean: false,
        clientId: "rack-a",
        ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 3600 } }),
      };
      const power = await under.connect("service:power");
      const before = await under.connect("agent:rack-a", session);
      await before.mqtt.subscribeAsync("outrider/v1/agent/rack-a/command/+", { qos: 1 });
      await before.mqtt.endAsync();
      await power.mqtt.publishAsync(COMMAND, "late", { qos: 1 });
      const after = await under.connect("agent:rack-a", session);
      expect(after.connack.sessionPresent).toBe(false);
      await after.mqtt.subscribeAsync("outrider/v1/agent/rack-a/command/+", { qos: 1 });
      await barrier(power, after, COMMAND);
      expect(after.messages).toHaveLength(1);
    },
  );

  it("tells an MQTT 5 client that its session ends with the connection, and which keep-alive counts", async () => {
    await using under = await brokerUnderTest({ limits: { maxKeepAliveSeconds: 7 } });
    const { connack } = await under.connect("alice", {
      keepalive: 60,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    });
    expect(connack.properties).toMatchObject({ sessionExpiryInterval: 0, serverKeepAlive: 7 });
  });

  it.skipIf(!hasMosquitto())(
    "ends a client that neither speaks nor answers within its keep-alive",
    async () => {
      await using under = await brokerUnderTest();
      await using frozen = run(
        "mosquitto_sub",
        mosquittoArguments(under.broker.port, "alice", "-k", "5", "-t", "outrider/v1/#"),
      );
      await eventually("the client", () => under.broker.stats().clients === 1);
      frozen.child.kill("SIGSTOP");
      await eventually("its end", () => under.broker.stats().clients === 0);
    },
  );

  it("delivers after UNSUBSCRIBE and SUBSCRIBE of one filter sent together", async () => {
    await using under = await brokerUnderTest();
    const service = await under.connect("service:power");
    const person = await under.connect("alice");
    for (let round = 0; round < 50; round++) {
      await person.mqtt.subscribeAsync(STATE);
      await Promise.all([person.mqtt.unsubscribeAsync(STATE), person.mqtt.subscribeAsync(STATE)]);
      await barrier(service, person, STATE);
    }
  });

  it("says goodbye on close, frees its port and can be closed twice", async () => {
    const under = await brokerUnderTest();
    const v5 = await under.connect("alice");
    const v3 = await under.connect("bob", { protocolVersion: 4 });
    const idle = connectSocket({ host: "127.0.0.1", port: under.broker.port });
    await once(idle, "connect");
    await eventually("an idle connection", () => {
      const { clients, handshakes } = under.broker.stats();
      return clients === 2 && handshakes === 1;
    });
    const { port } = under.broker;
    await Promise.all([under.broker.close(), under.broker.close()]);
    await eventually("all gone", () => !v5.mqtt.connected && !v3.mqtt.connected && idle.destroyed);
    expect(v5.ended.code).toBe(0x8b);
    const next = await startBroker({ host: "127.0.0.1", port, anonymous: "loopback-operator" });
    await next.close();
  });

  it("rejects when the port is taken", async () => {
    await using under = await brokerUnderTest();
    const { port } = under.broker;
    const second = startBroker({ host: "127.0.0.1", port, anonymous: "loopback-operator" });
    await expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("refuses to start where nobody could connect", async () => {
    await expect(startBroker({ host: "127.0.0.1", port: 0 })).rejects.toThrow(TypeError);
  });

  it("sends every message at once (TCP_NODELAY)", async () => {
    const options: (boolean | undefined)[] = [];
    const look = (message: unknown): void => {
      const { socket } = message as { socket: object };
      const symbol = Object.getOwnPropertySymbols(socket).find(
        (one) => one.description === "kSetNoDelay",
      );
      options.push(symbol && (socket as Record<symbol, boolean>)[symbol]);
    };
    subscribe("net.server.socket", look);
    try {
      await using under = await brokerUnderTest();
      await under.connect("alice");
      expect(options).toEqual([true]);
    } finally {
      unsubscribe("net.server.socket", look);
    }
  });
});
