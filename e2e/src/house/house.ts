import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AGENT_NODE_OPTIONS } from "@outrider/agent/node-options";
import { nodeId } from "@outrider/contracts/ids";
import { nodeEvent } from "@outrider/contracts/node";
import { Session } from "@outrider/messaging/session";
import { startRack, type Simulator } from "@outrider/simulators/spawn";
import { hasMosquitto, startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { within } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";
import { Bus } from "../bus.js";
import { Identities } from "../identities.js";
import { NodeUnderTest } from "../node-under-test.js";
import { Part } from "../part.js";
import { HomeAssistant } from "./home-assistant.js";

const PROGRAMS = {
  broker: import.meta.resolve("@outrider/broker/main"),
  inventory: import.meta.resolve("@outrider/inventory-service/main"),
  power: import.meta.resolve("@outrider/power-service/main"),
  telemetry: import.meta.resolve("@outrider/telemetry-service/main"),
  agent: import.meta.resolve("@outrider/agent/main"),
  "home-assistant": import.meta.resolve("@outrider/home-assistant-service/main"),
};
export type PartName = keyof typeof PROGRAMS;

/** A node of the house: in the slot of its number. */
export interface HouseNode {
  readonly slot: number;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface HouseOptions {
  readonly nodes: Readonly<Record<string, HouseNode>>;
  readonly form: "device" | "entity";
  /** Default: ours. */
  readonly broker?: "outrider" | "mosquitto";
}

const AGENT = "rack-a";
const SLOTS = 4;

/**
 * A site with a rack of simulated machines and a bridge to Home Assistant, each part a process of its own, and a Home
 * Assistant that knows nothing but the broker.
 */
export class House implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #parts = new Map<PartName, Part>();
  #nodes: HouseOptions["nodes"];
  #folder = "";
  #port = 0;
  #foreign: TestBroker | undefined;
  #rack: Simulator | undefined;
  #bus: Bus | undefined;
  #home: HomeAssistant | undefined;

  private constructor(private readonly options: HouseOptions) {
    this.#nodes = options.nodes;
  }

  static async start(options: HouseOptions): Promise<House> {
    const house = new House(options);
    try {
      await house.#start();
      return house;
    } catch (error) {
      const words = house.lastWords();
      await house[Symbol.asyncDispose]();
      throw new Error(`the house did not start\n${words}`, { cause: error });
    }
  }

  get bus(): Bus {
    return given(this.#bus, "bus");
  }

  /** Home Assistant, once it was started. */
  get home(): HomeAssistant {
    return given(this.#home, "Home Assistant");
  }

  get identities(): Identities {
    return new Identities(join(this.#folder, "data"));
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  part(name: PartName): Part {
    return given(this.#parts.get(name), name);
  }

  /** A node as the bus and its machine have it, whose counts begin now. */
  async node(id: string): Promise<NodeUnderTest> {
    const rack = given(this.#rack, "rack");
    const node = new NodeUnderTest(nodeId(id), this.bus, rack, this.#nodes[id]?.slot ?? 0);
    await node.mark();
    return node;
  }

  get rack(): Simulator {
    return given(this.#rack, "rack");
  }

  async startHome(
    program: string,
    protocol: "3.1.1" | "5",
    more: { readonly more?: string; readonly blueprints?: string } = {},
  ): Promise<HomeAssistant> {
    const account = this.#isOurs ? await this.identities.secret("person", "operator") : {};
    this.#home = await HomeAssistant.start({
      program,
      protocol,
      folder: join(this.#folder, "home"),
      broker: { port: this.#port, ...account },
      ...more,
    });
    this.#stack.use(this.#home);
    return this.#home;
  }

  /** SIGKILL: nobody is told. */
  async killBroker(): Promise<void> {
    await (this.#foreign ?? this.part("broker")).kill();
  }

  /** On its port, with nothing stored. */
  async startBroker(): Promise<void> {
    if (this.#foreign) await this.#foreign.restart();
    else await this.part("broker").start();
  }

  /** Writes the site file anew and has it read again. */
  async changeSite(nodes: HouseOptions["nodes"]): Promise<void> {
    this.#nodes = nodes;
    await this.#writeSite();
    this.part("inventory").signal("SIGHUP");
  }

  /** Has the console service, which is none here, tell of a node. */
  async tell(node: string, kind: string, message: string): Promise<void> {
    const account = this.#isOurs ? await this.identities.add("service", "console") : {};
    const session = new Session({ url: this.url, clientId: "service-console", ...account });
    session.start();
    await session.ready(within());
    const at = new Date().toISOString();
    await session.publish(
      nodeEvent,
      { node },
      { id: randomUUID(), at, severity: "critical", kind, message },
    );
    await session.stop();
  }

  lastWords(): string {
    const parts = Array.from(this.#parts.values(), (part) => part.lastWords());
    return [...parts, this.#home?.lastWords() ?? ""].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  get #isOurs(): boolean {
    return this.options.broker !== "mosquitto";
  }

  async #start(): Promise<void> {
    const folder = this.#stack.use(await tempDir("house-"));
    this.#folder = folder.path;
    const rackFolder = join(folder.path, "rack");
    await Promise.all([mkdir(rackFolder), mkdir(join(folder.path, "data"))]);
    this.#rack = this.#stack.use(
      await startRack({
        dir: rackFolder,
        slots: SLOTS,
        bootMs: 200,
        shutdownMs: 200,
        runningWatts: 10,
      }),
    );
    await this.#startBroker();
    const account = this.#isOurs ? await this.identities.secret("person", "operator") : {};
    this.#bus = this.#stack.use(await Bus.open(this.#port, account));
    await this.#writeSite();
    for (const name of ["inventory", "power", "telemetry", "agent", "home-assistant"] as const)
      await this.#add(name).start();
  }

  async #startBroker(): Promise<void> {
    if (!this.#isOurs) {
      if (!hasMosquitto()) throw new Error("mosquitto is not installed");
      this.#foreign = this.#stack.use(await startTestBroker({ kind: "mosquitto" }));
      this.#port = this.#foreign.port;
      return;
    }
    const broker = this.#add("broker");
    // A port of the kernel's choice the first time; then always that one.
    await broker.start({ OUTRIDER_MQTT_PORT: "0" });
    this.#port = Number(broker.ready["port"]);
    await this.identities.add("agent", AGENT);
  }

  #add(name: PartName): Part {
    const part = new Part(
      name,
      PROGRAMS[name],
      () => ({
        OUTRIDER_DATA: join(this.#folder, "data"),
        OUTRIDER_SITE: join(this.#folder, "site.yaml"),
        OUTRIDER_BIND: "127.0.0.1",
        ...(name === "broker"
          ? { OUTRIDER_MQTT_PORT: String(this.#port) }
          : { OUTRIDER_MQTT_URL: this.url }),
        ...(name === "agent" ? { OUTRIDER_AGENT: AGENT } : {}),
        ...(name === "home-assistant" ? { OUTRIDER_HOME_ASSISTANT_FORM: this.options.form } : {}),
      }),
      name === "agent" ? AGENT_NODE_OPTIONS : [],
    );
    this.#parts.set(name, part);
    this.#stack.use({ [Symbol.asyncDispose]: () => part.stop() });
    return part;
  }

  #writeSite(): Promise<void> {
    const { listen } = this.rack;
    const nodes = Object.entries(this.#nodes).map(([id, { slot, name, labels }]) => {
      const wire = { agent: AGENT, driver: "simulated", options: { socket: listen, slot } };
      return [
        id,
        {
          ...(name === undefined ? {} : { name }),
          ...(labels === undefined ? {} : { labels }),
          wake: "button",
          dwell: "1s",
          sampling: "500ms",
          gracefulLimit: "20s",
          power: wire,
          reset: wire,
          button: wire,
          identify: wire,
          sensor: { board: wire },
          heartbeat: { host: wire },
        },
      ];
    });
    const site = {
      site: "lab",
      agents: { [AGENT]: {} },
      alarms: { "agent-away": { for: "3s" } },
      nodes: Object.fromEntries(nodes),
    };
    return writeFile(join(this.#folder, "site.yaml"), `${JSON.stringify(site)}\n`);
  }
}

function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`this house has no ${what}`);
  return value;
}
