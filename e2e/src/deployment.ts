import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AGENT_NODE_OPTIONS } from "@outrider/agent/node-options";
import { agentStatus } from "@outrider/contracts/agent";
import { nodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import { serviceStatus } from "@outrider/contracts/service";
import type { Simulator } from "@outrider/simulators/spawn";
import { startTestBroker } from "@outrider/testing/broker";
import { startCuttingProxy, type CuttingProxy } from "@outrider/testing/cutting-proxy";
import { tempDir } from "@outrider/testing/temp-dir";
import { Bus } from "./bus.js";
import { Disk } from "./disk.js";
import { Rest } from "./fleet/rest.js";
import { Identities } from "./identities.js";
import { startMachines, type Machines, type MachinesOptions } from "./machines.js";
import { NodeUnderTest } from "./node-under-test.js";
import { Part } from "./part.js";
import { isWired, siteText, type NodeSpec } from "./site.js";

const PROGRAMS = {
  broker: import.meta.resolve("@outrider/broker/main"),
  inventory: import.meta.resolve("@outrider/inventory-service/main"),
  power: import.meta.resolve("@outrider/power-service/main"),
  telemetry: import.meta.resolve("@outrider/telemetry-service/main"),
  console: import.meta.resolve("@outrider/console-service/main"),
  gateway: import.meta.resolve("@outrider/gateway-service/main"),
  agent: import.meta.resolve("@outrider/agent/main"),
};

/** Parts that can be put behind a proxy which cuts their connection to the broker. `console` is there with consoles. */
export type Cuttable = "power" | "inventory" | "agent" | "console";

export interface DeploymentOptions extends MachinesOptions {
  /** By id. */
  readonly nodes: Readonly<Record<string, NodeSpec>>;
  /** `mosquitto`: Debian's, where everybody may do everything. Default: ours. */
  readonly broker?: "outrider" | "mosquitto";
  /** Ids of agents, each a process; default `lab` alone. */
  readonly agents?: readonly string[];
  /** Is handed all that crosses the wires of `cuttable` parts, with the sender and its connection. */
  readonly tap?: (bytes: Buffer, from: object) => void;
  /** Parts that reach the broker through a proxy. `agent` is the first one. */
  readonly cuttable?: readonly Cuttable[];
  /** A disk of its own for everybody's data, of this size as `mount` has it (`64m`). Only as root. */
  readonly disk?: string;
  /** Whether there is a gateway, for REST and WebSockets. */
  readonly gateway?: boolean;
  /** Whether the agents reach the console service through a proxy. */
  readonly cuttableLink?: boolean;
  /** Further keys of the site file, such as `consoleRules`. */
  readonly site?: Readonly<Record<string, unknown>>;
  /** Environment of a part beside what the deployment gives it, at every start. `agent` is for all of them. */
  readonly environment?: Readonly<
    Partial<Record<keyof typeof PROGRAMS, Readonly<Record<string, string>>>>
  >;
}

/**
 * A whole Outrider as it is installed with its parts apart: broker, inventory, power, telemetry, agents and machines, each
 * a process of its own, with real credentials, in a folder of its own and on a port of its own.
 */
export class Deployment implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #parts: Part[] = [];
  readonly #nodes = new Map<string, NodeUnderTest>();
  readonly #proxies = new Map<Cuttable, CuttingProxy>();
  readonly #agents = new Map<string, Part>();
  #machines: Machines = {};
  #disk: Disk | undefined;
  #link: CuttingProxy | undefined;
  #linkPort = 0;
  #sshPort = 0;
  #site: { readonly agents: readonly string[]; readonly nodes: DeploymentOptions["nodes"] };
  #bus: Bus | undefined;
  #folder = "";
  #port = 0;

  private constructor(private readonly options: DeploymentOptions) {
    const { agents = ["lab"], nodes } = options;
    this.#site = { agents, nodes };
  }

  /** Resolves when every node can be managed and its supply is known. @throws Error with the last words of all parts */
  static async start(options: DeploymentOptions): Promise<Deployment> {
    const deployment = new Deployment(options);
    try {
      await deployment.#start();
      return deployment;
    } catch (error) {
      const words = deployment.lastWords();
      await deployment[Symbol.asyncDispose]();
      throw new Error(`the deployment did not start\n${words}`, { cause: error });
    }
  }

  /** Of the broker, the same across its restarts. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** OUTRIDER_DATA of all parts. Agents keep theirs in `agent-<id>`. */
  get data(): string {
    return join(this.#folder, "data");
  }

  get siteFile(): string {
    return join(this.#folder, "site.yaml");
  }

  /** The operator's ears and mouth. */
  get bus(): Bus {
    return given(this.#bus, "the bus");
  }

  get rack(): Simulator {
    return given(this.#machines.rack, "the rack");
  }

  get chassis(): Simulator {
    return given(this.#machines.chassis, "the chassis");
  }

  get chassisDirectory(): string {
    return join(this.#folder, "chassis");
  }

  get broker(): Part {
    return this.#part("broker");
  }

  get inventory(): Part {
    return this.#part("inventory");
  }

  get power(): Part {
    return this.#part("power");
  }

  get telemetry(): Part {
    return this.#part("telemetry");
  }

  get console(): Part {
    return this.#part("console");
  }

  get gateway(): Part {
    return this.#part("gateway");
  }

  /** What everybody's data is on, where it is a disk of its own. */
  get disk(): Disk {
    return given(this.#disk, "disk of its own");
  }

  /** An operator at the gateway. */
  async rest(): Promise<Rest> {
    const { username, password } = await this.identities.secret("person", "operator");
    return Rest.signedIn(String(this.gateway.ready["url"]), username, password);
  }

  /** Where the console service takes SSH, the same across its restarts. */
  get sshPort(): number {
    return this.#sshPort;
  }

  /** The wire between the agents and the console service, where it was declared cuttable. */
  get link(): CuttingProxy {
    return given(this.#link, "the link");
  }

  /** @param id default: the first one */
  agent(id?: string): Part {
    return given(id === undefined ? [...this.#agents.values()][0] : this.#agents.get(id), "agent");
  }

  /** The wire between a part and the broker. Only of parts that were declared cuttable. */
  wire(part: Cuttable): CuttingProxy {
    return given(this.#proxies.get(part), `the wire of ${part}`);
  }

  node(id: string): NodeUnderTest {
    return given(this.#nodes.get(id), id);
  }

  /** Those that are wired. */
  get nodes(): readonly NodeUnderTest[] {
    return [...this.#nodes.values()];
  }

  /** Counts edges, results and events of every node afresh. */
  async mark(): Promise<void> {
    for (const node of this.nodes) await node.mark();
  }

  /** Who may come in. None on a foreign broker. */
  get identities(): Identities {
    return new Identities(this.data);
  }

  /**
   * Waits until all parts are at work again after some were restarted: everybody has said so since `after`, and every
   * node can be managed. Take the mark of the bus before the first part is ended.
   */
  async atWork(after: number): Promise<void> {
    const { bus } = this;
    for (const id of this.#agents.keys()) {
      await bus.next(agentStatus, { agent: id }, isReady, after);
    }
    await this.managed(after);
  }

  /** Waits until every node can be managed and its supply is known, by what was said since `after`. */
  async managed(after = 0): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.managed(after)));
  }

  /**
   * Writes the site file anew, some nodes as they are given now, and has it read again. Resolves when the changed ones
   * were described anew: change something that their description shows.
   */
  async changeSite(changed: Readonly<Record<string, NodeSpec>>): Promise<void> {
    const after = this.bus.mark();
    const { agents, nodes } = this.#site;
    this.#site = { agents, nodes: { ...nodes, ...changed } };
    await writeFile(
      this.siteFile,
      siteText(agents, this.#site.nodes, this.#machines, this.options.site),
    );
    this.inventory.signal("SIGHUP");
    for (const node of Object.keys(changed)) {
      await this.bus.next(nodeDescription, { node: nodeId(node) }, () => true, after);
    }
  }

  /** Ends an agent with SIGKILL and starts it anew; resolves when its nodes can be managed again. */
  async restartAgent(more: Readonly<Record<string, string>> = {}, id?: string): Promise<void> {
    const after = this.bus.mark();
    const agent = this.agent(id);
    await agent.restart(more);
    const name = agent.name.slice("agent-".length);
    await this.bus.next(agentStatus, { agent: name }, isReady, after);
    await this.managed(after);
  }

  /** Ends the power service with SIGKILL and starts it anew; resolves when it has spoken of every node. */
  async restartPower(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const after = this.bus.mark();
    await this.power.restart(more);
    await this.bus.next(serviceStatus, { service: "power" }, isReady, after);
    await this.managed(after);
  }

  /** Ends the broker with SIGKILL and starts it anew on its port; resolves when everybody has come back. */
  async restartBroker(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const after = this.bus.mark();
    await this.broker.kill();
    await this.broker.start(more);
    await this.bus.next(serviceStatus, { service: "power" }, isReady, after);
    await this.atWork(after);
  }

  /**
   * Puts everything to work again that a test may have cut off, frozen or ended: wires and links are whole, the disk has
   * room, and every node can be managed.
   */
  async recover(): Promise<void> {
    for (const wire of [...this.#proxies.values(), ...(this.#link ? [this.#link] : [])])
      wire.heal();
    this.#disk?.clear();
    const mark = this.bus.mark();
    let after = 0;
    for (const part of this.#parts) {
      if (part.running) {
        part.signal("SIGCONT");
        continue;
      }
      await part.start();
      // After the start of one of these the state of every node is told anew.
      if (part.name === "broker" || part.name === "power" || part.name.startsWith("agent-"))
        after = mark;
    }
    await this.managed(after);
  }

  /** The end of every part's log, for a test that has failed. */
  lastWords(): string {
    return this.#parts.map((part) => part.lastWords()).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const folder = await tempDir("e2e-");
    this.#stack.use(folder);
    this.#folder = folder.path;
    await mkdir(this.data);
    if (this.options.disk !== undefined)
      this.#disk = this.#stack.use(Disk.mount(this.data, this.options.disk));
    const { agents, nodes } = this.#site;
    const [machines] = await Promise.all([
      startMachines(this.options, this.#folder, this.#stack),
      this.#startBroker(),
    ]);
    this.#machines = machines;
    const isOurs = this.options.broker !== "mosquitto";
    if (isOurs) for (const agent of agents) await this.identities.add("agent", agent);
    await writeFile(this.siteFile, siteText(agents, nodes, machines, this.options.site));
    const bus = await Bus.open(
      this.#port,
      isOurs ? await this.identities.secret("person", "operator") : {},
    );
    this.#bus = this.#stack.use(bus);
    for (const [id, spec] of Object.entries(nodes)) {
      if (!isWired(spec)) continue;
      const { machine, slot } = this.#placeOf(spec);
      this.#nodes.set(id, new NodeUnderTest(nodeId(id), bus, machine, slot));
    }
    for (const part of this.options.cuttable ?? []) {
      this.#proxies.set(
        part,
        this.#stack.use(await startCuttingProxy(this.#port, this.options.tap)),
      );
    }
    if (Object.values(nodes).some((spec) => spec.console !== undefined)) await this.#startConsole();
    const own = agents.map((id, index) => {
      const wire = index === 0 ? this.#url("agent") : this.url;
      const part = this.#add(`agent-${id}`, "agent", {
        OUTRIDER_AGENT: id,
        OUTRIDER_MQTT_URL: wire,
        ...(this.#linkPort > 0
          ? { OUTRIDER_CONSOLE_LINK_URL: `tcp://127.0.0.1:${this.#link?.port ?? this.#linkPort}` }
          : {}),
      });
      this.#agents.set(id, part);
      return part;
    });
    const services = (["power", "inventory"] as const).map((name) =>
      this.#add(name, name, { OUTRIDER_MQTT_URL: this.#url(name) }),
    );
    services.push(this.#add("telemetry", "telemetry", { OUTRIDER_MQTT_URL: this.url }));
    if (this.options.gateway === true) {
      services.push(
        this.#add("gateway", "gateway", {
          OUTRIDER_MQTT_URL: this.url,
          OUTRIDER_HTTP_PORT: "0",
        }),
      );
    }
    await Promise.all([...services, ...own].map((part) => part.start()));
    await this.managed();
    await this.mark();
  }

  async #startBroker(): Promise<void> {
    if (this.options.broker === "mosquitto") {
      const foreign = this.#stack.use(await startTestBroker({ kind: "mosquitto" }));
      this.#port = foreign.port;
      return;
    }
    const broker = this.#add("broker", "broker", { OUTRIDER_BIND: "127.0.0.1" });
    // A port of the kernel's choice the first time, so that nobody can take it in between; then always that one.
    await broker.start({ OUTRIDER_MQTT_PORT: "0" });
    this.#port = Number(broker.ready["port"]);
  }

  async #startConsole(): Promise<void> {
    const part = this.#add("console", "console", {
      OUTRIDER_BIND: "127.0.0.1",
      OUTRIDER_MQTT_URL: this.#url("console"),
    });
    // Ports of the kernel's choice the first time; then always those.
    await part.start({ OUTRIDER_CONSOLE_LINK_PORT: "0", OUTRIDER_SSH_PORT: "0" });
    this.#linkPort = Number(part.ready["linkPort"]);
    const ssh = part.ready["ssh"] as { readonly port: number } | undefined;
    this.#sshPort = ssh?.port ?? 0;
    if (this.options.cuttableLink)
      this.#link = this.#stack.use(await startCuttingProxy(this.#linkPort));
  }

  #add(
    name: string,
    kind: keyof typeof PROGRAMS,
    environment: Readonly<Record<string, string>>,
  ): Part {
    const part = new Part(
      name,
      PROGRAMS[kind],
      () => ({
        OUTRIDER_DATA: this.data,
        // For the broker: whoever has a site of his own lets nobody in without credentials.
        OUTRIDER_SITE: this.siteFile,
        ...(kind === "broker" ? { OUTRIDER_MQTT_PORT: String(this.#port) } : {}),
        ...(kind === "console"
          ? {
              OUTRIDER_CONSOLE_LINK_PORT: String(this.#linkPort),
              OUTRIDER_SSH_PORT: String(this.#sshPort),
            }
          : {}),
        ...environment,
        ...this.options.environment?.[kind],
      }),
      kind === "agent" ? AGENT_NODE_OPTIONS : [],
    );
    this.#parts.push(part);
    this.#stack.use({ [Symbol.asyncDispose]: () => part.stop() });
    return part;
  }

  #placeOf({ rack, chassis, wired }: NodeSpec): {
    readonly machine: Simulator;
    readonly slot: number;
  } {
    if (wired) return wired;
    return rack === undefined
      ? { machine: this.chassis, slot: chassis ?? 0 }
      : { machine: this.rack, slot: rack };
  }

  #url(part: Cuttable): string {
    return this.#proxies.get(part)?.url ?? this.url;
  }

  #part(name: string): Part {
    return given(
      this.#parts.find((part) => part.name === name),
      name,
    );
  }
}

function isReady({ state }: { readonly state: string }): boolean {
  return state === "ready";
}

function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`this deployment has no ${what}`);
  return value;
}
