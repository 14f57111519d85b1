import {
  agentCommand,
  agentDescription,
  agentEvent,
  agentStatus,
  type AgentCommand,
  type CommandReport,
  type DescribedEndpoint,
  type EndpointAction,
  type Observation,
} from "@outrider/contracts/agent";
import { consoleState, type ConsoleStage } from "@outrider/contracts/console";
import { sitePolicy, type PowerDomain, type SitePolicy } from "@outrider/contracts/fleet";
import { agentId, commandId, endpointId, nodeId, type NodeId } from "@outrider/contracts/ids";
import { nodeLock, type NodeLock } from "@outrider/contracts/lock";
import { nodeDescription } from "@outrider/contracts/node";
import {
  powerResult,
  powerState,
  type Action,
  type Host,
  type PowerResult,
  type PowerState,
  type Supply,
} from "@outrider/contracts/power";
import { commandNode, type NodeCommand } from "@outrider/contracts/transition";
import { presenceOf } from "@outrider/messaging/presence";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";

const agent = agentId("a1");
const at = "2026-11-23T00:00:00.000Z";
const endpointOf = (node: NodeId) => endpointId(node, "power");

/** The power service as a process, between people who are known and an agent and an inventory that the test plays. */
export class FleetStage {
  readonly results: (PowerResult & { readonly node: string })[] = [];
  /** Each command once, in the order in which the agent got them. */
  readonly commands: AgentCommand[] = [];
  readonly deliveries: AgentCommand[] = [];
  readonly states = new Map<string, PowerState>();
  readonly nodes: readonly NodeId[];
  service!: Child;
  inventory!: Session;
  agent!: Session;
  asking!: RequestClient;
  /** Played by the test as well, where there are consoles. */
  consoleService!: Session;
  #actions: readonly EndpointAction[] = ["On", "ForceOff", "PowerCycle", "PushPowerButton"];
  #consoles = false;
  readonly #sessions: Session[] = [];
  #seq = 0;

  private constructor(
    readonly broker: TestBroker,
    readonly data: TempDir,
    count: number,
  ) {
    this.nodes = Array.from({ length: count }, (_, index) => nodeId(`n${index}`));
  }

  static async start(
    options: {
      readonly nodes?: number;
      readonly roles?: readonly string[];
      readonly policy?: Partial<SitePolicy>;
      readonly locks?: Readonly<Record<string, NodeLock>>;
      /** What the supplies can be told. */
      readonly actions?: readonly EndpointAction[];
      /** Whether the nodes have consoles, by which they can be shut down. */
      readonly consoles?: boolean;
    } = {},
  ): Promise<FleetStage> {
    const stage = new FleetStage(await startTestBroker(), await tempDir(), options.nodes ?? 4);
    if (options.actions) stage.#actions = options.actions;
    if (options.consoles) {
      stage.#consoles = true;
      stage.consoleService = stage.#session("console");
    }
    stage.inventory = stage.#session("inventory");
    stage.inventory.retain(sitePolicy, {}, policyOf(options.policy));
    for (const [node, lock] of Object.entries(options.locks ?? {}))
      stage.inventory.retain(nodeLock, { node }, lock);
    for (const node of stage.nodes) stage.#describe(node, options.roles ?? []);
    const people = stage.#session("gateway");
    stage.asking = new RequestClient(people, "gateway");
    people.subscribe(powerResult, {}, ({ payload, parameters }) => {
      stage.results.push({ ...payload, node: parameters.node });
    });
    people.subscribe(powerState, {}, ({ payload, parameters }) => {
      stage.states.set(parameters.node, payload);
    });
    await stage.inventory.ready(within());
    await people.ready(within());
    await stage.#startAgent();
    await stage.startService();
    return stage;
  }

  async startService(env: Record<string, string> = {}): Promise<void> {
    // What a former process said says nothing of this one.
    this.states.clear();
    this.service = await startNode(import.meta.resolve("../main.js"), {
      env: { OUTRIDER_MQTT_URL: this.broker.url, OUTRIDER_DATA: this.data.path, ...env },
    });
  }

