import { topicOf, TOPIC_ROOT } from "@outrider/contracts/contract";
import { agentEvent } from "@outrider/contracts/agent";
import { powerResult, powerSet } from "@outrider/contracts/power";
import type { Candidate, Claim } from "./broker-candidates.js";
import { cpuMs, hostMs } from "./machine.js";
import { Wire } from "./wire.js";

/** One kind of traffic, with identities and topics as Outrider has them. */
export interface Scenario {
  readonly name: string;
  readonly qos: 0 | 1;
  readonly publishers: readonly { readonly claim: Claim; readonly topic: string }[];
  readonly subscribers: readonly { readonly claim: Claim; readonly filter: string }[];
  /** Messages, each delivered to every subscriber. */
  readonly messages: number;
}

export interface Throughput {
  readonly deliveriesPerSecond: number;
  /** Processor time of the broker for each delivery, in microseconds. */
  readonly cpuMicros: number;
}

const PAYLOAD = Buffer.alloc(200, "x");
/** Messages of one publisher that may be on their way at once: enough to keep a broker busy, too few to shed. */
const WINDOW = 10;
const LIMIT_MS = 60_000;
const MANY = 100;

const POWER: Claim = { kind: "service", name: "power" };
const OPERATOR: Claim = { kind: "person", name: "operator" };

export function scenarios(messages: number): Scenario[] {
  const all = Array.from({ length: MANY }, (_, index) => index);
  const events = all.map((index) => ({
    claim: { kind: "agent" as const, name: `a${index}` },
    topic: topicOf(agentEvent, { agent: `a${index}` }),
  }));
  const asks = all.map((index) => ({
    claim: OPERATOR,
    topic: topicOf(powerSet, { node: `n${index}` }),
  }));
  const readers = all.map(() => ({ claim: OPERATOR, filter: `${TOPIC_ROOT}node/+/power/result` }));
  const fanIn = (qos: 0 | 1): Scenario => ({
    name: `${MANY} → 1, agents' events`,
    qos,
    publishers: events,
    subscribers: [{ claim: POWER, filter: `${TOPIC_ROOT}agent/+/event` }],
    messages,
  });
  const fanOut = (qos: 0 | 1): Scenario => ({
    name: `1 → ${MANY}, results`,
    qos,
    publishers: [{ claim: POWER, topic: topicOf(powerResult, { node: "n1" }) }],
    subscribers: readers,
    messages: Math.ceil((2 * messages) / MANY),
  });
  return [
    fanIn(0),
    fanIn(1),
    {
      name: `${MANY} → 1, asks that are stamped`,
      qos: 1,
      publishers: asks,
      subscribers: [{ claim: POWER, filter: `${TOPIC_ROOT}node/+/power/set` }],
      messages,
    },
    fanOut(0),
    fanOut(1),
  ];
}

/**
 * Sends the messages as fast as they are delivered and waits for the last one.
 * @throws Error when one is lost
 */
export async function run(candidate: Candidate, scenario: Scenario): Promise<Throughput> {
  const { qos, messages } = scenario;
  const wires: Wire[] = [];
  const open = async ({ kind, name }: Claim): Promise<Wire> => {
    const claim = { kind, name };
    const id = `${kind}-${name}-${wires.length}`;
    const wire = await Wire.open(candidate.port, id, await candidate.secretOf(claim));
    wires.push(wire);
    return wire;
  };
  try {
    const subscribers: Wire[] = [];
    for (const { claim, filter } of scenario.subscribers) {
      const wire = await open(claim);
      await wire.subscribe(filter, qos);
      subscribers.push(wire);
    }
    const publishers: Wire[] = [];
    for (const { claim, topic } of scenario.publishers) {
      const wire = await open(claim);
      wire.prepare(topic, PAYLOAD, qos);
      publishers.push(wire);
    }
    const deliveries = messages * subscribers.length;
    const startMs = hostMs();
    const startCpuMs = cpuMs(candidate.pid);
    await flow(publishers, subscribers, messages);
    const tookMs = hostMs() - startMs;
    return {
      deliveriesPerSecond: (1000 * deliveries) / tookMs,
      cpuMicros: (1000 * (cpuMs(candidate.pid) - startCpuMs)) / deliveries,
    };
  } finally {
    for (const wire of wires) wire.close();
  }
}

/** A new message for each that has reached all subscribers, the publishers in turn. */
function flow(
  publishers: readonly Wire[],
  subscribers: readonly Wire[],
  messages: number,
): Promise<void> {
  const deliveries = messages * subscribers.length;
  return new Promise((resolve, reject) => {
    let sent = 0;
    let delivered = 0;
    const late = setTimeout(
      () => reject(new Error(`${delivered} of ${deliveries} were delivered in ${LIMIT_MS} ms`)),
      LIMIT_MS,
    );
    const send = (): void => {
      const allowed = delivered / subscribers.length + WINDOW * publishers.length;
      while (sent < messages && sent < allowed) publishers[sent++ % publishers.length]?.publish();
    };
    for (const subscriber of subscribers) {
      subscriber.onReceived = (count) => {
        delivered += count;
        send();
        if (delivered < deliveries) return;
        clearTimeout(late);
        resolve();
      };
    }
    send();
  });
}
