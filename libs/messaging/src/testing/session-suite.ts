import { agentCommand, agentStatus, type AgentStatus } from "@outrider/contracts/agent";
import { commandId } from "@outrider/contracts/ids";
import {
  powerResult,
  powerSet,
  powerState,
  type PowerResult,
  type PowerSet,
} from "@outrider/contracts/power";
import { startTestBroker, type BrokerKind, type TestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { mosquittoPub } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MessagingError } from "../errors.js";
import { mintCommandId } from "../mint-id.js";
import { collector, Fixture, fresh } from "./fixture.js";
import { recordedLog } from "./recorded-log.js";
import { agentPresence, commandSample, resultSample, stateSample, statusOf } from "./samples.js";

const ROOT = "outrider/v1";
const leaving = (epoch: string): AgentStatus => ({
  ...statusOf("lost", epoch),
  version: "said good-bye",
});

/** What a session promises on every broker: messages, documents, presence. */
export function sessionSuite(kind: BrokerKind): void {
  describe(`a session on ${kind}`, () => {
    let broker: TestBroker;
    beforeAll(async () => {
      broker = await startTestBroker({ kind });
    });
    afterAll(() => broker.kill());

    test("is born after its subscriptions, hooks and documents", async () => {
      await using fixture = new Fixture(broker.url);
      const [agent, node] = [fresh("agent"), fresh("node")];
      const order: string[] = [];
      const reader = await fixture.started();
      reader.subscribe(powerState, { node }, () => void order.push("document"));
      reader.subscribe(powerResult, { node }, () => void order.push("hook"));
      const births = collector<AgentStatus, object>();
      const listening = reader.subscribe(agentStatus, { agent }, (message) => {
        order.push("birth");
        births.handler(message);
      });
      await listening.acknowledged(within());

      const writer = fixture.session({ presence: agentPresence(agent) });
      writer.retain(powerState, { node }, stateSample(1));
      writer.onConnect(({ epoch }) => {
        order.push(`connected ${epoch === writer.epoch}`);
        return writer.publish(powerResult, { node }, resultSample(mintCommandId(), 0, {}));
      });
      writer.onBorn(() => void order.push("born"));
      writer.start();
      await writer.ready(within());
      await eventually("all is read", () => order.length === 5);
      // The acknowledgement of the birth and its copy for the reader come by different sockets.
      expect(order.filter((one) => one !== "born")).toEqual([
        "connected true",
        "hook",
        "document",
        "birth",
      ]);
      expect(births.messages[0]?.payload).toEqual(statusOf("ready", writer.epoch ?? ""));
    });

    test("leaves with its own words, and its will stays unsaid", async () => {
      await using fixture = new Fixture(broker.url);
      const agent = fresh("agent");
      const statuses = collector<AgentStatus, object>();
      const reader = await fixture.started();
      reader.subscribe(agentStatus, { agent }, statuses.handler);
      const writer = await fixture.started({ presence: { ...agentPresence(agent), leaving } });
      await statuses.count("the birth", 1);
      await writer.stop();
      expect(writer.connected).toBe(false);
      await statuses.count("the good-bye", 2);
      await reader.publish(powerSet, { node: fresh("node") }, { action: "On" });
      expect(statuses.messages.map(({ payload }) => payload.version)).toEqual([
        "1.0.0",
        "said good-bye",
      ]);
    });

    test("says its birth again when a late will comes to stand on its presence", async () => {
      await using fixture = new Fixture(broker.url);
      const agent = fresh("agent");
      const statuses = collector<AgentStatus, object>();
      const [reader, session] = [
        await fixture.started(),
        await fixture.started({ presence: agentPresence(agent) }),
      ];
      reader.subscribe(agentStatus, { agent }, statuses.handler);
      await statuses.count("the birth", 1);
      await reader.publish(agentStatus, { agent }, statusOf("lost", "an epoch long gone"));
      await statuses.count("will and birth", 3);
      expect(statuses.messages.map(({ payload }) => [payload.state, payload.epoch])).toEqual([
        ["ready", session.epoch],
        ["lost", "an epoch long gone"],
        ["ready", session.epoch],
      ]);
    });

    test("gets each message once per subscription where filters overlap", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      const session = fixture.session();
      const [wide, narrow, late, afterwards] = [
        collector<PowerResult, { node: string }>(),
        collector<PowerResult, { node: string }>(),
        collector<PowerResult, { node: string }>(),
        collector<PowerResult, { node: string }>(),
      ];
      session.subscribe(powerResult, { node }, narrow.handler);
      session.start();
      await session.ready(within());
      const widened = session.subscribe(powerResult, {}, wide.handler);
      await widened.acknowledged(within());
      session.subscribe(powerResult, { node }, late.handler);

      const writer = await fixture.started();
      for (let seq = 0; seq < 20; seq++) {
        await writer.publish(powerResult, { node }, resultSample(commandId("c"), seq, {}));
      }
      await writer.publish(
        powerResult,
        { node: fresh("node") },
        resultSample(commandId("x"), 0, {}),
      );
      await wide.count("all of it", 21);
      const expected = Array.from({ length: 20 }, (_, seq) => seq);
      const seqs = (of: typeof wide): number[] => of.messages.map(({ payload }) => payload.seq);
      expect(seqs(wide)).toEqual([...expected, 0]);
      expect(seqs(narrow)).toEqual(expected);
      expect(seqs(late)).toEqual(expected);

      await widened.dispose();
      session.subscribe(powerResult, { node }, afterwards.handler);
      await writer.publish(powerResult, { node }, resultSample(commandId("c"), 20, {}));
      await afterwards.count("what came afterwards", 1);
      expect(seqs(narrow)).toEqual([...expected, 20]);
      expect(wide.messages).toHaveLength(21);
    });

    test("loses nothing when a subscription is taken up again at once", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      const [session, writer] = [await fixture.started(), await fixture.started()];
      for (let round = 0; round < 20; round++) {
        const got = collector<PowerResult, { node: string }>();
        const first = session.subscribe(powerResult, { node }, () => undefined);
        await first.acknowledged(within());
        const disposed = first.dispose();
        const second = session.subscribe(powerResult, { node }, got.handler);
        await Promise.all([disposed, second.acknowledged(within())]);
        await writer.publish(powerResult, { node }, resultSample(commandId("c"), round, {}));
        await got.count(`the message of round ${round}`, 1);
        expect(got.messages.map(({ payload }) => payload.seq)).toEqual([round]);
        await second.dispose();
      }
    });

    test("runs handlers one after another, in order of arrival", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      const [session, writer] = [await fixture.started(), await fixture.started()];
      const seqs: number[] = [];
      let running = 0;
      const subscription = session.subscribe(powerResult, { node }, async ({ payload }) => {
        expect(++running).toBe(1);
        // Every other one takes longer.
        if (payload.seq % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        seqs.push(payload.seq);
        running--;
      });
      await subscription.acknowledged(within());
      const sent = Array.from({ length: 500 }, (_, seq) => seq);
      await Promise.all(
        sent.map((seq) =>
          writer.publish(powerResult, { node }, resultSample(commandId("c"), seq, {})),
        ),
      );
      await eventually("all are handled", () => seqs.length === 500);
      expect(seqs).toEqual(sent);
    });

    test("refuses payloads that do not fit, bytes among them, and never logs what stood there", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      const log = recordedLog();
      const session = await fixture.started({ log });
      const refusals: { field: string; bytes: Buffer }[] = [];
      const got = collector<PowerSet, { node: string }>();
      const subscription = session.subscribe(powerSet, { node }, got.handler, {
        refused: ({ field }, { bytes, parameters }) => {
          expect(parameters).toEqual({ node });
          refusals.push({ field, bytes: Buffer.from(bytes) });
        },
      });
      await subscription.acknowledged(within());
      const topic = `${ROOT}/node/${node}/power/set`;
      const hostile = [
        "Secret-Word",
        '{"action":"On","secret":1}',
        '{"action":"On","ttlMs":-77777}',
      ];
      for (const text of hostile) await mosquittoPub(topic, text, { port: broker.port });
      await mosquittoPub(topic, "", { port: broker.port });
      await mosquittoPub(topic, " PowerCycle\n", { port: broker.port });
      await got.count("the good one", 1);
      expect(got.messages.map(({ payload }) => payload)).toEqual([{ action: "PowerCycle" }]);
      expect(refusals.map(({ field }) => field)).toEqual(["action", "secret", "ttlMs"]);
      expect(refusals.map(({ bytes }) => bytes.toString())).toEqual(hostile);
      expect(session.counters.refused).toBe(3);
      expect(JSON.stringify(log.lines)).not.toMatch(/Secret-Word|77777/);
    });

    test("knows what was published with the retain flag", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      const topic = `${ROOT}/node/${node}/power/set`;
      const { port } = broker;
      await mosquittoPub(topic, "PowerCycle", { port, retain: true });
      const session = await fixture.started();
      const [all, dropping] = [
        collector<PowerSet, { node: string }>(),
        collector<PowerSet, { node: string }>(),
      ];
      session.subscribe(powerSet, { node }, all.handler);
      session.subscribe(powerSet, { node }, dropping.handler, { retained: "drop" });
      await all.count("the stored one", 1);
      await mosquittoPub(topic, "ForceOff", { port, retain: true, version: "mqttv311" });
      await mosquittoPub(topic, "On", { port, properties: { "outrider-retained": "true" } });
      await mosquittoPub(topic, "On", { port });
      await all.count("all four", 4);
      expect(all.messages.map(({ payload, wasRetained }) => [payload.action, wasRetained])).toEqual(
        [
          ["PowerCycle", true],
          ["ForceOff", true],
          ["On", true],
          ["On", false],
        ],
      );
      expect(dropping.messages.map(({ wasRetained }) => wasRetained)).toEqual([false]);
      expect(session.counters.retainedDropped).toBe(3);
      await mosquittoPub(topic, "", { port, retain: true });
    });

    test("believes an actor only where it is told, or the broker says, that it is stamped", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      // These brokers stamp nothing and do not claim to.
      const [trusting, wary] = [
        await fixture.started({ actorStamps: "trusted" }),
        await fixture.started(),
      ];
      const [read, ignored] = [
        collector<PowerSet, { node: string }>(),
        collector<PowerSet, { node: string }>(),
      ];
      await Promise.all([
        trusting.subscribe(powerSet, { node }, read.handler).acknowledged(within()),
        wary.subscribe(powerSet, { node }, ignored.handler).acknowledged(within()),
      ]);
      const properties = { "outrider-actor": "person:alice" };
      await mosquittoPub(`${ROOT}/node/${node}/power/set`, "On", { port: broker.port, properties });
      await Promise.all([read.count("it", 1), ignored.count("it", 1)]);
      expect(read.messages[0]?.actor).toBe("person:alice");
      expect(ignored.messages[0]?.actor).toBeUndefined();
    });

    test("publishes without a connection never, neither now nor later", async () => {
      await using fixture = new Fixture(broker.url);
      const unstarted = fixture.session();
      const failure = await unstarted
        .publish(agentCommand, { agent: "a", endpoint: "n1.power" }, commandSample(mintCommandId()))
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(MessagingError);
      expect((failure as MessagingError).code).toBe("disconnected");
    });
  });
}
