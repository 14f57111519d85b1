import {
  agentCommand,
  agentDescription,
  agentEvent,
  agentStatus,
  type AgentCommand,
  type CommandReport,
  type DescribedEndpoint,
  type Observation,
} from "@outrider/contracts/agent";
import { sitePolicy, type SitePolicy } from "@outrider/contracts/fleet";
import { agentId, endpointId, nodeId, type CommandId, type NodeId } from "@outrider/contracts/ids";
import { nodeLock, type NodeLock } from "@outrider/contracts/lock";
import { nodeDescription, nodeEvent, type NodeEvent } from "@outrider/contracts/node";
import { powerState } from "@outrider/contracts/power";
import { serviceEvent, type Operation, type ServiceEvent } from "@outrider/contracts/service-plane";
import {
  createTransition,
  getTransition,
  type Transition,
  type TransitionRequest,
  type TransitionTask,
} from "@outrider/contracts/transition";
import { presenceOf } from "@outrider/messaging/presence";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";

const agent = agentId("a1");
const at = "2026-11-23T00:00:00.000Z";

/** What the agent of the stage does with a command. */
export type Behaviour = "succeed" | "fail" | "hold";

export interface StageOptions {
  readonly nodes: number;
  readonly roles?: (number: number) => string[];
  readonly policy?: Partial<SitePolicy>;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * The power service as a process of its own on a real broker, between somebody who asks for transitions and an agent
 * that the test plays: it acts at most once per command id, as agents do.
 */
export class Stage implements AsyncDisposable {
  /** Each command that the agent acted upon, in their order. */
  readonly acted: {
    readonly node: NodeId;
    readonly command: AgentCommand;
    readonly atMs: number;
  }[] = [];
  readonly events: ServiceEvent[] = [];
  readonly nodeEvents: NodeEvent[] = [];
  behave: (node: NodeId, command: AgentCommand) => Behaviour = () => "succeed";
  /** What the agent sees while the service starts. */
  seenAtStart: "On" | "Off" = "On";
  service!: Child;
  readonly #known = new Map<CommandId, "held" | CommandReport>();
  readonly #supplies = new Map<string, string>();
  readonly #sessions: Session[] = [];
  #agent!: Session;
  #inventory!: Session;
  #client!: RequestClient;
  #seq = 0;

  private constructor(
    readonly broker: TestBroker,
    readonly data: TempDir,
    private readonly options: StageOptions,
  ) {}

  static async start(options: StageOptions): Promise<Stage> {
    const stage = new Stage(await startTestBroker(), await tempDir(), options);
    await stage.#start();
    return stage;
  }

  get nodes(): NodeId[] {
    return Array.from({ length: this.options.nodes }, (_, index) => nodeId(`n${index + 1}`));
  }

  async startService(more: Record<string, string> = {}): Promise<void> {
    this.#supplies.clear();
    this.service = await startNode(import.meta.resolve("../../main.js"), {
      env: {
        OUTRIDER_MQTT_URL: this.broker.url,
        OUTRIDER_DATA: this.data.path,
        ...this.options.environment,
        ...more,
      },
    });
    const knows = async (): Promise<boolean> => {
      await this.see(this.seenAtStart);
      return this.#supplies.size === this.options.nodes;
    };
    await eventually("the service knows every supply", knows, { everyMs: 100 });
  }

  /** As the gateway asks, for a user. */
  ask<Request extends object, Reply extends object>(
    operation: Operation<Request, Reply>,
    body: NoInfer<Request>,
    actor = "user:anna",
  ): Promise<Reply> {
    return this.#client.ask(operation, body, { actor, via: "rest", withinMs: 10_000 });
  }

  create(body: TransitionRequest, actor?: string): Promise<Transition> {
    return this.ask(createTransition, body, actor);
  }

  /** All tasks, page by page. */
  async tasks(id: CommandId): Promise<Map<string, TransitionTask>> {
    const tasks = new Map<string, TransitionTask>();
    let cursor: string | undefined;
    do {
      const page = await this.ask(getTransition, { id, limit: 50, ...(cursor ? { cursor } : {}) });
      for (const task of page.tasks) tasks.set(task.node, task);
      cursor = page.next;
    } while (cursor !== undefined);
    return tasks;
  }

  async transition(id: CommandId): Promise<Transition> {
    return (await this.ask(getTransition, { id, limit: 1 })).transition;
  }

  ended(id: CommandId): Promise<Transition> {
    return eventually(
      `transition ${id} ends`,
      async () => {
        const transition = await this.transition(id);
        return transition.endedAt === undefined ? undefined : transition;
      },
      { withinMs: 60_000, everyMs: 50 },
    );
  }

  /** The agent sees every node: its supply is on, or as given. */
  async see(supply: "On" | "Off" = "On", nodes: readonly NodeId[] = this.nodes): Promise<void> {
    for (let from = 0; from < nodes.length; from += 100) {
      await this.#see(supply, nodes.slice(from, from + 100));
    }
  }

