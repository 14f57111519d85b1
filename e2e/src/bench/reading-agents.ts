import { AGENT_PROTOCOL, agentAck, agentDesired } from "@outrider/contracts/agent";
import { topicOf } from "@outrider/contracts/contract";
import { agentId, endpointId, nodeId, type AgentId, type NodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import { agentReading } from "@outrider/contracts/reading-report";
import { serviceStatus } from "@outrider/contracts/service";
import { addCredentials, readSecret } from "@outrider/identity/credentials";
import { Session } from "@outrider/messaging/session";
import { within } from "@outrider/testing/eventually";
import type { OutriderBroker } from "@outrider/testing/outrider-broker";
import { connectAsync, type MqttClient } from "mqtt";

/** Of every node. */
const SENSORS = {
  supply: ["voltageVolts", "currentAmperes", "powerWatts"],
  board: ["temperatureCelsius", "fanRevolutionsPerMinute", "relativeHumidityPercent"],
} as const;
export const VALUES_PER_NODE = 6;
export const NODES_PER_AGENT = 500;
/** Batches of one agent that may be on their way. */
const WINDOW = 2;
const AGAIN_MS = 2000;
const EPOCH = "bench";
/** Stand in a batch that was made once, where its number, its times and the age of its readings go. */
const [NUMBER, OLDEST, AGE] = ["987654321987", "876543219876", "765432198765"];
const [SENT_AT, TAKEN_AT] = ["2000-01-01T00:00:00.000Z", "2000-01-02T00:00:00.000Z"];

const nodeOf = (agent: number, at: number): NodeId => nodeId(`n${agent}-${at}`);
const nameOf = (agent: number): AgentId => agentId(`rack-${agent}`);

/** Says in the place of inventory what there is, and lets the agents in. */
export async function declareSite(broker: OutriderBroker, agents: number): Promise<Session> {
  const claims = Array.from({ length: agents }, (_, agent) => nameOf(agent));
  await addCredentials(
    broker.data,
    claims.map((name) => ({ kind: "agent", name })),
  );
  const inventory = new Session({
    url: broker.url,
    clientId: "bench-inventory",
    ...(await broker.identity("service", "inventory")),
  });
  inventory.start();
  await inventory.ready(within());
  for (let agent = 0; agent < agents; agent++) {
    const name = nameOf(agent);
    const nodes = Array.from({ length: NODES_PER_AGENT }, (_, at) => nodeOf(agent, at));
    for (const node of nodes) {
      const sensor = Object.keys(SENSORS).map((one) => ({
        agent: name,
        endpoint: endpointId(node, "sensor", one),
        driver: "simulated",
      }));
      const rest = { roles: [], labels: {}, supportedActions: [], gracefulLimitMs: 120_000 };
      const described = { id: node, name: node, ...rest, interfaces: { sensor } };
      inventory.retain(nodeDescription, { node }, described);
    }
    const endpoints = nodes.flatMap((node) =>
      Object.keys(SENSORS).map((sensor) => ({
        endpoint: endpointId(node, "sensor", sensor),
        node,
        port: "sensor" as const,
        driver: "simulated",
        options: {},
        restore: "None" as const,
        dwellMs: 1000,
        sampleEveryMs: 10_000,
        staleAfterMs: 30_000,
      })),
    );
    inventory.retain(agentDesired, { agent: name }, { generation: 1, endpoints });
  }
  const startedAt = new Date().toISOString();
  const status = { state: "ready", instance: "bench", version: "0", startedAt } as const;
  inventory.retain(serviceStatus, { service: "inventory" }, status);
  return inventory;
}

/** An agent that reads all of its sensors at once, as fast as it is told to, and sends until it is acknowledged. */
export class ReadingAgent {
  #seq = 0;
  #acknowledged = 0;
  #lastMs = 0;
  #told: () => void = () => {};
  /** What is not acknowledged yet: when it was taken, by number. */
  readonly #open = new Map<number, number>();

  private constructor(
    private readonly client: MqttClient,
    private readonly agent: number,
    private readonly topic: string,
    private readonly made: string,
  ) {
    client.on("message", (_, payload) => {
      const { reading = 0 } = JSON.parse(payload.toString()) as { readonly reading?: number };
      this.#acknowledged = Math.max(this.#acknowledged, reading);
      for (const seq of this.#open.keys()) if (seq <= reading) this.#open.delete(seq);
      this.#told();
    });
  }

  static async connect(broker: OutriderBroker, agent: number): Promise<ReadingAgent> {
    const name = nameOf(agent);
    const password = await readSecret(broker.data, { kind: "agent", name });
    const username = `agent:${name}`;
    const client = await connectAsync(broker.url, { username, password, protocolVersion: 5 });
    (client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
    await client.subscribeAsync(topicOf(agentAck, { agent: name, service: "telemetry" }));
    return new ReadingAgent(client, agent, topicOf(agentReading, { agent: name }), batch(agent));
  }

  /** Batches that are stored as far as one says. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get sent(): number {
    return this.#seq;
  }

  /** Sends one batch of readings of now. @returns the node that stands last in it, and its time */
  send(): { readonly lastNode: NodeId; readonly atMs: number } {
    // No two of one series have one time.
    this.#lastMs = Math.max(Date.now(), this.#lastMs + 1);
    this.#open.set(++this.#seq, this.#lastMs);
    this.#publish(this.#seq, this.#lastMs);
    return { lastNode: nodeOf(this.agent, NODES_PER_AGENT - 1), atMs: this.#lastMs };
  }

  /** Sends as long as it may, and is then done when all are acknowledged. */
  async flood(untilMs: number): Promise<void> {
    for (;;) {
      const isOver = performance.now() >= untilMs;
      if (isOver && this.#acknowledged === this.#seq) return;
      if (!isOver && this.#seq - this.#acknowledged < WINDOW) this.send();
      else await this.#news();
    }
  }

  async allStored(): Promise<void> {
    while (this.#acknowledged < this.#seq) await this.#news();
  }

  /** What is not acknowledged is sent again after a while, as a message of QoS 0 may be lost. */
  async #news(): Promise<void> {
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => {
        for (const [seq, takenMs] of this.#open) this.#publish(seq, takenMs);
        resolve();
      }, AGAIN_MS);
      this.#told = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }

  #publish(seq: number, takenMs: number): void {
    const nowMs = Math.max(Date.now(), takenMs);
    const text = this.made
      .replaceAll(NUMBER, String(seq))
      .replaceAll(OLDEST, String(this.#acknowledged + 1))
      .replaceAll(AGE, String(nowMs - takenMs))
      .replaceAll(SENT_AT, new Date(nowMs).toISOString())
      .replaceAll(TAKEN_AT, new Date(takenMs).toISOString());
    this.client.publish(this.topic, text);
  }

  async end(): Promise<void> {
    await this.client.endAsync(true);
  }
}

function batch(agent: number): string {
  const readings = Array.from({ length: NODES_PER_AGENT }, (_, at) => nodeOf(agent, at)).flatMap(
    (node, index) =>
      Object.entries(SENSORS).map(([sensor, quantities]) => ({
        endpoint: endpointId(node, "sensor", sensor),
        node,
        at: TAKEN_AT,
        ageMs: Number(AGE),
        values: Object.fromEntries(quantities.map((name, at) => [name, 1.25 + at + index / 100])),
      })),
  );
  const head = { v: AGENT_PROTOCOL, epoch: EPOCH, seq: Number(NUMBER), at: SENT_AT };
  return JSON.stringify({ ...head, spool: `bench-${agent}`, oldest: Number(OLDEST), readings });
}
