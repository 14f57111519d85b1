import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentDescription, type AgentDescription } from "@outrider/contracts/agent";
import { nodeLock, type NodeLock } from "@outrider/contracts/lock";
import { nodeStatus, type NodeStatus } from "@outrider/contracts/node";
import {
  powerResult,
  powerState,
  type PowerResult,
  type PowerState,
} from "@outrider/contracts/power";
import { Session } from "@outrider/messaging/session";
import type { ChassisFlavour } from "@outrider/simulators/chassis-spec";
import { startChassis, startRack, type Edge, type Simulator } from "@outrider/simulators/spawn";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { tempDir } from "@outrider/testing/temp-dir";
import { Identities } from "../identities.js";
import { Part } from "../part.js";
import { Rest } from "./rest.js";

const PROGRAMS = {
  broker: import.meta.resolve("@outrider/broker/main"),
  inventory: import.meta.resolve("@outrider/inventory-service/main"),
  power: import.meta.resolve("@outrider/power-service/main"),
  telemetry: import.meta.resolve("@outrider/telemetry-service/main"),
  gateway: import.meta.resolve("@outrider/gateway-service/main"),
  agent: import.meta.resolve("@outrider/agent/main"),
};

type PartName = Exclude<keyof typeof PROGRAMS, "agent">;

/** Machines behind one agent: nodes `<prefix>1` and on, one a slot. */
export interface RackSpec {
  readonly prefix: string;
  readonly slots: number;
  /** Real virtual machines in the place of simulated ones. */
  readonly chassis?: ChassisFlavour;
  /** Whether the rack listens on TCP, for programs that know nothing else. */
  readonly tcp?: boolean;
  /** What the site file says of each of these nodes, beside its wire. */
  readonly node?: Readonly<Record<string, unknown>>;
}

export interface FleetOptions {
  /** By agent. */
  readonly racks: Readonly<Record<string, RackSpec>>;
  /** `powerDomains` and `roles` of the site file. */
  readonly site?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Many nodes under one Outrider whose parts are processes, as people would run it, and their REST interface. */
export class Fleet implements AsyncDisposable {
  readonly states = new Map<string, PowerState>();
  readonly statuses = new Map<string, NodeStatus>();
  readonly locks = new Map<string, NodeLock>();
  readonly descriptions = new Map<string, AgentDescription>();
  readonly results: { readonly node: string; readonly result: PowerResult }[] = [];
  readonly simulators = new Map<string, Simulator>();
  readonly parts = new Map<string, Part>();
  readonly #stack = new AsyncDisposableStack();
  #folder = "";
  #port = 0;
  #rest: Rest | undefined;

  private constructor(private readonly options: FleetOptions) {}

  /** Resolves when every node can be managed. @throws Error with the last words of all parts */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    try {
      await fleet.#start();
      return fleet;
    } catch (error) {
      const words = fleet.lastWords();
      await fleet[Symbol.asyncDispose]();
      throw new Error(`the fleet did not start\n${words}`, { cause: error });
    }
  }

