import { commandId } from "@outrider/contracts/ids";
import { powerResult, powerSet, type PowerSet } from "@outrider/contracts/power";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startCuttingProxy } from "@outrider/testing/cutting-proxy";
import { eventually, within } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askPower } from "./command-client.js";
import { MessagingError } from "./errors.js";
import type { Session } from "./session.js";
import { collector, Fixture, fresh } from "./testing/fixture.js";
import { resultSample } from "./testing/samples.js";

const withinMs = 20_000;

/** Answers like the power service: says something of everybody's commands. */
async function answering(
  fixture: Fixture,
  node: string,
  answer: (set: PowerSet, service: Session) => Promise<void> | void,
): Promise<PowerSet[]> {
  const asked: PowerSet[] = [];
  const service = await fixture.started();
  const subscription = service.subscribe(powerSet, { node }, ({ payload }) => {
    asked.push(payload);
    return answer(payload, service);
  });
  await subscription.acknowledged(within());
  return asked;
}

describe("asking for a power action", () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startTestBroker();
  });
  afterAll(() => broker.kill());

  test("gives the progress, then the terminal result of one’s own command", async () => {
    await using fixture = new Fixture(broker.url);
    const node = fresh("node");
    await answering(fixture, node, async ({ id = commandId("none") }, service) => {
      const say = (...[which, seq, more]: Parameters<typeof resultSample>): Promise<void> =>
        service.publish(powerResult, { node }, resultSample(which, seq, more));
      await say(commandId("somebody-elses"), 0, { status: "Failed", terminal: true });
      await say(id, 0, { status: "Accepted" });
      await say(id, 1, {});
      await say(id, 1, {});
      await say(id, 2, { status: "Succeeded", terminal: true });
    });
    const progress: string[] = [];
    const result = await askPower(
      await fixture.started(),
      { node, action: "PowerCycle", reason: "hangs" },
      { withinMs, progress: ({ seq, status }) => void progress.push(`${seq} ${status}`) },
    );
    expect(progress).toEqual(["0 Accepted", "1 InProgress", "2 Succeeded"]);
    expect(result.status).toBe("Succeeded");
  });

  test("asks once, with what was asked for", async () => {
    await using fixture = new Fixture(broker.url);
    const node = fresh("node");
    const asked = await answering(fixture, node, ({ id = commandId("none") }, service) =>
      service.publish(
        powerResult,
        { node },
        resultSample(id, 0, { status: "Rejected", terminal: true, reasonCode: "busy" }),
      ),
    );
    const id = commandId("mine");
    const command = { node, action: "ForceOff", id, ttlMs: 5000, escalate: true } as const;
    const result = await askPower(await fixture.started(), command, { withinMs });
    expect(result.reasonCode).toBe("busy");
    expect(asked).toMatchObject([{ action: "ForceOff", id, escalate: true }]);
    expect(asked[0]?.ttlMs).toBeLessThanOrEqual(5000);
  });

  test("repeats an accepted command with its id when the connection broke in between", async () => {
    await using fixture = new Fixture(broker.url);
    await using proxy = await startCuttingProxy(broker.port);
    const node = fresh("node");
    let calls = 0;
    const asked = await answering(fixture, node, async ({ id = commandId("none") }, service) => {
      calls++;
      const [seq, status] = calls === 1 ? ([0, "Accepted"] as const) : ([1, "Succeeded"] as const);
      await service.publish(
        powerResult,
        { node },
        resultSample(id, seq, { status, terminal: seq === 1 }),
      );
    });
    const result = await askPower(
      await fixture.started({ url: proxy.url }),
      { node, action: "On", ttlMs: 100 },
      { withinMs, progress: ({ seq }) => seq === 0 && proxy.reset() },
    );
    expect(result.status).toBe("Succeeded");
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    expect(asked).toHaveLength(2);
  });

  test("says that it does not know when nobody answers in time, and forgets its subscription", async () => {
    await using fixture = new Fixture(broker.url);
    const node = fresh("node");
    const session = await fixture.started();
    const failure = await askPower(session, { node, action: "On" }, { withinMs: 50 }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(MessagingError);
    expect(failure).toMatchObject({ code: "timed-out" });
    const other = await fixture.started();
    const marks = collector<PowerSet, object>();
    await session.subscribe(powerSet, { node }, marks.handler).acknowledged(within());
    await eventually("only the mark arrives, and no result before it", async () => {
      const [received, count] = [session.counters.received, marks.messages.length];
      await other.publish(powerResult, { node }, resultSample(commandId("x"), 0, {}));
      await other.publish(powerSet, { node }, { action: "On" });
      await marks.count("the mark", count + 1);
      return session.counters.received - received === 1;
    });
  });

  test("ends with the reason of the signal", async () => {
    await using fixture = new Fixture(broker.url);
    const node = fresh("node");
    const stop = new AbortController();
    await answering(fixture, node, () => stop.abort(new Error("enough")));
    const asking = askPower(
      await fixture.started(),
      { node, action: "On" },
      { withinMs, signal: stop.signal },
    );
    await expect(asking).rejects.toThrow("enough");
  });
});