  async #see(supply: "On" | "Off", nodes: readonly NodeId[]): Promise<void> {
    await this.#agent.publish(
      agentEvent,
      { agent },
      {
        v: 1,
        epoch: this.#agent.epoch ?? "e",
        at,
        observations: nodes.map((node): Observation => ({
          endpoint: endpointId(node, "power"),
          supply,
          supplyEvidence: "ReadBack",
          supplySince: at,
          host: "Running",
          hostEvidence: "ReadBack",
          hostSince: at,
          observedAt: at,
          staleAfterMs: 600_000,
        })),
      },
    );
  }

  /** Somebody takes a node's lock; the service may hear of it a moment later. */
  lock(node: NodeId, lock: NodeLock): void {
    this.#inventory.retain(nodeLock, { node }, lock);
  }

  /** Ends what the agent holds. */
  async release(): Promise<void> {
    for (const { node, command } of this.acted) {
      if (this.#known.get(command.id) === "held") await this.#finish(node, command, "succeed");
    }
  }

  /** As the service publishes it. */
  supplyOf(node: string): string | undefined {
    return this.#supplies.get(node);
  }

  actedOn(node: string): number {
    return this.acted.filter((one) => one.node === node).length;
  }

  async stop(): Promise<void> {
    await this.service.kill();
    for (const session of this.#sessions) await session.stop();
    await this.broker.stop();
    await this.data.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    const inventory = this.#session("inventory");
    this.#inventory = inventory;
    const { policy = {}, roles = () => [] } = this.options;
    inventory.retain(
      sitePolicy,
      {},
      { site: "lab", powerDomains: {}, roles: {}, draws: {}, ...policy },
    );
    for (const node of this.nodes) {
      inventory.retain(
        nodeDescription,
        { node },
        {
          id: node,
          name: node,
          roles: roles(Number(node.slice(1))),
          labels: {},
          supportedActions: [],
          gracefulLimitMs: 1000,
          interfaces: {
            power: [{ agent, endpoint: endpointId(node, "power"), driver: "simulated" }],
          },
        },
      );
    }
    const gateway = this.#session("gateway");
    this.#client = new RequestClient(gateway, "gateway");
    gateway.subscribe(serviceEvent, {}, ({ payload }) => {
      if (payload.kind === "transition") this.events.push(payload);
    });
    gateway.subscribe(nodeEvent, {}, ({ payload }) => void this.nodeEvents.push(payload));
    gateway.subscribe(powerState, {}, ({ payload, parameters }) => {
      if (payload.supply.value !== "Unknown") {
        this.#supplies.set(parameters.node, payload.supply.value);
      }
    });
    await gateway.ready(within());
    await this.#startAgent();
    await this.startService();
  }

  async #startAgent(): Promise<void> {
    const session = new Session({
      url: this.broker.url,
      clientId: "agent-a1",
      presence: presenceOf(
        agentStatus,
        { agent },
        {
          birth: (epoch) => ({ state: "ready" as const, epoch, version: "1", startedAt: at }),
          will: (epoch) => ({ state: "lost" as const, epoch, version: "1", startedAt: at }),
        },
      ),
    });
    this.#agent = session;
    this.#sessions.push(session);
    session.subscribe(agentCommand, { agent }, ({ payload, parameters }) => {
      const node = nodeId(parameters.endpoint.slice(0, parameters.endpoint.indexOf(".")));
      return this.#take(node, payload);
    });
    session.retain(
      agentDescription,
      { agent },
      {
        epoch: "e",
        generation: 1,
        drivers: [],
        fences: {},
        endpoints: this.nodes.map((node): DescribedEndpoint => ({
          endpoint: endpointId(node, "power"),
          node,
          port: "power",
          driver: "simulated",
          state: "bound",
          actions: ["On", "ForceOff", "PowerCycle", "PushPowerButton"],
        })),
      },
    );
    session.start();
    await session.ready(within());
  }

  async #take(node: NodeId, command: AgentCommand): Promise<void> {
    const known = this.#known.get(command.id);
    if (known === "held") return;
    if (known) return this.#report(known);
    this.acted.push({ node, command, atMs: performance.now() });
    const behaviour = this.behave(node, command);
    if (behaviour === "hold") this.#known.set(command.id, "held");
    else await this.#finish(node, command, behaviour);
  }

  async #finish(node: NodeId, command: AgentCommand, how: "succeed" | "fail"): Promise<void> {
    const report: CommandReport = {
      id: command.id,
      endpoint: endpointId(node, "power"),
      action: command.action,
      terminal: true,
      ...(how === "succeed"
        ? { status: "Succeeded" }
        : { status: "Failed", reasonCode: "refused", detail: "the slot refuses" }),
    };
    this.#known.set(command.id, report);
    await this.#report(report);
  }

  async #report(report: CommandReport): Promise<void> {
    await this.#agent.publish(
      agentEvent,
      { agent },
      { v: 1, epoch: this.#agent.epoch ?? "e", at, seq: ++this.#seq, command: report },
    );
  }

  #session(clientId: string): Session {
    const session = new Session({ url: this.broker.url, clientId });
    this.#sessions.push(session);
    session.start();
    return session;
  }
}
