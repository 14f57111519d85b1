import { AGENT_PROTOCOL, type AgentCommand, type CommandReport } from "@outrider/contracts/agent";
import { commandId } from "@outrider/contracts/ids";
import type { Host, PowerResult, Supply } from "@outrider/contracts/power";
import type { ClockReading } from "@outrider/contracts/service";
import { Device } from "./device.js";
import { AgentDisk, ModelAgent } from "./model-agent.js";
import { ModelPower, PowerDisk } from "./model-power.js";
import { ENDPOINT, NODE } from "./names.js";
import { Network, type Connection } from "./network.js";
import { Records } from "./records.js";
import type { Holds } from "./rules.js";
import { Scheduler } from "./scheduler.js";
import { HEALED_MS, type Happening, type Script, type Side, type Victim } from "./script.js";

/** By then everything that was begun has to have come to its end. */
const BOUND_MS = HEALED_MS + 300_000;
const START_OF_CALENDAR_MS = Date.parse("2026-11-23T00:00:00.000Z");

/** One agent with one machine, a broker, a power service and people, under a script of troubles. */
export class World {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly device: Device;
  readonly records = new Records();
  readonly agentDisk = new AgentDisk();
  readonly powerDisk = new PowerDisk();
  agent: ModelAgent | undefined;
  power: ModelPower | undefined;
  #second: ModelPower | undefined;
  readonly #wallMs: Record<Side, number> = { agent: 0, power: 0 };
  readonly #slowUntilMs: Record<Side, number> = { agent: 0, power: 0 };
  readonly #clockOrigins = new Map<string, number>();
  #minted = 0;

  constructor(
    private readonly script: Script,
    readonly holds: Holds,
  ) {
    this.scheduler = new Scheduler(script.seed, script.crashPoints);
    this.network = new Network(this.scheduler, script.badness);
    this.device = new Device(
      this.scheduler,
      script.initially,
      script.obeys,
      script.console === "obeyed",
    );
    this.scheduler.onPoint = ({ point, victim, downMs }) => {
      this.scheduler.note(`at ${point}`);
      this.#crash(victim, downMs);
    };
  }

  /** Whether the machine's kernel can be told at its console. */
  get hasConsole(): boolean {
    return this.script.console !== undefined;
  }

  /** @returns whether everything came to its end */
  play(): boolean {
    const { scheduler, script } = this;
    this.agent = new ModelAgent(this, this.agentDisk);
    this.#startPower();
    // Happenings begin when the parts have met.
    for (const happening of script.happenings) {
      scheduler.at(2_000 + happening.atMs, () => this.#happen(happening));
    }
    scheduler.run(HEALED_MS);
    scheduler.note("HEALED");
    scheduler.heal();
    scheduler.run(HEALED_MS + 20_000);
    scheduler.run(BOUND_MS, () => this.#idle());
    return this.#idle();
  }

  /** Least time between two starts of the machine's power domain. */
  get spacingMs(): number {
    return this.script.spacingMs;
  }

  wallMs(side: Side): number {
    return START_OF_CALENDAR_MS + this.scheduler.nowMs + this.#wallMs[side];
  }

  timestamp(side: Side): string {
    return new Date(this.wallMs(side)).toISOString();
  }

  /** How long a write takes that has to be on the disk. */
  diskMs(side: Side): number {
    return 3 + Math.max(0, this.#slowUntilMs[side] - this.scheduler.nowMs);
  }

  mintId(prefix: string): string {
    const id = `${prefix}-${++this.#minted}`;
    if (prefix === "clock") this.#clockOrigins.set(id, this.scheduler.nowMs - 100);
    return id;
  }

  mintEpoch(): string {
    const epoch = this.holds("epoch-per-connection") ? this.mintId("epoch") : "epoch";
    const { nowMs } = this.scheduler;
    const sessions = this.records.sessions.get(epoch) ?? [];
    this.records.sessions.set(epoch, [
      ...sessions,
      { fromMs: nowMs, toMs: Number.POSITIVE_INFINITY },
    ]);
    return epoch;
  }

  sessionOver(epoch: string | undefined): void {
    const session = epoch === undefined ? undefined : this.records.sessions.get(epoch)?.at(-1);
    if (session) session.toMs = Math.min(session.toMs, this.scheduler.nowMs);
  }

  /** How long ago a reading was really taken. */
  ageOf(reading: ClockReading): number {
    return this.scheduler.nowMs - (this.#clockOrigins.get(reading.id) ?? 0) - reading.ms;
  }

  connectAgent(agent: ModelAgent): Connection | undefined {
    return this.network.connect(agent.process, "agent", () => agent.disconnected());
  }

  connectPower(power: ModelPower): Connection | undefined {
    return this.network.connect(power.process, "power", () => power.disconnected());
  }

  issued(command: AgentCommand, run: string | undefined): void {
    this.records.issued.set(command.id, { command, atMs: this.scheduler.nowMs, run });
  }

  command(from: Connection, command: AgentCommand): void {
    this.#toAgent(from, (agent) => {
      this.scheduler.note(`${command.id} ${command.action} arrives for ${command.epoch}`);
      agent.receive(command, false);
    });
  }

  beacon(from: Connection, reading: ClockReading): void {
    this.#toAgent(from, (agent) => agent.observe(reading), 0);
  }

  report(agent: ModelAgent, seq: number | undefined, report: CommandReport): void {
    const { connection, epoch } = agent;
    if (!connection || epoch === undefined) return;
    const saidMs = this.scheduler.nowMs;
    this.#toPowers(connection, (power) => {
      const recorded = (): void => {
        if (seq === undefined || !power.connection) return;
        this.#toAgent(power.connection, (present) => present.acknowledged(epoch, seq));
      };
      power.report(report, saidMs, recorded);
    });
  }

