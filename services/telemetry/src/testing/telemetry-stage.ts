import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { agentAck, agentDesired, agentDescription, agentStatus } from "@outrider/contracts/agent";
import { agentId, endpointId, nodeId, type EndpointId, type NodeId } from "@outrider/contracts/ids";
import {
  nodeDescription,
  nodeEvent,
  nodeStatus,
  type NodeEvent,
  type NodeStatus,
} from "@outrider/contracts/node";
import { powerState, type PowerState } from "@outrider/contracts/power";
import {
  agentReading,
  type AgentReadings,
  type EndpointReading,
} from "@outrider/contracts/reading-report";
import { serviceDescription, type ServiceListener } from "@outrider/contracts/service-plane";
import { serviceStatus } from "@outrider/contracts/service";
import type { NodeSensors, ReadingsPage } from "@outrider/contracts/telemetry-pages";
import { nodeTelemetry, type NodeTelemetry } from "@outrider/contracts/telemetry";
import { topicOf } from "@outrider/contracts/contract";
import { Session } from "@outrider/messaging/session";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { connectAsync } from "mqtt";
import { startOutriderBroker, type OutriderBroker } from "@outrider/testing/outrider-broker";

export const AGENT = agentId("rack-a");
/** Of every sensor and heartbeat of the stage. */
export const STALE_AFTER_MS = 3000;

/** A batch of the agent; what is left out is as of now. */
export type Batch = Pick<AgentReadings, "seq" | "readings"> & Partial<AgentReadings>;

const MAIN = new URL("../main.js", import.meta.url);

/** The telemetry service as it ships on our broker, with a test in the place of inventory, power, console, an agent and a person. */
export class TelemetryStage implements AsyncDisposable {
  readonly telemetry: { node: string; payload: NodeTelemetry }[] = [];
  /** Nodes whose status was cleared. */
  readonly cleared: string[] = [];
  readonly statuses: { node: string; payload: NodeStatus }[] = [];
  readonly events: { node: string; payload: NodeEvent }[] = [];
  /** Numbers that were acknowledged, in their order. */
  readonly acks: number[] = [];
  broker!: OutriderBroker;
  inventory!: Session;
  power!: Session;
  console!: Session;
  agent!: Session;
  #person!: Session;
  #service: Child | undefined;
  #listener: ServiceListener | undefined;
  readonly #stack = new AsyncDisposableStack();

  /** @param nodes each with a sensor `supply` and the heartbeats `lan` and `link` */
  static async start(nodes: readonly string[] = ["n1"]): Promise<TelemetryStage> {
    const stage = new TelemetryStage();
    await stage.#start(nodes.map(nodeId));
    return stage;
  }

  get data(): string {
    return this.broker.data;
  }