  async stop(): Promise<void> {
    await this.service.kill();
    for (const session of this.#sessions) await session.stop();
    await this.broker.stop();
    await this.data.remove();
  }

  policy(policy: Partial<SitePolicy>): void {
    this.inventory.retain(sitePolicy, {}, policyOf(policy));
  }

  lock(node: NodeId, lock: NodeLock): void {
    this.inventory.retain(nodeLock, { node }, lock);
  }

  /** Inventory says nothing of a lock any more, as before it has started. */
  unlock(node: NodeId): void {
    this.inventory.retain(nodeLock, { node }, undefined);
  }

  /** The agent sees a node, until the service says so. */
  see(supply: Supply, ...nodes: readonly NodeId[]): Promise<void> {
    return this.seeHost(supply, supply === "On" ? "Running" : "Unknown", ...nodes);
  }

  /** The same with what the driver says of the host. */
  async seeHost(supply: Supply, host: Host, ...nodes: readonly NodeId[]): Promise<void> {
    await eventually(`${nodes.join()} are ${supply}`, async () => {
      const observations = nodes.map((node) => ({ ...observationOf(node, supply), host }));
      await this.agent.publish(agentEvent, { agent }, { v: 1, epoch: "e", at, observations });
      return nodes.every((node) => this.states.get(node)?.supply.value === supply);
    });
  }

  /** The console of a node shows how far its host is, as of now. */
  show(node: NodeId, stage: ConsoleStage, staleAfterMs = 60_000): void {
    const now = new Date().toISOString();
    this.consoleService.retain(
      consoleState,
      { node },
      {
        link: { value: "Up", since: at },
        stage: { value: stage, since: now },
        viewers: 0,
        observedAt: now,
        staleAfterMs,
      },
    );
  }

  /** The state of a node as it is told in the end. */
  state(node: NodeId, fits: (state: PowerState) => boolean): Promise<PowerState> {
    return eventually(`the state of ${node} fits`, () => {
      const state = this.states.get(node);
      return state && fits(state) ? state : undefined;
    });
  }

  /** Asks for an action as the gateway does, and gives the first answer. */
  async ask(
    node: NodeId,
    action: Action,
    rest: Partial<NodeCommand> & {
      readonly actor?: string;
      readonly id?: string;
      readonly ttlMs?: number;
      readonly reason?: string;
    } = {},
  ): Promise<PowerResult> {
    const { actor = "person:ada", id, ttlMs, reason, ...more } = rest;
    const set = {
      action,
      ...(id === undefined ? {} : { id: commandId(id) }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(reason === undefined ? {} : { reason }),
    };
    const body = { node, set, ...more };
    return (await this.asking.ask(commandNode, body, { actor, via: "rest" })).result;
  }

  command(index: number): Promise<AgentCommand> {
    return eventually(`command ${index} reaches the agent`, () => this.commands[index]);
  }

  terminal(id: string): Promise<PowerResult> {
    return eventually(`${id} ends`, () =>
      this.results.find((one) => one.id === id && one.terminal),
    );
  }

  said(id: string, words: string): Promise<PowerResult> {
    return eventually(`${words} is said of ${id}`, () =>
      this.results.find((one) => one.id === id && one.detail?.includes(words)),
    );
  }

  async report(command: AgentCommand, rest: Partial<CommandReport> = {}): Promise<void> {
    const { id, endpoint, action } = command;
    await this.agent.publish(
      agentEvent,
      { agent },
      {
        v: 1,
        epoch: "e",
        at,
        seq: ++this.#seq,
        command: { id, endpoint, action, status: "Succeeded", terminal: true, ...rest },
      },
    );
  }

  /** The agent says what it has. */
  describeAgent(consoles: "bound" | "failed" = "bound"): void {
    const endpoints = this.nodes.flatMap((node): DescribedEndpoint[] => [
      {
        endpoint: endpointOf(node),
        node,
        port: "power",
        driver: "simulated",
        state: "bound",
        actions: [...this.#actions],
      },
      ...(this.#consoles
        ? [
            {
              endpoint: endpointId(node, "console"),
              node,
              port: "console" as const,
              driver: "simulated",
              state: consoles,
              actions: consoles === "bound" ? ["GracefulShutdown" as const] : [],
              ...(consoles === "bound" ? {} : { reason: "the line is not there" }),
            },
          ]
        : []),
    ]);
    const description = { epoch: "e", generation: 1, drivers: [], fences: {}, endpoints };
    this.agent.retain(agentDescription, { agent }, description);
  }

  #describe(node: NodeId, roles: readonly string[]): void {
    this.inventory.retain(
      nodeDescription,
      { node },
      {
        id: node,
        name: node,
        roles: [...roles],
        labels: {},
        supportedActions: [],
        gracefulLimitMs: 1000,
        interfaces: {
          power: [{ agent, endpoint: endpointOf(node), driver: "simulated" }],
          ...(this.#consoles
            ? { console: [{ agent, endpoint: endpointId(node, "console"), driver: "simulated" }] }
            : {}),
        },
      },
    );
  }

  async #startAgent(): Promise<void> {
    const status = (state: "ready" | "lost") => (epoch: string) => ({
      state,
      epoch,
      version: "1",
      startedAt: at,
    });
    this.agent = new Session({
      url: this.broker.url,
      clientId: "agent-a1",
      presence: presenceOf(
        agentStatus,
        { agent },
        { birth: status("ready"), will: status("lost") },
      ),
    });
    this.#sessions.push(this.agent);
    this.agent.subscribe(agentCommand, { agent }, ({ payload }) => {
      this.deliveries.push(payload);
      // A service that hears nothing sends the same again.
      if (!this.commands.some(({ id }) => id === payload.id)) this.commands.push(payload);
    });
    this.describeAgent();
    this.agent.start();
    await this.agent.ready(within());
  }

  #session(clientId: string): Session {
    const session = new Session({ url: this.broker.url, clientId });
    this.#sessions.push(session);
    session.start();
    return session;
  }
}

/** A domain over nodes, without limits but those that are named. */
export function domainOf(
  nodes: readonly NodeId[],
  limits: Partial<PowerDomain>,
): SitePolicy["powerDomains"] {
  return {
    "psu-a": {
      nodes: [...nodes],
      startSpacingMs: 0,
      startDurationMs: 0,
      oneAgent: true,
      ...limits,
    },
  };
}

function policyOf(policy: Partial<SitePolicy> = {}): SitePolicy {
  return { site: "lab", powerDomains: {}, roles: {}, draws: {}, ...policy };
}

function observationOf(node: NodeId, supply: Supply): Observation {
  return {
    endpoint: endpointOf(node),
    supply,
    supplyEvidence: "ReadBack",
    supplySince: at,
    host: supply === "On" ? "Running" : "Unknown",
    hostEvidence: "ReadBack",
    hostSince: at,
    observedAt: at,
    staleAfterMs: 60_000,
  };
}
