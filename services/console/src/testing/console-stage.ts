import { once } from "node:events";
import type { ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import {
  consolePolicies,
  consoleState,
  type ConsolePolicy,
  type ConsoleState,
} from "@outrider/contracts/console";
import { systemClock } from "@outrider/contracts/clock";
import type { Right } from "@outrider/contracts/identity";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import { nodeDescription, nodeEvent, type NodeEvent } from "@outrider/contracts/node";
import { ServiceListener, serviceDescription } from "@outrider/contracts/service-plane";
import type { ConsoleCondition } from "@outrider/console-link/console-stream";
import { LinkClient } from "@outrider/console-link/link-client";
import { microClock } from "@outrider/console-link/micro-clock";
import { MemoryLine } from "@outrider/console-link/testing/memory-line";
import { MemorySource } from "@outrider/console-link/testing/memory-source";
import { openIdentity, type OpenIdentity } from "@outrider/identity/open-identity";
import { addCredential, readSecret } from "@outrider/identity/credentials";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { WebSocket } from "ws";
import { defaultPolicy } from "../state/declared-consoles.js";

const AGENT = { kind: "agent", name: "rack-a" } as const;

/** The console service as a process, between a broker and the parts that the test plays: inventory, gateway, an agent. */
export class ConsoleStage {
  service!: Child;
  inventory!: Session;
  gateway!: Session;
  asking!: RequestClient;
  agent!: LinkClient;
  readonly lines = new Map<string, MemoryLine>();
  readonly states = new Map<string, ConsoleState>();
  readonly events: (NodeEvent & { readonly node: string })[] = [];
  /** The node that is meant where none is named. */
  current = "";
  #listener: ServiceListener | undefined;
  #identity: Promise<OpenIdentity> | undefined;
  readonly #stack = new AsyncDisposableStack();

  private constructor(
    readonly broker: TestBroker,
    readonly data: TempDir,
    readonly nodes: readonly string[],
  ) {}

  static async start(
    nodes: readonly string[] = ["n1"],
    policy: Partial<ConsolePolicy> = {},
    prepare: (data: string) => void = () => undefined,
  ): Promise<ConsoleStage> {
    const stage = new ConsoleStage(await startTestBroker(), await tempDir(), nodes);
    [stage.current = ""] = nodes;
    stage.#stack.use(stage.broker);
    stage.#stack.defer(() => stage.data.remove());
    prepare(stage.data.path);
    await addCredential(stage.data.path, AGENT);
    stage.inventory = stage.session("inventory");
    stage.gateway = stage.session("gateway");
    stage.asking = new RequestClient(stage.gateway, "gateway");
    stage.gateway.subscribe(serviceDescription, { service: "console" }, ({ payload }) => {
      stage.#listener = payload.listener;
    });
    stage.gateway.subscribe(consoleState, {}, ({ payload, parameters: { node } }) => {
      stage.states.set(node, payload);
    });
    stage.gateway.subscribe(nodeEvent, {}, ({ payload, parameters: { node } }) => {
      stage.events.push({ ...payload, node });
    });
    for (const node of nodes) stage.describe(node);
    stage.declare(policy);
    await stage.inventory.ready(within());
    await stage.gateway.ready(within());
    await stage.startService();
    await stage.startAgent();
    return stage;
  }

  /** Goes on with the next node, which nobody has been at yet, with everything at work. */
  async turn(): Promise<void> {
    const next = this.nodes[this.nodes.indexOf(this.current) + 1];
    if (next === undefined) throw new Error("there are more tests than nodes");
    this.current = next;
    // A try that failed may have left them ended.
    if (!this.service.running) {
      await this.agent.stop();
      await this.startService();
    }
    if (this.agent.state.detail === "stopped") {
      this.states.clear();
      await this.startAgent();
    }
  }

  get state(): ConsoleState | undefined {
    return this.states.get(this.current);
  }

  /** What the inventory says of a node. */
  describe(node: string, agent: string = AGENT.name): void {
    this.inventory.retain(
      nodeDescription,
      { node },
      {
        id: nodeId(node),
        name: `Machine ${node}`,
        roles: [],
        labels: {},
        supportedActions: ["On", "ForceOff", "PowerCycle"],
        gracefulLimitMs: 120_000,
        interfaces: {
          console: [
            { agent: agentId(agent), endpoint: endpointId(node, "console"), driver: "tcp" },
          ],
        },
      },
    );
  }

  /** What the site says of all consoles. */
  declare(policy: Partial<ConsolePolicy>): void {
    const one = { ...defaultPolicy(agentId(AGENT.name), "tcp"), ...policy };
    this.inventory.retain(
      consolePolicies,
      {},
      { nodes: Object.fromEntries(this.nodes.map((node) => [node, one])), rules: {} },
    );
  }

  async startService(env: Record<string, string> = {}): Promise<void> {
    this.#listener = undefined;
    this.service = await startNode(import.meta.resolve("../main.js"), {
      env: {
        OUTRIDER_MQTT_URL: this.broker.url,
        OUTRIDER_DATA: this.data.path,
        OUTRIDER_CONSOLE_LINK_PORT: "0",
        OUTRIDER_SSH_PORT: "0",
        ...env,
      },
    });
  }

  get linkPort(): number {
    return Number(this.service.ready["linkPort"]);
  }

  /**
   * The agent with a console for each node; what they have said stays theirs over its restarts.
   * @param aheadMs how wrong its clock is
   * @param condition what it says of each device beside that it is up
   */
  async startAgent(aheadMs = 0, condition: Partial<ConsoleCondition> = {}): Promise<void> {
    const micros = microClock(systemClock);
    this.agent = new LinkClient({
      host: "127.0.0.1",
      port: this.linkPort,
      agent: agentId(AGENT.name),
      secret: await readSecret(this.data.path, AGENT),
      clock: systemClock,
      nowMicros: () => micros() + aheadMs * 1000,
    });
    for (const node of this.nodes) {
      const line = this.lines.get(node) ?? new MemoryLine(node, new MemorySource(`s-${node}`));
      line.change({ up: true, abilities: ["break", "dtr", "rts", "line", "purge"], ...condition });
      this.lines.set(node, line);
      this.agent.add(line);
    }
    this.agent.start();
    await eventually("the consoles can be reached", () =>
      this.nodes.every((node) => this.states.get(node)?.link.value === "Up"),
    );
  }

  line(node = this.current): MemoryLine {
    const line = this.lines.get(node);
    if (!line) throw new Error(`${node} has no console here`);
    return line;
  }

  /** The machine says something. */
  say(text: string | Uint8Array, node = this.current): void {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    this.line(node).source.append(bytes, Date.now() * 1000);
  }

  /** What was typed at the machine so far. */
  typed(node = this.current): string {
    return this.line(node)
      .taken.filter((one) => typeof one === "string")
      .join("");
  }

  async listener(): Promise<ServiceListener> {
    return eventually("the service says where it listens", () => this.#listener);
  }

  async get(path: string): Promise<Response> {
    const { url, token } = await this.listener();
    return fetch(url + path, { headers: { authorization: `Bearer ${token}` }, signal: within() });
  }

  /** Attaches as the gateway does for somebody. */
  async attach(actor: string, options: AttachSettings = {}): Promise<TestClient> {
    const {
      node = this.current,
      headers = {},
      rights = ALL,
      nodes,
      known = true,
      ...query
    } = options;
    const { url, token } = await this.listener();
    const text = new URLSearchParams({ replay: "none", ...query }).toString();
    const name = actor.slice(actor.indexOf(":") + 1);
    if (known) await this.know(name);
    const socket = new WebSocket(`${url}/consoles/${node}/attach?${text}`, ["outrider.v1"], {
      headers: {
        authorization: `Bearer ${token}`,
        "outrider-actor": actor,
        "outrider-subject": JSON.stringify({
          kind: "person",
          name,
          rights,
          ...(nodes ? { nodes } : {}),
        }),
        "outrider-from": "192.0.2.7",
        ...headers,
      },
    });
    const client = new TestClient(socket);
    this.#stack.defer(() => socket.terminate());
    await once(socket, "open", { signal: within() });
    return client;
  }

  /** Puts somebody into the store of people, with all rights, unless the test has done so. */
  async know(name: string): Promise<void> {
    this.#identity ??= openIdentity({ dataDirectory: this.data.path });
    const { store } = await this.#identity;
    await store.refresh();
    if (store.held.people.has(name)) return;
    // Nobody signs in here: the stage is the gateway.
    await store.people.insert({ name, role: "administrator" }, "no password", false);
  }

  session(clientId: string): Session {
    const session = new Session({ url: this.broker.url, clientId });
    this.#stack.defer(() => session.stop());
    session.start();
    return session;
  }

  async stop(): Promise<void> {
    await this.agent.stop();
    await this.service.kill();
    await (await this.#identity)?.close();
    await this.#stack.disposeAsync();
  }
}

/** Nodes for so many tests that {@link ConsoleStage.turn} to the next, each of which may have a second try. */
export function nodesFor(tests: number): string[] {
  return Array.from({ length: 1 + 2 * tests }, (_, at) => `n${at}`);
}

const ALL: readonly Right[] = ["read", "console-read", "console-write", "power"];

export interface AttachSettings {
  readonly node?: string;
  readonly mode?: string;
  readonly replay?: string;
  readonly escape?: string;
  readonly raw?: string;
  readonly way?: string;
  readonly rights?: readonly Right[];
  readonly nodes?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether they are in the store of people. */
  readonly known?: boolean;
}

/** Somebody at a console by WebSocket. */
export class TestClient {
  readonly tolds: ConsoleTold[] = [];
  readonly chunks: Buffer[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  #ref = 0;

  constructor(readonly socket: WebSocket) {
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.chunks.push(data as Buffer);
      else this.tolds.push(JSON.parse((data as Buffer).toString()) as ConsoleTold);
    });
    socket.on("close", (code, reason) => (this.closed = { code, reason: reason.toString() }));
    socket.on("error", () => undefined);
  }

  /** The last of what it saw. */
  get tail(): string {
    const last: Buffer[] = [];
    let bytes = 0;
    for (let at = this.chunks.length - 1; at >= 0 && bytes < 65_536; at -= 1) {
      const chunk = this.chunks[at] as Buffer;
      last.unshift(chunk);
      bytes += chunk.length;
    }
    return Buffer.concat(last).toString("utf8");
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  get text(): string {
    return this.bytes.toString("utf8");
  }

  type(text: string | Uint8Array): void {
    this.socket.send(Buffer.from(text as string), { binary: true });
  }

  async ask(ask: ConsoleAsk): Promise<ConsoleTold> {
    const ref = (this.#ref += 1);
    this.socket.send(JSON.stringify({ ...ask, ref }));
    return eventually(`${ask.ask} is answered`, () =>
      this.tolds.find((one) => one.ref === ref && (one.told === "done" || one.told === "refused")),
    );
  }

  async hears(told: ConsoleTold["told"], text: RegExp | string = ""): Promise<ConsoleTold> {
    return eventually(`it is told ${told} ${String(text)}`, () =>
      this.tolds.find((one) => one.told === told && (one.text ?? "").search(text) >= 0),
    );
  }

  async sees(text: string): Promise<void> {
    await eventually(`it sees ${JSON.stringify(text)}`, () => this.tail.includes(text));
  }
}
