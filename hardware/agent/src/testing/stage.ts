import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  agentAck,
  agentCommand,
  agentDesired,
  agentDescription,
  agentEvent,
  type AgentCommand,
  type AgentDescription,
  type AgentDesired,
  type AgentEvent,
  type CommandReport,
  type DescribedEndpoint,
  type DesiredEndpoint,
  type EndpointAction,
  type Incident,
  type Observation,
} from "@outrider/contracts/agent";
import { systemClock } from "@outrider/contracts/clock";
import { agentId, commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { serviceClock } from "@outrider/contracts/service";
import { startClockBeacon, type ClockBeacon } from "@outrider/messaging/clock-beacon";
import { mintId } from "@outrider/messaging/mint-id";
import { Session } from "@outrider/messaging/session";
import { startRack, type Edge, type RackOptions, type Simulator } from "@outrider/simulators/spawn";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { AGENT_NODE_OPTIONS } from "../node-options.js";

export const AGENT = agentId("a1");
export const nodeOf = (slot: number): ReturnType<typeof nodeId> => nodeId(`n${slot}`);
export const endpointOf = (slot: number): ReturnType<typeof endpointId> =>
  endpointId(`n${slot}`, "power");

/** A real agent process between a real broker and a simulated rack; the test plays the power service and inventory. */
export class Stage implements AsyncDisposable {
  readonly events: AgentEvent[] = [];
  #agent: Child | undefined;
  power!: Session;
  /** Whether events are acknowledged as the power service would. */
  acknowledges = true;
  description: AgentDescription | undefined;
  #beacon!: ClockBeacon;
  #bootId = "boot-1";
  #generation = 0;

  private constructor(
    readonly broker: TestBroker,
    readonly rack: Simulator,
    readonly dir: TempDir,
  ) {}

  static async start(rack: Partial<RackOptions> = {}): Promise<Stage> {
    const dir = await tempDir();
    const stage = new Stage(
      await startTestBroker(),
      await startRack({ slots: 4, dir: join(dir.path, "rack"), bootMs: 5, ...rack }),
      dir,
    );
    await stage.startPower();
    return stage;
  }

  async startPower(): Promise<void> {
    this.power = new Session({ url: this.broker.url, clientId: "service-power" });
    this.#beacon = startClockBeacon(this.power, "power", systemClock);
    this.power.subscribe(agentEvent, { agent: AGENT }, async ({ payload }) => {
      this.events.push(payload);
      const { epoch, seq } = payload;
      if (seq === undefined || !this.acknowledges) return;
      await this.power.publish(agentAck, { agent: AGENT, service: "power" }, { epoch, event: seq });
    });
    this.power.subscribe(agentDescription, { agent: AGENT }, async ({ payload }) => {
      if (payload.epoch !== this.description?.epoch) {
        // The agent has just come and must not have to wait for the next beacon.
        await this.power.publish(serviceClock, { service: "power" }, this.#beacon.reading());
      }
      this.description = payload;
    });
    this.power.start();
    await this.power.ready(within());
  }

  get agent(): Child {
    if (!this.#agent) throw new Error("no agent was started");
    return this.#agent;
  }

  /** Starts the agent unless it runs. */
  async ensureAgent(): Promise<void> {
    if (!this.#agent?.running) await this.startAgent();
  }

  /** The host of the agent boots: takes effect at the agent's next start. */
  boot(): void {
    this.#bootId = mintId();
  }

  async startAgent(env: Record<string, string | undefined> = {}): Promise<void> {
    this.#agent = await this.#start(env);
  }

  /** Starts the same agent a second time, beside the first. */
  async startAnother(): Promise<void> {
    await using _ = await this.#start({});
  }

  async #start(env: Record<string, string | undefined>): Promise<Child> {
    const bootIdFile = join(this.dir.path, "boot_id");
    await writeFile(bootIdFile, this.#bootId);
    return startNode(new URL("../main.js", import.meta.url), {
      nodeOptions: AGENT_NODE_OPTIONS,
      env: {
        OUTRIDER_AGENT: AGENT,
        OUTRIDER_MQTT_URL: this.broker.url,
        OUTRIDER_DATA: this.dir.path,
        OUTRIDER_BOOT_ID_FILE: bootIdFile,
        // Nobody listens there: a console service of this machine is none of the test's.
        OUTRIDER_CONSOLE_LINK_URL: "tcp://127.0.0.1:1",
        OUTRIDER_FAILPOINT: undefined,
        ...env,
      },
    });
  }

  /** Ends the agent and starts it again; resolves when it is in a new session with its endpoints. */
  async restartAgent(
    env: Record<string, string | undefined> = {},
    signal: "SIGTERM" | "SIGKILL" = "SIGKILL",
  ): Promise<void> {
    const epoch = this.description?.epoch;
    await this.agent.kill(signal);
    await this.startAgent(env);
    await eventually("the agent is back", () => this.description?.epoch !== epoch);
    await this.bound();
  }

  /** Gives the agent these slots as endpoints and waits until that is applied. */
  configure(slots: readonly number[], rest: Partial<DesiredEndpoint> = {}): Promise<void> {
    return this.configureEndpoints(slots.map((slot) => ({ ...this.desired(slot), ...rest })));
  }

  desired(slot: number): DesiredEndpoint {
    return {
      endpoint: endpointOf(slot),
      node: nodeOf(slot),
      port: "power",
      driver: "simulated",
      options: { socket: this.rack.listen, slot },
      restore: "None",
      dwellMs: 150,
      sampleEveryMs: 200,
      staleAfterMs: 3000,
    };
  }

  /** The raw TCP port of a console as an endpoint. */
  tcpConsole(node: string, port: number): DesiredEndpoint {
    return this.consoleOf(node, "tcp", { host: "127.0.0.1", port });
  }

  consoleOf(node: string, driver: string, options: Record<string, unknown>): DesiredEndpoint {
    return {
      ...this.desired(1),
      endpoint: endpointId(node, "console"),
      node: nodeId(node),
      port: "console",
      driver,
      options,
    };
  }

  /** What makes the agent dial a console service. */
  async linkedTo(service: { port: number; secret: string }): Promise<Record<string, string>> {
    const file = join(this.dir.path, "agent-secret");
    await writeFile(file, service.secret);
    return {
      OUTRIDER_AGENT_SECRET_FILE: file,
      OUTRIDER_CONSOLE_LINK_URL: `tcp://127.0.0.1:${service.port}`,
    };
  }

  /** @param endpoints undefined takes the configuration away */
  async configureEndpoints(
    endpoints: DesiredEndpoint[] | undefined,
    domains?: AgentDesired["domains"],
  ): Promise<void> {
    const generation = this.askEndpoints(endpoints, domains);
    await eventually(
      "the configuration is applied",
      () => this.description?.generation === generation,
    );
  }

  /** Does not wait for the agent. @returns the generation */
  askEndpoints(
    endpoints: DesiredEndpoint[] | undefined,
    domains?: AgentDesired["domains"],
  ): number {
    const generation = endpoints ? ++this.#generation : 0;
    this.power.retain(
      agentDesired,
      { agent: AGENT },
      endpoints && { generation, endpoints, ...(domains ? { domains } : {}) },
    );
    return generation;
  }

  described(slot: number): DescribedEndpoint | undefined {
    return this.description?.endpoints.find(({ endpoint }) => endpoint === endpointOf(slot));
  }

  async bound(): Promise<void> {
    await eventually("endpoints are bound", () =>
      this.description?.endpoints.every(({ state }) => state === "bound"),
    );
  }

  command(slot: number, action: EndpointAction, rest: Partial<AgentCommand> = {}): AgentCommand {
    return {
      v: 1,
      id: commandId(mintId()),
      node: nodeOf(slot),
      endpoint: endpointOf(slot),
      action,
      actor: "person:test",
      via: "mqtt",
      issuedAt: systemClock.now().toISOString(),
      clock: this.#beacon.reading(),
      ttlMs: 10_000,
      epoch: this.description?.epoch ?? "none",
      ...rest,
    };
  }

  async send(command: AgentCommand): Promise<AgentCommand> {
    await this.power.publish(agentCommand, { agent: AGENT, endpoint: command.endpoint }, command);
    return command;
  }

  /** Sends a command and waits for its outcome. */
  async run(
    slot: number,
    action: EndpointAction,
    rest: Partial<AgentCommand> = {},
  ): Promise<CommandReport> {
    const { id } = await this.send(this.command(slot, action, rest));
    return this.terminal(id);
  }

  reports(id: string): CommandReport[] {
    return this.events.flatMap(({ command }) => (command?.id === id ? [command] : []));
  }

  terminal(id: string): Promise<CommandReport> {
    return eventually(`${id} ends`, () => this.reports(id).find(({ terminal }) => terminal), {
      withinMs: 60_000,
    });
  }

  /** Distinct numbered terminal reports of a command. */
  outcomes(id: string): AgentEvent[] {
    const seen = new Map<number, AgentEvent>();
    for (const event of this.events) {
      if (event.seq !== undefined && event.command?.id === id && event.command.terminal) {
        seen.set(event.seq, event);
      }
    }
    return [...seen.values()];
  }

  incidents(slot: number): Incident["kind"][] {
    const seen = new Map<number, Incident>();
    for (const { seq, incident } of this.events) {
      if (seq !== undefined && incident?.endpoint === endpointOf(slot)) seen.set(seq, incident);
    }
    return [...seen.entries()].toSorted(([a], [b]) => a - b).map(([, { kind }]) => kind);
  }

  observation(slot: number): Observation | undefined {
    return this.events
      .flatMap(({ observations }) => observations ?? [])
      .findLast(({ endpoint }) => endpoint === endpointOf(slot));
  }

  async seen(slot: number, supply: Observation["supply"]): Promise<void> {
    await eventually(
      `${endpointOf(slot)} is seen ${supply}`,
      () => this.observation(slot)?.supply === supply,
    );
  }

  /** What the supply and its lines did, by the rack's own log. */
  async edges(slot: number): Promise<Edge["edge"][]> {
    const edges = await this.rack.client.edges({ slot });
    return edges.map(({ edge }) => edge);
  }

  async supplyEdges(slot: number): Promise<Edge["edge"][]> {
    return (await this.edges(slot)).filter((edge) =>
      ["supply-on", "supply-off", "brown-out"].includes(edge),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.kill("SIGKILL");
    this.#beacon.stop();
    await this.power.stop();
    await this.broker.kill();
    await this.rack.stop();
    await this.dir.remove();
  }
}
