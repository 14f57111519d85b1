import { describe, expect, it } from "vitest";
import {
  barrier,
  brokerUnderTest,
  eventually,
  hasMosquitto,
  mosquittoArguments,
  run,
} from "./testing/support.js";

const STATE = "outrider/v1/node/n1/power/state";
const DESIRED = "outrider/v1/agent/rack-a/desired";
const COMMAND = "outrider/v1/agent/rack-a/command/n1.power";
const OTHER_COMMAND = "outrider/v1/agent/rack-b/command/n2.power";
const EVENT = "outrider/v1/agent/rack-a/event";
const CLOCK = "outrider/v1/service/power/clock";
const LAST = "outrider/v1/service/inventory/status";
const NOT_AUTHORIZED = 0x87;
const NO_SUBSCRIPTION_EXISTED = 0x11;
const SHARED_NOT_SUPPORTED = 0x9e;

describe("a filter", () => {
  const refused: [who: string, filter: string][] = [
    ["alice", COMMAND],
    ["alice", "outrider/v1/agent/+/command/#"],
    ["alice", "outrider/v1/agent/rack-a/desired"],
    ["alice", CLOCK],
    ["alice", "$SYS/#"],
    ["alice", "$share/group/outrider/v1/#"],
    ["alice", "outrider/\u0007"],
    ["alice", `outrider/${"x".repeat(600)}`],
    ["agent:rack-a", "#"],
    ["agent:rack-a", "outrider/v1/#"],
    ["agent:rack-a", "outrider/v1/agent/+/command/#"],
    ["agent:rack-a", "outrider/v1/agent/rack-b/#"],
    ["agent:rack-a", "outrider/v1/agent/rack-ab/#"],
    ["agent:rack-a", "outrider/v1/service/#"],
    ["agent:rack-a", "outrider/v1/service/+/status"],
    ["agent:rack-a", STATE],
    ["service:power", "#"],
    ["service:power", "homeassistant/#"],
  ];
  it.each(refused)("of %s that reaches what is not theirs is refused: %s", async (who, filter) => {
    await using under = await brokerUnderTest();
    const v5 = await under.connect(who);
    const shared = filter.startsWith("$share/");
    await expect(v5.mqtt.subscribeAsync(filter)).rejects.toMatchObject({
      packet: { granted: [shared ? SHARED_NOT_SUPPORTED : NOT_AUTHORIZED] },
    });
    await v5.mqtt.endAsync();
    const v3 = await under.connect(who, { protocolVersion: 4 });
    await expect(v3.mqtt.subscribeAsync(filter)).rejects.toMatchObject({
      packet: { granted: [0x80] },
    });
    expect(Object.values(under.broker.stats().refused.subscribe)).toEqual([shared ? 1 : 2]);
  });

  const granted: [who: string, filter: string][] = [
    ["alice", "#"],
    ["alice", "outrider/v1/#"],
    ["alice", "outrider/v1/agent/#"],
    ["alice", "+/+/+/+/power/state"],
    ["alice", "homeassistant/#"],
    ["alice", "constructor"],
    ["alice", "__proto__"],
    ["viewer.vera", "outrider/v1/node/#"],
    ["agent:rack-a", "outrider/v1/agent/rack-a/#"],
    ["agent:rack-a", "outrider/v1/agent/rack-a/command/+"],
    ["agent:rack-a", "outrider/v1/service/+/clock"],
    ["agent:rack-a", CLOCK],
    ["service:power", "outrider/v1/#"],
    ["service:power", "outrider/v1/agent/+/event"],
  ];
  it.each(granted)("of %s is granted: %s", async (who, filter) => {
    await using under = await brokerUnderTest();
    const client = await under.connect(who);
    const [grant] = await client.mqtt.subscribeAsync(filter, { qos: 1 });
    expect(grant?.qos).toBe(1);
    await client.mqtt.unsubscribeAsync(filter);
  });

  it.each(["__proto__", "constructor", "toString"])(
    "called %s is one like any other",
    async (filter) => {
      await using under = await brokerUnderTest();
      const { mqtt } = await under.connect("alice");
      const codes: unknown[] = [];
      mqtt.on("packetreceive", (packet) => {
        if (packet.cmd === "unsuback") codes.push(...packet.granted);
      });
      await mqtt.unsubscribeAsync(filter);
      await mqtt.subscribeAsync(filter);
      await mqtt.unsubscribeAsync(filter);
      expect(codes).toEqual([NO_SUBSCRIPTION_EXISTED, 0]);
    },
  );

  it("may be held up to a number, and again", async () => {
    await using under = await brokerUnderTest({ limits: { maxSubscriptionsPerClient: 3 } });
    const alice = await under.connect("alice");
    for (const filter of ["a", "b", "c", "a"]) await alice.mqtt.subscribeAsync(filter);
    await expect(alice.mqtt.subscribeAsync("d")).rejects.toMatchObject({
      packet: { granted: [NOT_AUTHORIZED] },
    });
    await alice.mqtt.unsubscribeAsync("a");
    await alice.mqtt.subscribeAsync("d");
  });
});