  observation({ connection }: ModelAgent, supply: Supply, host: Host): void {
    const saidMs = this.scheduler.nowMs;
    if (connection) this.#toPowers(connection, (power) => power.see(supply, host, saidMs));
  }

  tell(from: Connection, result: PowerResult, taken: (ok: boolean) => void): void {
    const heard = (): void => {
      if (result.terminal)
        this.scheduler.note(
          `HEARD ${result.id} ${result.seq} ${result.status} ${result.reasonCode ?? ""}`,
        );
      this.records.heard.push(result);
    };
    this.network.announce(from, heard, taken);
  }

  #toAgent(from: Connection, deliver: (agent: ModelAgent) => void, qos: 0 | 1 = 1): void {
    const to = (): Connection | undefined => this.agent?.connection;
    this.network.transmit(from, to, () => this.agent && deliver(this.agent), { qos });
  }

  #toPowers(from: Connection, deliver: (power: ModelPower) => void): void {
    for (const which of [() => this.power, () => this.#second]) {
      if (!which()) continue;
      const to = (): Connection | undefined => which()?.connection;
      const hand = (): void => {
        const power = which();
        if (power) deliver(power);
      };
      this.network.transmit(from, to, hand, { qos: 1 });
    }
  }

  #happen(happening: Happening): void {
    const { network, scheduler } = this;
    switch (happening.kind) {
      case "ask":
        return this.#ask(happening);
      case "cut":
        return network.cut(happening.side, happening.forMs);
      case "crash":
        return this.#crash(happening.victim, happening.downMs);
      case "replay": {
        const all = [...this.records.issued.values()];
        const issued = all[happening.which % Math.max(1, all.length)];
        if (issued) this.#deliver(issued.command, happening.retained);
        return;
      }
      case "retain":
        return this.#withCommand(happening.action, undefined, (command) =>
          this.#deliver(command, true),
        );
      case "fenced":
        return this.#withCommand(happening.action, happening.fence, (command) => {
          if (this.power?.connection) this.command(this.power.connection, command);
        });
      case "wall-clock":
        this.#wallMs[happening.side] += happening.stepMs;
        return scheduler.note(`the calendar of ${happening.side} steps ${happening.stepMs} ms`);
      case "silent-device":
        this.device.silentUntilMs = scheduler.nowMs + happening.forMs;
        return scheduler.note(`the device is silent for ${happening.forMs} ms`);
      case "slow-disk":
        this.#slowUntilMs[happening.side] = scheduler.nowMs + happening.forMs;
        return scheduler.note(`the disk of ${happening.side} is slow for ${happening.forMs} ms`);
      case "second-service":
        // Where nobody holds the lock, that is a start like any other, and those are crashes' part.
        if (this.holds("one-service")) return;
        this.#second ??= new ModelPower(this, this.powerDisk, "power-2");
    }
  }

  #ask({
    action,
    name,
    ttlMs,
    copies,
    retained,
    escalate,
  }: Extract<Happening, { kind: "ask" }>): void {
    const { scheduler, network } = this;
    const set = { action, ttlMs, escalate, ...(name === undefined ? {} : { id: commandId(name) }) };
    scheduler.note(`ASK ${action} ${name ?? ""} ×${copies}${retained ? " retained" : ""}`);
    for (let copy = 0; copy < copies; copy++) {
      const afterMs =
        copy === 0 ? 5 : scheduler.between(5, scheduler.random() < 0.5 ? 100 : 20_000);
      scheduler.after(afterMs, () => {
        if (!network.brokerUp || network.isCut("power")) return;
        for (const power of [this.power, this.#second]) {
          if (power?.connection) power.ask({ set, actor: "person:ada", wasRetained: retained });
        }
      });
    }
  }

  #withCommand(
    action: "On" | "ForceOff" | "PowerCycle",
    fence: number | undefined,
    send: (command: AgentCommand) => void,
  ): void {
    const { power } = this;
    if (!power || power.epoch === undefined) return;
    const command: AgentCommand = {
      v: AGENT_PROTOCOL,
      id: commandId(this.mintId(fence === undefined ? "stranger" : "holder")),
      node: NODE,
      endpoint: ENDPOINT,
      action,
      actor: "person:bob",
      via: "mqtt",
      issuedAt: this.timestamp("power"),
      clock: power.reading(),
      ttlMs: 10_000,
      epoch: power.epoch,
      ...(fence === undefined ? {} : { fence }),
    };
    this.issued(command, undefined);
    send(command);
  }

  #deliver(command: AgentCommand, retained: boolean): void {
    this.scheduler.note(`${command.id} is delivered${retained ? " retained" : " again"}`);
    if (this.agent?.connection) this.agent.receive(command, retained);
  }

  #crash(victim: Victim, downMs: number): void {
    const { scheduler, network } = this;
    if (victim === "broker") return network.crashBroker(downMs);
    if (victim === "device") {
      scheduler.note(`the device is silent for ${downMs * 9} ms`);
      this.device.silentUntilMs = scheduler.nowMs + downMs * 9;
      return;
    }
    const part = this[victim];
    if (!part) return;
    scheduler.note(`CRASH ${victim}`);
    part.process.alive = false;
    network.ended(part.process);
    this[victim] = undefined;
    if (part instanceof ModelAgent) this.sessionOver(part.epoch);
    scheduler.after(downMs, () => {
      scheduler.note(`${victim} starts`);
      if (victim === "agent") this.agent ??= new ModelAgent(this, this.agentDisk);
      else this.#startPower();
    });
  }

  #startPower(): void {
    this.power ??= new ModelPower(this, this.powerDisk, "power");
  }

  #idle(): boolean {
    return (this.agent?.idle ?? false) && (this.power?.idle ?? false);
  }
}