  get data(): string {
    return join(this.#folder, "data");
  }

  get siteFile(): string {
    return join(this.#folder, "site.yaml");
  }

  get mqttUrl(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  get identities(): Identities {
    return new Identities(this.data, this.options.environment);
  }

  /** As an operator. */
  get rest(): Rest {
    if (!this.#rest) throw new Error("this fleet has no gateway yet");
    return this.#rest;
  }

  get nodes(): string[] {
    return Object.values(this.options.racks).flatMap(({ prefix, slots }) =>
      Array.from({ length: slots }, (_, at) => `${prefix}${at + 1}`),
    );
  }

  /** The administrator that was made at the first start, with a password that was changed at the first sign-in. */
  async administrator(): Promise<Rest> {
    const password = await readFile(join(this.data, "secrets", "first-admin"), "utf8");
    return Rest.signedIn(this.rest.url, "admin", password.trim(), "correct horse battery staple");
  }

  part(name: string): Part {
    const part = this.parts.get(name);
    if (!part) throw new Error(`this fleet has no ${name}`);
    return part;
  }

  rack(agent: string): Simulator {
    const rack = this.simulators.get(agent);
    if (!rack) throw new Error(`agent ${agent} has no machines`);
    return rack;
  }

  /** Edges of an agent's machines after a mark. */
  edges(agent: string, since = 0): Promise<Edge[]> {
    return this.rack(agent).client.edges({ since });
  }

  async mark(agent: string): Promise<number> {
    return (await this.edges(agent)).at(-1)?.seq ?? 0;
  }

  /** Adds another process of a part, as somebody does who wants a second one. Not started yet. */
  another(name: PartName, as: string, more: Readonly<Record<string, string>> = {}): Part {
    return this.#add(as, name, more);
  }

  /** The gateway was started again, on another port: people find it there. */
  moved(): void {
    this.#rest = new Rest(String(this.part("gateway").ready["url"]), `Bearer ${this.rest.token}`);
  }

  /** Starts those of its own parts that do not run, and waits until every node can be managed. Further ones are ended. */
  async running(): Promise<void> {
    const isOwn = (name: string): boolean => name in PROGRAMS || name.startsWith("agent-");
    for (const [name, part] of this.parts) if (!isOwn(name)) await part.kill();
    for (const [name, part] of this.parts) {
      if (!isOwn(name) || part.running) continue;
      await part.start();
      if (name === "gateway") this.moved();
    }
    await this.managed();
  }

  /** Waits until every node can be managed and its supply is known. */
  async managed(withinMs = 180_000): Promise<void> {
    const missing = (): string[] =>
      this.nodes.filter(
        (node) =>
          this.statuses.get(node)?.management !== "Available" ||
          (this.states.get(node)?.supply.value ?? "Unknown") === "Unknown",
      );
    await eventually(
      "every node can be managed",
      () => {
        const left = missing();
        if (left.length > 0) throw new Error(`${left.length} not yet, ${left[0]} among them`);
        return true;
      },
      { withinMs },
    );
  }

  /** Waits until the supply of every node reads as given. */
  async supplies(value: "On" | "Off", withinMs = 180_000): Promise<void> {
    await eventually(
      `every supply is ${value}`,
      () => {
        const others = this.nodes.filter((node) => this.states.get(node)?.supply.value !== value);
        if (others.length > 0) throw new Error(`${others.length} not, ${others[0]} among them`);
        return true;
      },
      { withinMs },
    );
  }

  lastWords(): string {
    return [...this.parts.values()].map((part) => part.lastWords()).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const folder = this.#stack.use(await tempDir("fleet-"));
    this.#folder = folder.path;
    await mkdir(this.data);
    const broker = this.#add("broker", "broker");
    await broker.start({ OUTRIDER_MQTT_PORT: "0", OUTRIDER_BIND: "127.0.0.1" });
    this.#port = Number(broker.ready["port"]);
    await this.#startMachines();
    for (const agent of Object.keys(this.options.racks)) await this.identities.add("agent", agent);
    await writeFile(this.siteFile, this.#siteText());
    await this.#listen();
    const agents = Object.keys(this.options.racks).map((agent) =>
      this.#add(`agent-${agent}`, "agent", { OUTRIDER_AGENT: agent }),
    );
    const services = (["power", "inventory", "telemetry", "gateway"] as const).map((name) =>
      this.#add(name, name),
    );
    await Promise.all([...services, ...agents].map((part) => part.start()));
    const gateway = this.part("gateway");
    const { username, password } = await this.identities.secret("person", "operator");
    this.#rest = await Rest.signedIn(String(gateway.ready["url"]), username, password);
    await this.managed();
  }

  async #startMachines(): Promise<void> {
    await Promise.all(
      Object.entries(this.options.racks).map(async ([agent, { slots, chassis, tcp }]) => {
        const dir = join(this.#folder, `m-${agent}`);
        const started = chassis
          ? await startChassis({
              dir,
              slots: Array.from({ length: slots }, () => ({ flavour: chassis })),
            })
          : await startRack({
              dir,
              slots,
              ...(tcp ? { listen: `127.0.0.1:${await freePort()}` } : {}),
            });
        this.simulators.set(agent, this.#stack.use(started));
      }),
    );
  }

  async #listen(): Promise<void> {
    const secret = await this.identities.secret("person", "operator");
    const session = new Session({ url: this.mqttUrl, clientId: "fleet-ears", ...secret });
    session.subscribe(nodeStatus, {}, ({ payload, parameters: { node } }) => {
      this.statuses.set(node, payload);
    });
    session.subscribe(powerState, {}, ({ payload, parameters: { node } }) => {
      this.states.set(node, payload);
    });
    session.subscribe(nodeLock, {}, ({ payload, parameters: { node } }) => {
      this.locks.set(node, payload);
    });
    session.subscribe(agentDescription, {}, ({ payload, parameters: { agent } }) => {
      this.descriptions.set(agent, payload);
    });
    session.subscribe(powerResult, {}, ({ payload, parameters: { node } }) => {
      this.results.push({ node, result: payload });
    });
    session.start();
    this.#stack.use({ [Symbol.asyncDispose]: () => session.stop() });
    await session.ready(AbortSignal.timeout(30_000));
  }

  #siteText(): string {
    const nodes = Object.entries(this.options.racks).flatMap(
      ([agent, { prefix, slots, chassis, node }]) =>
        Array.from({ length: slots }, (_, at) => {
          const { listen } = this.rack(agent);
          const wire = chassis
            ? {
                driver: "qemu",
                options: { directory: listen.slice(0, listen.lastIndexOf("/")), slot: at + 1 },
              }
            : {
                driver: "simulated",
                options: listen.startsWith("/")
                  ? { socket: listen, slot: at + 1 }
                  : { url: `http://${listen}`, slot: at + 1 },
              };
          return [
            `${prefix}${at + 1}`,
            { dwell: "1s", sampling: "2s", ...node, power: { agent, ...wire } },
          ] as const;
        }),
    );
    const site = {
      site: "fleet",
      agents: Object.fromEntries(Object.keys(this.options.racks).map((agent) => [agent, {}])),
      nodes: Object.fromEntries(nodes),
      ...this.options.site,
    };
    // JSON is YAML.
    return `${JSON.stringify(site, undefined, 1)}\n`;
  }

  #add(
    name: string,
    kind: keyof typeof PROGRAMS,
    environment: Readonly<Record<string, string>> = {},
  ): Part {
    const part = new Part(name, PROGRAMS[kind], () => ({
      OUTRIDER_DATA: this.data,
      OUTRIDER_SITE: this.siteFile,
      OUTRIDER_LOG_LEVEL: "info",
      OUTRIDER_HTTP_PORT: "0",
      OUTRIDER_MQTT_URL: this.mqttUrl,
      ...(kind === "broker" ? { OUTRIDER_MQTT_PORT: String(this.#port) } : {}),
      ...environment,
      ...this.options.environment,
    }));
    this.parts.set(name, part);
    this.#stack.use({ [Symbol.asyncDispose]: () => part.stop() });
    return part;
  }
}
