import { agentAck, agentEvent, type AgentEvent } from "@outrider/contracts/agent";
import { startTestBroker, brokerKinds } from "@outrider/testing/broker";
import { startCuttingProxy } from "@outrider/testing/cutting-proxy";
import { eventually, within } from "@outrider/testing/eventually";
import { expect, test } from "vitest";
import { judgeNumber, OutboxSender } from "./outbox.js";
import { Fixture } from "./testing/fixture.js";
import { MemoryOutbox } from "./testing/memory-outbox.js";
import type { Session } from "./session.js";

const agent = "a1";

function incident(session: Session): AgentEvent {
  return {
    v: 1,
    epoch: session.epoch ?? "none",
    at: "2026-01-01T00:00:00.000Z",
    incident: { endpoint: "n1.power" as never, kind: "restored", detail: "supply returned" },
  };
}

test.each(brokerKinds())(
  "every event is stored although acknowledgements are lost, connections cut and the broker killed, on %s",
  async (kind) => {
    await using broker = await startTestBroker({ kind });
    await using proxy = await startCuttingProxy(broker.port);
    await using fixture = new Fixture(broker.url);
    const service = await fixture.started();
    const stored: number[] = [];
    let arrivals = 0;
    const subscription = service.subscribe(agentEvent, { agent }, async ({ payload }) => {
      arrivals++;
      const { seq, epoch } = payload;
      if (seq === undefined) return;
      const verdict = judgeNumber(stored.at(-1), seq);
      if (verdict === "new") stored.push(seq);
      // Two of three acknowledgements are lost.
      if (verdict === "gap" || arrivals % 3 !== 0) return;
      const ack = { epoch, event: stored.at(-1) ?? 0 };
      await service.publish(agentAck, { agent, service: "power" }, ack);
    });
    await subscription.acknowledged(within());

    const session = fixture.session({ url: proxy.url });
    const outbox = new MemoryOutbox<AgentEvent>();
    const sender = new OutboxSender({
      outbox,
      resendAfterMs: 200,
      resendAtMostMs: 400,
      send: ({ seq, event }) => session.publish(agentEvent, { agent }, { ...event, seq }),
    });
    session.subscribe(agentAck, { agent, service: "power" }, ({ payload }) =>
      sender.acknowledged(payload.event ?? 0),
    );
    session.onBorn(() => sender.connected());
    session.onDisconnect(() => sender.disconnected());
    sender.start();
    session.start();
    await session.ready(within());

    const append = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await sender.append(incident(session));
    };
    await append(10);
    await eventually("some are stored", () => stored.length >= 5);
    proxy.reset();
    await append(10);
    await eventually("the agent is back", () => session.connected && stored.length >= 15);
    await append(10);
    await broker.kill();
    await append(10);
    await broker.restart();
    await service.ready(within());
    await append(1);
    await eventually("all are acknowledged", () => outbox.kept.length === 0);
    expect(stored).toEqual(Array.from({ length: 41 }, (_, n) => n + 1));
    expect(arrivals).toBeGreaterThan(41);
    await sender.stop();
  },
);