  get service(): Child {
    if (!this.#service) throw new Error("the service does not run");
    return this.#service;
  }

  async startService(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#listener = undefined;
    this.#service = await startNode(MAIN, {
      env: { OUTRIDER_DATA: this.data, OUTRIDER_MQTT_URL: this.broker.url, ...env },
    });
  }

  /** Publishes a batch of the agent. Its time and epoch are those of now unless given. */
  async send(batch: Batch): Promise<void> {
    await this.agent.publish(
      agentReading,
      { agent: AGENT },
      { v: 1, epoch: "e1", at: new Date().toISOString(), ...batch },
    );
  }

  /** Sends until a number is acknowledged, as an agent does. @param batch made anew for each sending, with ages of then */
  async deliver(batch: Batch | (() => Batch)): Promise<void> {
    const made = (): Batch => (typeof batch === "function" ? batch() : batch);
    const { seq } = made();
    const isAcknowledged = (): boolean => this.acks.some((ack) => ack >= seq);
    await eventually(
      `${seq} is acknowledged`,
      async () => {
        if (!isAcknowledged()) await this.send(made());
        return isAcknowledged();
      },
      { everyMs: 100 },
    );
  }

  /** Publishes whatever text as readings of another agent. */
  async raw(payload: string): Promise<void> {
    const { username, password } = await this.broker.identity("agent", "rack-b");
    const client = await connectAsync(this.broker.url, { username, password, protocolVersion: 5 });
    try {
      await client.publishAsync(topicOf(agentReading, { agent: "rack-b" }), payload, { qos: 1 });
    } finally {
      await client.endAsync(true);
    }
  }

  supplies(node: string, power: Partial<PowerState>): void {
    const now = new Date().toISOString();
    const told = {
      evidence: "ReadBack",
      since: now,
      observedAt: now,
      staleAfterMs: 60_000,
    } as const;
    this.power.retain(
      powerState,
      { node },
      { supply: { value: "On", ...told }, host: { value: "Running", ...told }, ...power },
    );
  }

  /** Asks the service's own listener. */
  async page<T>(path: "latest" | "readings" | "events" | "alarms", asked: object): Promise<T> {
    const listener = await eventually("the listener is known", () => this.#listener);
    const reply = await fetch(`${listener.url}/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${listener.token}` },
      body: JSON.stringify(asked),
    });
    if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
    return (await reply.json()) as T;
  }

  async latest(node: string): Promise<NodeSensors> {
    const { nodes } = await this.page<{ nodes: NodeSensors[] }>("latest", { nodes: [node] });
    const [found] = nodes;
    if (!found) throw new Error("no answer");
    return found;
  }

  /** What the store has of a node's voltage: each point with its time, as `[ms, volts]`. */
  async stored(node: string, fromMs: number, toMs: number): Promise<[number, number][]> {
    const page = await this.page<ReadingsPage>("readings", {
      nodes: [node],
      from: new Date(fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      everyMs: 0,
    });
    return page.series
      .filter(({ quantity }) => quantity === "voltageVolts")
      .flatMap(({ points }) =>
        points.map(({ at, last }): [number, number] => [Date.parse(at), last]),
      );
  }

  /** The service's number of metrics by that name, all labels together. */
  async metric(name: string): Promise<number> {
    const listener = await eventually("the listener is known", () => this.#listener);
    const reply = await fetch(`${listener.url}/metrics`, {
      headers: { authorization: `Bearer ${listener.token}` },
    });
    const lines = (await reply.text()).split("\n").filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** The tables of the service, where it does not run. */
  rows(sql: string): unknown[] {
    using database = new DatabaseSync(`${this.data}/telemetry.sqlite`, { readOnly: true });
    return database.prepare(sql).all();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service?.kill("SIGTERM");
    await this.#stack.disposeAsync();
  }

  async #start(nodes: readonly NodeId[]): Promise<void> {
    this.broker = this.#stack.use(await startOutriderBroker());
    await this.broker.identity("agent", AGENT);
    const session = async (
      kind: "person" | "service" | "agent",
      name: string,
    ): Promise<Session> => {
      const { username, password } = await this.broker.identity(kind, name);
      const one = new Session({
        url: this.broker.url,
        clientId: `${kind}-${name}-${randomUUID().slice(0, 8)}`,
        username: kind === "person" ? name : username,
        password,
      });
      this.#stack.defer(() => one.stop());
      return one;
    };
    this.inventory = await session("service", "inventory");
    this.power = await session("service", "power");
    this.console = await session("service", "console");
    this.agent = await session("agent", AGENT);
    this.#person = await session("person", "operator");
    this.#listen();
    const sessions = [this.inventory, this.power, this.console, this.agent, this.#person];
    for (const one of sessions) one.start();
    await Promise.all(sessions.map((one) => one.ready(within())));
    await this.startService();
    this.declare(nodes);
  }

  #listen(): void {
    this.agent.subscribe(agentAck, { agent: AGENT }, ({ payload: { reading } }) => {
      if (reading !== undefined) this.acks.push(reading);
    });
    this.inventory.subscribe(serviceDescription, { service: "telemetry" }, ({ payload }) => {
      this.#listener = payload.listener;
    });
    this.#person.subscribe(nodeTelemetry, {}, ({ payload, parameters: { node } }) => {
      this.telemetry.push({ node, payload });
    });
    this.#person.subscribe(
      nodeStatus,
      {},
      ({ payload, parameters: { node } }) => {
        this.statuses.push({ node, payload });
      },
      { cleared: ({ parameters: { node } }) => void this.cleared.push(node) },
    );
    this.#person.subscribe(nodeEvent, {}, ({ payload, parameters: { node } }) => {
      this.events.push({ node, payload });
    });
  }

  /** What inventory says that there is, and the agent that it has. */
  declare(nodes: readonly NodeId[]): void {
    const driver = "simulated";
    const own = (
      node: NodeId,
    ): { endpoint: EndpointId; port: "sensor" | "heartbeat" | "power" }[] => [
      { endpoint: endpointId(node, "power"), port: "power" },
      { endpoint: endpointId(node, "sensor", "supply"), port: "sensor" },
      { endpoint: endpointId(node, "heartbeat", "lan"), port: "heartbeat" },
      { endpoint: endpointId(node, "heartbeat", "link"), port: "heartbeat" },
    ];
    for (const node of nodes) {
      const bound = (
        kind: string,
      ): { agent: typeof AGENT; endpoint: EndpointId; driver: string }[] =>
        own(node)
          .filter(({ port }) => port === kind)
          .map(({ endpoint }) => ({ agent: AGENT, endpoint, driver }));
      this.inventory.retain(
        nodeDescription,
        { node },
        {
          id: node,
          name: node,
          roles: [],
          labels: {},
          supportedActions: ["On"],
          gracefulLimitMs: 120_000,
          interfaces: {
            power: bound("power"),
            sensor: bound("sensor"),
            heartbeat: bound("heartbeat"),
          },
        },
      );
    }
    const endpoints = nodes.flatMap((node) =>
      own(node).map(({ endpoint, port }) => ({
        endpoint,
        node,
        port,
        driver,
        options: {},
        restore: "None" as const,
        dwellMs: 1000,
        sampleEveryMs: 1000,
        staleAfterMs: STALE_AFTER_MS,
      })),
    );
    this.inventory.retain(agentDesired, { agent: AGENT }, { generation: 1, endpoints });
    this.inventory.retain(
      serviceStatus,
      { service: "inventory" },
      { state: "ready", instance: "i1", version: "0", startedAt: new Date().toISOString() },
    );
    this.agent.retain(
      agentDescription,
      { agent: AGENT },
      {
        epoch: "e1",
        generation: 1,
        endpoints: nodes.map((node) => ({
          endpoint: endpointId(node, "power"),
          node,
          port: "power" as const,
          driver,
          state: "bound" as const,
          actions: ["On" as const],
        })),
        drivers: [],
        fences: {},
      },
    );
    this.agentIs("ready");
  }

  agentIs(state: "ready" | "lost"): void {
    this.agent.retain(
      agentStatus,
      { agent: AGENT },
      { state, epoch: "e1", version: "0", startedAt: new Date().toISOString() },
    );
  }
}

/** A reading of the stage's `supply`, taken `ageMs` ago. */
export function voltageOf(node: string, volts: number, atMs: number, ageMs = 0): EndpointReading {
  return {
    endpoint: endpointId(node, "sensor", "supply"),
    node: nodeId(node),
    at: new Date(atMs).toISOString(),
    ageMs,
    values: { voltageVolts: volts },
  };
}

/** A look of one of the stage's heartbeats, as of now. */
export function lookOf(node: string, name: "lan" | "link", alive: boolean): EndpointReading {
  return {
    endpoint: endpointId(node, "heartbeat", name),
    node: nodeId(node),
    at: new Date().toISOString(),
    ageMs: 0,
    heartbeat: { proves: name === "lan" ? "network" : "link", alive },
  };
}
