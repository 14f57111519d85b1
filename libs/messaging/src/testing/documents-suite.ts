import { powerState, type PowerState } from "@outrider/contracts/power";
import { startTestBroker, type BrokerKind, type TestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { mosquittoPub, mosquittoSub } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collector, Fixture, fresh } from "./fixture.js";
import { stateSample } from "./samples.js";

const topicOf = (node: string): string => `outrider/v1/node/${node}/power/state`;

/** What a session promises about retained documents on every broker. */
export function documentsSuite(kind: BrokerKind): void {
  describe(`the documents of a session on ${kind}`, () => {
    let broker: TestBroker;
    beforeAll(async () => {
      broker = await startTestBroker({ kind });
    });
    afterAll(() => broker.kill());

    test("hands retained documents to those who subscribe late, and their clearing", async () => {
      await using fixture = new Fixture(broker.url);
      const [one, other] = [fresh("node"), fresh("node")];
      const writer = await fixture.started();
      writer.retain(powerState, { node: one }, stateSample(1));
      writer.retain(powerState, { node: other }, stateSample(2));
      const reader = await fixture.started();
      const [all, late] = [
        collector<PowerState, { node: string }>(),
        collector<PowerState, { node: string }>(),
      ];
      reader.subscribe(powerState, {}, all.handler);
      await eventually("both documents", () => {
        const nodes = all.messages.map(({ parameters }) => parameters.node);
        return nodes.includes(one) && nodes.includes(other);
      });
      const cleared: string[] = [];
      let returned = false;
      const subscription = reader.subscribe(
        powerState,
        { node: other },
        (message) => {
          expect(returned).toBe(true);
          late.handler(message);
        },
        { cleared: ({ parameters }) => void cleared.push(parameters.node) },
      );
      returned = true;
      await subscription.acknowledged(within());
      await late.count("the one document", 1);
      expect(late.messages.map(({ payload, retain }) => [payload, retain])).toEqual([
        [stateSample(2), true],
      ]);
      writer.retain(powerState, { node: other }, undefined);
      await eventually("the clearing is told", () => cleared.length === 1);
      expect(cleared).toEqual([other]);
    });

    test("clears documents on topics of its own that it does not stand for, once it has said which", async () => {
      await using fixture = new Fixture(broker.url);
      const [kept, gone, late] = [fresh("node"), fresh("node"), fresh("node")];
      const { port } = broker;
      const stale = JSON.stringify(stateSample(99));
      for (const node of [kept, gone])
        await mosquittoPub(topicOf(node), stale, { port, retain: true });
      await mosquittoPub(topicOf(gone), "not even JSON", { port, retain: true });

      const seen = collector<PowerState, { node: string }>();
      const owner = fixture.session();
      owner.own(powerState);
      owner.subscribe(powerState, {}, seen.handler);
      owner.start();
      await owner.ready(within());
      await eventually("the leftovers are seen", () =>
        seen.messages.some(({ parameters }) => parameters.node === kept),
      );
      owner.retain(powerState, { node: kept }, stateSample(1));
      await using sub = await mosquittoSub([topicOf(kept), topicOf(gone), topicOf(late)], { port });
      await sub.next("nothing is cleared before the owner has settled", ({ topic, payload }) => {
        return topic === topicOf(gone) && payload === "not even JSON";
      });
      owner.settleOwned();
      await sub.next("the leftover is cleared", ({ topic, payload }) => {
        return topic === topicOf(gone) && payload === "";
      });
      await mosquittoPub(topicOf(late), stale, { port, retain: true });
      await sub.next("a later one is cleared as well", ({ topic, payload }) => {
        return topic === topicOf(late) && payload === "";
      });
      const of = sub.messages.filter(({ topic }) => topic === topicOf(kept));
      expect(of.map(({ payload }) => payload)).not.toContain("");
      expect(JSON.parse(of.at(-1)?.payload ?? "")).toEqual(stateSample(1));
    });

    test("keeps only the newest of quick changes on their way", async () => {
      await using fixture = new Fixture(broker.url);
      const node = fresh("node");
      const [reader, writer] = [await fixture.started(), await fixture.started()];
      const got = collector<PowerState, { node: string }>();
      await reader.subscribe(powerState, { node }, got.handler).acknowledged(within());
      const before = writer.counters.published;
      for (let n = 1; n <= 1000; n++) writer.retain(powerState, { node }, stateSample(n));
      await eventually(
        "the last one",
        () => got.messages.at(-1)?.payload.supply.staleAfterMs === 1000,
      );
      expect(writer.counters.published - before).toBeLessThan(10);
    });
  });
}