describe("what is delivered", () => {
  it.skipIf(!hasMosquitto())(
    "to a person is public, live and retained, whatever the filter",
    async () => {
      await using under = await brokerUnderTest();
      const power = await under.connect("service:power");
      const inventory = await under.connect("service:inventory");
      const agent = await under.connect("agent:rack-a");
      await inventory.mqtt.publishAsync(DESIRED, "private", { qos: 1, retain: true });
      await power.mqtt.publishAsync(STATE, "public", { qos: 1, retain: true });
      const alice = await under.connect("alice");
      const late = await under.connect("alice");
      await alice.mqtt.subscribeAsync("#", { qos: 1 });
      await using mosquitto = run(
        "mosquitto_sub",
        mosquittoArguments(under.broker.port, "bob", "-V", "311", "-t", "#", "-F", "%t"),
      );
      await eventually("the retained state", () => mosquitto.out().includes(STATE));
      await power.mqtt.publishAsync(COMMAND, "private", { qos: 1 });
      await power.mqtt.publishAsync(CLOCK, "private");
      await agent.mqtt.publishAsync(EVENT, "private", { qos: 1 });
      await late.mqtt.subscribeAsync(["outrider/v1/#", "+/v1/agent/#"], { qos: 1 });
      for (const person of [alice, late]) await barrier(inventory, person, LAST);
      await eventually("the last", () => mosquitto.out().includes(LAST));
      expect(alice.messages.map((one) => one.topic)).toEqual([STATE, LAST, LAST]);
      expect(new Set(late.messages.map((one) => one.topic))).toEqual(new Set([STATE, LAST]));
      expect(new Set(mosquitto.out().trim().split("\n"))).toEqual(new Set([STATE, LAST]));
    },
  );

  it("to an agent is its own and the clocks", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    const agent = await under.connect("agent:rack-a");
    await agent.mqtt.subscribeAsync(["outrider/v1/agent/rack-a/#", "outrider/v1/service/+/clock"], {
      qos: 1,
    });
    for (const topic of [OTHER_COMMAND, STATE, CLOCK]) {
      await power.mqtt.publishAsync(topic, "x", { qos: 1 });
    }
    await barrier(power, agent, COMMAND);
    expect(agent.messages.map((one) => one.topic)).toEqual([CLOCK, COMMAND]);
  });

  it("to a service is everything of ours", async () => {
    await using under = await brokerUnderTest();
    const power = await under.connect("service:power");
    const telemetry = await under.connect("service:telemetry");
    await telemetry.mqtt.subscribeAsync("outrider/v1/#", { qos: 1 });
    for (const topic of [COMMAND, STATE, CLOCK])
      await power.mqtt.publishAsync(topic, "x", { qos: 1 });
    await eventually("all", () => telemetry.messages.length === 3);
    expect(telemetry.messages.map((one) => one.topic)).toEqual([COMMAND, STATE, CLOCK]);
  });
});
