import { setTimeout as delay } from "node:timers/promises";
import { agentEvent, AGENT_PROTOCOL } from "@outrider/contracts/agent";
import { topicOf, TOPIC_ROOT } from "@outrider/contracts/contract";
import { addCredential } from "@outrider/identity/credentials";
import { mosquittoSub } from "@outrider/testing/mqtt-cli";
import type { Deployment } from "../deployment.js";
import { hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { PowerCommands } from "./power-commands.js";
import { spread } from "./statistics.js";
import { Wire } from "./wire.js";

export interface FrozenReaderPlan {
  readonly publishers: number;
  /** How long each of the two is watched. */
  readonly spanMs: number;
}

const PAYLOAD_BYTES = 20_000;
/** Each publisher sends one message in this time. */
const EVERY_MS = 500;
/** Between commands. */
const PAUSE_MS = 50;

/**
 * How long power commands take while many publishers send large messages, beside a reader of everything that reads
 * and beside one that was stopped with SIGSTOP.
 */
export async function measureFrozenReader(
  lab: Deployment,
  plan: FrozenReaderPlan,
): Promise<string> {
  await using commands = await PowerCommands.start(lab);
  const publishers = await connectPublishers(lab, plan.publishers);
  const pump = startPump(publishers);
  const reader = await lab.identities.add("service", "gateway");
  const rows: string[][] = [];
  try {
    for (const frozen of [false, true]) {
      const options = { port: lab.port, clientId: "bench-reader", ...reader };
      await using subscriber = await mosquittoSub([`${TOPIC_ROOT}#`], options);
      if (frozen) await subscriber.child.kill("SIGSTOP");
      const times: number[] = [];
      const endMs = hostMs() + plan.spanMs;
      while (hostMs() < endMs) {
        times.push(...(await commands.burst(1)).map(({ resultMs }) => resultMs));
        await delay(PAUSE_MS);
      }
      const { p50, p99, max, count } = spread(times);
      const what = frozen ? "a frozen reader" : "the same reader, reading";
      rows.push([what, String(count), figure(p50), figure(p99), figure(max)]);
    }
  } finally {
    pump.stop();
    for (const publisher of publishers) publisher.close();
  }
  const load = `${plan.publishers} publishers send ${PAYLOAD_BYTES.toLocaleString("en-US")} B every ${EVERY_MS} ms, ${figure(pump.sentPerSecond())} messages/s together.`;
  return `${load}\n\n${table(["beside", "commands", "p50 ms", "p99 ms", "largest ms"], rows)}`;
}

async function connectPublishers(lab: Deployment, count: number): Promise<Wire[]> {
  const payload = {
    v: AGENT_PROTOCOL,
    epoch: "bench",
    at: new Date().toISOString(),
    observations: [],
    // Readers ignore what they do not know.
    filler: "x".repeat(PAYLOAD_BYTES),
  };
  const bytes = Buffer.from(JSON.stringify(payload));
  const names = Array.from({ length: count }, (_, number) => `load-${number}`);
  for (const name of names) await addCredential(lab.data, { kind: "agent", name });
  const wires: Wire[] = [];
  for (const name of names) {
    const secret = await lab.identities.secret("agent", name);
    const wire = await Wire.open(lab.port, name, secret);
    wire.prepare(topicOf(agentEvent, { agent: name }), bytes, 0);
    wires.push(wire);
  }
  return wires;
}

/** Lets publishers send in turn, evenly over time. */
function startPump(publishers: readonly Wire[]): { stop(): void; sentPerSecond(): number } {
  const startMs = hostMs();
  let sent = 0;
  let endMs: number | undefined;
  const timer = setInterval(() => {
    const due = ((hostMs() - startMs) * publishers.length) / EVERY_MS;
    // After a pause of this process nothing is made up for.
    for (const upTo = Math.min(due, sent + publishers.length); sent < upTo; sent++) {
      publishers[sent % publishers.length]?.publish();
    }
  }, 5);
  return {
    stop: () => {
      endMs = hostMs();
      clearInterval(timer);
    },
    sentPerSecond: () => (1000 * sent) / ((endMs ?? hostMs()) - startMs),
  };
}
