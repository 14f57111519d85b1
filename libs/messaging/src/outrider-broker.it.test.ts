import { agentCommand, agentStatus, type AgentStatus } from "@outrider/contracts/agent";
import { powerSet, powerState, type PowerSet } from "@outrider/contracts/power";
import { eventually, within } from "@outrider/testing/eventually";
import { mosquittoPub } from "@outrider/testing/mqtt-cli";
import { startOutriderBroker, type OutriderBroker } from "@outrider/testing/outrider-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askPower } from "./command-client.js";
import { mintCommandId } from "./mint-id.js";
import { collector, Fixture } from "./testing/fixture.js";
import { agentPresence, commandSample, stateSample } from "./testing/samples.js";

describe("a session on our own broker", () => {
  let broker: OutriderBroker;
  beforeAll(async () => {
    broker = await startOutriderBroker();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  test("tells at once that its secret is wrong", async () => {
    await using fixture = new Fixture(broker.url);
    const { username } = await broker.identity("person", "alice");
    const session = fixture.session({ username, password: "guessed" });
    session.start();
    const waiting = session.ready(within(), { refusalsAreFinal: true });
    await expect(waiting).rejects.toMatchObject({ code: "not-authorized" });
    await expect(session.publish(powerSet, { node: "n1" }, { action: "On" })).rejects.toMatchObject(
      { code: "disconnected", message: expect.stringMatching(/refused/) },
    );
  });

  test("is told what it may not publish, and keeps its connection", async () => {
    await using fixture = new Fixture(broker.url);
    const session = await fixture.started(await broker.identity("person", "bob"));
    const epoch = session.epoch;
    await expect(session.publish(powerState, { node: "n1" }, stateSample(1))).rejects.toMatchObject(
      { code: "not-authorized" },
    );
    await session.publish(powerSet, { node: "n1" }, { action: "On" });
    expect(session.epoch).toBe(epoch);
  });

  test("is told what it may not read, and keeps its other subscriptions", async () => {
    await using fixture = new Fixture(broker.url);
    const session = await fixture.started(await broker.identity("person", "carol"));
    const own = collector<PowerSet, object>();
    await session.subscribe(powerSet, { node: "n1" }, own.handler).acknowledged(within());
    const refused = session.subscribe(agentCommand, {}, () => undefined);
    await expect(refused.acknowledged(within())).rejects.toMatchObject({ code: "not-authorized" });
    await session.publish(powerSet, { node: "n1" }, { action: "On" });
    await own.count("its own", 1);
    expect(own.messages[0]?.actor).toBe("person:carol");
  });

  test("asks for nothing whose result it may not read", async () => {
    await using fixture = new Fixture(broker.url);
    const clientId = "agent-rack-b";
    const session = await fixture.started({
      ...(await broker.identity("agent", "rack-b")),
      clientId,
    });
    const asking = askPower(session, { node: "n1", action: "On" }, { withinMs: 20_000 });
    await expect(asking).rejects.toMatchObject({
      code: "not-authorized",
      message: expect.stringMatching(/to subscribe outrider\/v1\/node\/n1\/power\/result/),
    });
  });

  test("reads who asked and with which flag, whatever the asker says", async () => {
    await using fixture = new Fixture(broker.url);
    const power = await fixture.started(await broker.identity("service", "power"));
    const asked = collector<PowerSet, object>();
    await power.subscribe(powerSet, {}, asked.handler).acknowledged(within());
    const { port } = broker;
    const mallory = { ...(await broker.identity("person", "mallory")), port };
    const topic = "outrider/v1/node/n2/power/set";
    const properties = { "outrider-actor": "person:alice", "outrider-retained": "false" };
    await mosquittoPub(topic, "On", { ...mallory, properties });
    await mosquittoPub(topic, "ForceOff", { ...mallory, version: "mqttv311", retain: true });
    await asked.count("both", 2);
    expect(asked.messages.map(({ actor, wasRetained }) => [actor, wasRetained])).toEqual([
      ["person:mallory", false],
      ["person:mallory", true],
    ]);
  });

  test("is the only client of its agent, and is found again after a restart of the broker", async () => {
    await using fixture = new Fixture(broker.url);
    const rackA = await broker.identity("agent", "rack-a");
    const options = { ...rackA, clientId: "agent-rack-a", presence: agentPresence("rack-a") };
    const statuses = collector<AgentStatus, object>();
    const power = await fixture.started(await broker.identity("service", "power"));
    power.subscribe(agentStatus, {}, statuses.handler);
    const first = await fixture.started(options);
    const stranger = fixture.session({ ...options, clientId: "agent-rack-a-elsewhere" });
    stranger.start();
    await eventually("another client of the same agent is refused", () => stranger.failure);
    expect(first.connected).toBe(true);
    await stranger.stop();

    const commands = collector<object, object>();
    await first
      .subscribe(agentCommand, { agent: "rack-a" }, commands.handler)
      .acknowledged(within());
    await broker.restart();
    await power.ready(within());
    await first.ready(within());
    await eventually(
      "the new birth",
      () => statuses.messages.at(-1)?.payload.epoch === first.epoch,
    );
    const command = commandSample(mintCommandId());
    await power.publish(agentCommand, { agent: "rack-a", endpoint: "n1.power" }, command);
    await commands.count("the command", 1);
  });
});
