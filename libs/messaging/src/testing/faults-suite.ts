import {
  agentCommand,
  agentStatus,
  type AgentCommand,
  type AgentStatus,
} from "@outrider/contracts/agent";
import { powerState, type PowerState } from "@outrider/contracts/power";
import { startTestBroker, type BrokerKind } from "@outrider/testing/broker";
import { startNode } from "@outrider/testing/child";
import { startCuttingProxy } from "@outrider/testing/cutting-proxy";
import { eventually, within } from "@outrider/testing/eventually";
import { mosquittoSub } from "@outrider/testing/mqtt-cli";
import { describe, expect, test } from "vitest";
import { MessagingError } from "../errors.js";
import { mintCommandId } from "../mint-id.js";
import { collector, Fixture } from "./fixture.js";
import { agentPresence, commandSample, stateSample } from "./samples.js";

const ENDPOINT = { agent: "a1", endpoint: "n1.power" };

/** What a session promises when processes die and networks fail, on every broker. */
export function faultsSuite(kind: BrokerKind): void {
  describe(`a session in trouble on ${kind}`, () => {
    test("is spoken for by its will when its process is killed", async () => {
      await using broker = await startTestBroker({ kind });
      await using fixture = new Fixture(broker.url);
      const reader = await fixture.started();
      const statuses = collector<AgentStatus, { agent: string }>();
      reader.subscribe(agentStatus, {}, statuses.handler);
      const program = new URL("./presence-program.js", import.meta.url);
      await using child = await startNode(program, { args: [broker.url, "a1"] });
      await statuses.count("the birth", 1);
      await child.kill("SIGKILL");
      await statuses.count("the will", 2);
      expect(statuses.messages.map(({ payload }) => [payload.state, payload.epoch])).toEqual([
        ["ready", child.ready["epoch"]],
        ["lost", child.ready["epoch"]],
      ]);
    });

    test("has a new epoch on each connection, said by will and birth", async () => {
      await using broker = await startTestBroker({ kind });
      await using proxy = await startCuttingProxy(broker.port);
      await using fixture = new Fixture(broker.url);
      const statuses = collector<AgentStatus, { agent: string }>();
      const reader = await fixture.started();
      reader.subscribe(agentStatus, {}, statuses.handler);
      const session = await fixture.started({ url: proxy.url, presence: agentPresence("a1") });
      const first = session.epoch;
      const lost = Promise.withResolvers<void>();
      session.onDisconnect(() => lost.resolve());
      await statuses.count("the birth", 1);
      proxy.reset();
      await lost.promise;
      await session.ready(within());
      const second = session.epoch;
      expect(second).not.toBe(first);
      await eventually(
        "the second birth",
        () => statuses.messages.at(-1)?.payload.epoch === second,
      );
      // The birth may be said twice: the old will may be heard after it, though it was stored before.
      const said = statuses.messages.map(({ payload }) => `${payload.state} ${payload.epoch}`);
      expect(said.filter((one, at) => one !== said[at - 1])).toEqual([
        `ready ${first}`,
        `lost ${first}`,
        `ready ${second}`,
      ]);
      expect(session.counters.reconnects).toBe(1);
    });

    test("brings everything back to a broker that has lost all", async () => {
      await using broker = await startTestBroker({ kind });
      await using fixture = new Fixture(broker.url);
      const session = fixture.session({ presence: agentPresence("a1") });
      const nodes = Array.from({ length: 300 }, (_, n) => `n${n}`);
      for (const node of nodes) session.retain(powerState, { node }, stateSample(1));
      session.retain(powerState, { node: "gone" }, stateSample(1));
      const commands = collector<AgentCommand, object>();
      session.subscribe(agentCommand, { agent: "a1" }, commands.handler);
      session.start();
      await session.ready(within());
      session.retain(powerState, { node: "gone" }, undefined);
      await broker.kill();
      await eventually("the loss is noticed", () => !session.connected);
      session.retain(powerState, { node: "n7" }, stateSample(7));
      await broker.restart();
      await session.ready(within());

      const reader = await fixture.started();
      const states = collector<PowerState, { node: string }>();
      const statuses = collector<AgentStatus, { agent: string }>();
      reader.subscribe(powerState, {}, states.handler);
      reader.subscribe(agentStatus, {}, statuses.handler);
      await states.count("all documents", 300);
      await statuses.count("the birth", 1);
      expect(new Set(states.messages.map(({ parameters }) => parameters.node))).toEqual(
        new Set(nodes),
      );
      expect(states.messages.find(({ parameters }) => parameters.node === "n7")?.payload).toEqual(
        stateSample(7),
      );
      expect(statuses.messages[0]?.payload.epoch).toBe(session.epoch);
      await reader.publish(agentCommand, ENDPOINT, commandSample(mintCommandId()));
      await commands.count("a command on the new connection", 1);
    });

    test("never sends later what it could not send", async () => {
      await using broker = await startTestBroker({ kind });
      await using proxy = await startCuttingProxy(broker.port);
      await using fixture = new Fixture(broker.url);
      const session = await fixture.started({ url: proxy.url });
      await using raw = await mosquittoSub(["outrider/v1/agent/+/command/+"], {
        port: broker.port,
      });
      const ids = Array.from({ length: 4 }, () => mintCommandId());
      const publish = (id = ids[0]): Promise<string> =>
        session
          .publish(agentCommand, ENDPOINT, commandSample(id ?? mintCommandId()))
          .then(() => "sent")
          .catch((error: unknown) =>
            error instanceof MessagingError ? error.code : String(error),
          );

      proxy.blackhole("up");
      const underWay = [publish(ids[0]), publish(ids[1])];
      proxy.cut();
      expect(await Promise.all(underWay)).toEqual(["disconnected", "disconnected"]);
      expect(await publish(ids[2])).toBe("disconnected");
      proxy.heal();
      await session.ready(within());
      expect(await publish(ids[3])).toBe("sent");
      await raw.next("the one after", ({ payload }) => payload.includes(ids[3] ?? "?"));
      expect(raw.messages).toHaveLength(1);
    });

    test("notices a connection on which nothing arrives any more", async () => {
      await using broker = await startTestBroker({ kind });
      await using proxy = await startCuttingProxy(broker.port);
      await using fixture = new Fixture(broker.url);
      const session = await fixture.started({
        url: proxy.url,
        keepAliveSeconds: 1,
        presence: agentPresence("a1"),
      });
      const first = session.epoch;
      proxy.blackhole("down");
      await eventually("the silence is noticed", () => !session.connected);
      proxy.heal();
      await session.ready(within());
      expect(session.epoch).not.toBe(first);
      const statuses = collector<AgentStatus, { agent: string }>();
      const reader = await fixture.started();
      reader.subscribe(agentStatus, {}, statuses.handler);
      await eventually("the birth stands, whatever the old connection’s will did", () => {
        return statuses.messages.at(-1)?.payload.epoch === session.epoch;
      });
    });

    test("is thrown out by nobody but its own client id, and comes back", async () => {
      await using broker = await startTestBroker({ kind });
      await using fixture = new Fixture(broker.url);
      const clientId = "the-one";
      const first = await fixture.started({ clientId, presence: agentPresence("a1") });
      const second = await fixture.started({ clientId, presence: agentPresence("a1") });
      const epoch = second.epoch;
      await eventually(
        "the first is out",
        () => first.failure?.code === "refused-by-broker" || !first.connected,
      );
      await first.stop();
      await second.ready(within());
      await eventually("the second stands", () => second.connected && second.epoch !== undefined);
      expect(epoch).toBeDefined();
    });

    test("gives up a broker that is frozen, and stops at once when told to", async () => {
      await using broker = await startTestBroker({ kind });
      await using fixture = new Fixture(broker.url);
      const session = await fixture.started({ keepAliveSeconds: 1 });
      await broker.freeze();
      const answer = session
        .publish(agentCommand, ENDPOINT, commandSample(mintCommandId()))
        .catch((error: unknown) => (error as MessagingError).code);
      expect(await answer).toMatch(/^(disconnected|timed-out|protocol)$/);
      await session.stop();
      expect(session.connected).toBe(false);
      await broker.thaw();
    });
  });
}
