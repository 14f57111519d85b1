import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { anchorPath } from "@outrider/audit/anchor-file";
import {
  agentAck,
  agentCommand,
  agentDesired,
  type AgentDesired,
  type DescribedDriver,
} from "@outrider/contracts/agent";
import {
  milliseconds,
  minutes,
  seconds,
  systemClock,
  type Clock,
  type Duration,
} from "@outrider/contracts/clock";
import { serviceClock } from "@outrider/contracts/service";
import { ClockTable } from "@outrider/messaging/clock-table";
import type { Log } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { acquireInstanceLock, type InstanceLock } from "@outrider/storage/instance-lock";
import { isStorageError } from "@outrider/storage/storage-error";
import { agentSession } from "./agent-session.js";
import { Answers } from "./answers.js";
import { Bindings, type EndpointKinds } from "./bindings.js";
import { readBootId } from "./boot-id.js";
import { driverCatalogue } from "./catalogue.js";
import { describeAgent } from "./description.js";
import { Readings } from "./sampling/readings.js";
import { Requests } from "./requests.js";
import { answerRequests } from "./request-answers.js";
import { CommandRuns } from "./command-runs.js";
import { Commands } from "./commands.js";
import type { AgentConfig } from "./config.js";
import { Consoles, type ConsoleStats } from "./console/consoles.js";
import type { Endpoint } from "./endpoint.js";
import { endpointKinds } from "./endpoint-kinds.js";
import { Guardian } from "./guardian.js";
import { recoverCommands } from "./interrupted-commands.js";
import { Journal } from "./journal.js";
import { tidies } from "./tidy-journal.js";
import { logWith, type AgentLog } from "./log.js";
import { Reporter } from "./reporter.js";
import { StartGate } from "./start-gate.js";

export const VERSION = "0.1.0";

/** How long a device that does not answer when it is opened may keep the agent from serving the others. */
const OPENING_HOLDS_UP = seconds(5);
/** How long interrupted commands may keep the agent from serving the other nodes; they then go on beside. */
const RECOVERY_HOLDS_UP = seconds(5);
/** How long commands under way are waited for when the agent stops; the next start recovers the rest. */
const STOP_WITHIN = seconds(15);
const HOUSEKEEPING = minutes(1);
/** A repetition of a recovered command can come for as long as any command may wait. */
const LONGEST_TTL_MS = 600_000;

export interface AgentDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
}

export interface AgentStats {
  /** Of the journal, since the start. */
  readonly commits: number;
  readonly transactions: number;
  readonly consoles: ConsoleStats;
}

export interface RunningAgent {
  stats(): AgentStats;
  /** Ends commands under way, as far as they end soon, then leaves the bus and closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts an agent: recovers what a former process left, binds the endpoints of its last configuration, and serves.
 * Resolves then, whether or not the broker is there.
 * @throws StorageError `held` when another process is this agent; others when the journal cannot be used
 */
export async function startAgent(
  config: AgentConfig,
  { log, clock = systemClock, defect }: AgentDependencies,
): Promise<RunningAgent> {
  // The journal tells who did what to which machine.
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const lock = await acquireInstanceLock(
    config.dataDirectory,
    "agent",
    `agent ${config.id} ${VERSION} on ${hostname()}`,
  );
  try {
    const auditName = `agent-${config.id}`;
    const journal = await Journal.open(join(config.dataDirectory, "journal.sqlite"), {
      log: auditName,
      clock,
      anchor: anchorPath(config.dataDirectory, auditName),
      problem: (what, error) => log.error({ err: error }, what),
    });
    const ownLog = logWith(log, { agent: config.id });
    const consoles = await Consoles.open(config, clock, ownLog);
    const agent = new Agent(config, ownLog, clock, defect, journal, consoles, lock);
    await agent.start();
    return agent;
  } catch (error) {
    lock.release();
    throw error;
  }
}

class Agent implements RunningAgent {
  readonly #stopped = new AbortController();
  readonly #clocks = new ClockTable();
  readonly #session: Session;
  readonly #reporter: Reporter;
  readonly #answers: Answers;
  #readings!: Readings;
  readonly #requests: Requests;
  readonly #timers: (() => void)[] = [];
  #bindings!: Bindings;
  /** As it was said last in this run. */
  #desired: AgentDesired | undefined;
  #commands!: Commands;
  #guardian!: Guardian;
  #recovering: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: AgentConfig,
    private readonly log: AgentLog,
    private readonly clock: Clock,
    private readonly defect: (error: unknown) => void,
    private readonly journal: Journal,
    private readonly consoles: Consoles,
    private readonly lock: InstanceLock,
  ) {
    this.#session = agentSession(config, { clock, log, version: VERSION });
    this.#reporter = new Reporter(config.id, this.#session, clock, log, journal);
    this.#answers = new Answers(clock);
    const session = this.#session;
    const { id: agent } = config;
    this.#requests = new Requests({
      agent,
      session,
      clock,
      clocks: this.#clocks,
      log,
      defect,
      stopped: this.#stopped.signal,
    });
  }

  async start(): Promise<void> {
    const { journal, log, clock, defect, config } = this;
    const { signal: stopped } = this.#stopped;
    const catalogue = driverCatalogue(log);
    // Who waits for it below hears of it.
    catalogue.catch(() => undefined);
    const bootId = readBootId(config.bootIdFile, log);
    this.#readings = await Readings.open({
      agent: config.id,
      session: this.#session,
      directory: join(config.dataDirectory, "readings"),
      limitBytes: config.readingSpoolBytes,
      bootId,
      clock,
      log,
    });
    await journal.prune();
    const fences = await journal.fences();
    let drivers: readonly DescribedDriver[] = [];
    const describe = describeAgent(this.#session, config.id, () => ({
      generation: this.#bindings.generation,
      endpoints: this.#bindings.described(),
      drivers: [...drivers],
      fences: Object.fromEntries(fences),
    }));
    const gate = new StartGate(clock, (endpoint, detail) => log.warn({ endpoint }, detail));
    this.#guardian = new Guardian({
      clock,
      reporter: this.#reporter,
      bootId,
      stopped,
      defect,
      changed: describe,
    });
    this.#bindings = new Bindings({
      clock,
      log,
      journal,
      kinds: this.#kinds(gate, bootId),
      gate,
      secrets: config.secrets.resolve,
      programs: config.programs.resolve,
      memories: await journal.memories(),
      defect,
      changed: describe,
    });
    const runs = new CommandRuns({
      clock,
      journal,
      reporter: this.#reporter,
      bootId,
    });
    // What was interrupted for a command goes on, if that left something to be done.
    const released = (endpoint: Endpoint): void => {
      endpoint.released();
      describe();
    };
    this.#commands = new Commands({
      clock,
      log,
      session: this.#session,
      clocks: this.#clocks,
      journal,
      reporter: this.#reporter,
      runs,
      answers: this.#answers,
      fences,
      endpoint: (id) => this.#bindings.get(id),
      stopped,
      fenced: describe,
      released,
    });
    // Before everything that may take its time: consoles are read from here on.
    this.consoles.start();
    const desired = await journal.desired();
    if (desired) await this.#atMost(OPENING_HOLDS_UP, this.#bindings.apply(desired));
    await this.#recover(runs, released);
    answerRequests(this.#requests, {
      clock,
      endpoint: (id) => this.#bindings.get(id),
      triedAgain: (id, signal) => this.#bindings.triedAgain(id, signal),
      secret: config.secrets.resolve,
    });
    this.#bindings.attend();
    drivers = await catalogue;
    this.#serve();
  }

  stats(): AgentStats {
    return { ...this.journal.stats(), consoles: this.consoles.stats() };
  }

  #kinds(gate: StartGate, bootId: string | undefined): EndpointKinds {
    return endpointKinds({
      gate,
      bootId,
      guardian: this.#guardian,
      reporter: this.#reporter,
      readings: this.#readings,
      consoles: this.consoles,
      overtakes: (endpoint, action) => this.#bindings.overtake(endpoint, action),
      defect: this.defect,
    });
  }

  async stop(): Promise<void> {
    const { clock, log } = this;
    for (const cancel of this.#timers) cancel();
    this.#readings.stop();
    const enough = new AbortController();
    const late = clock.sleep(STOP_WITHIN, enough.signal).then(
      () => log.warn({}, "commands are left under way; the next start brings them to their end"),
      () => undefined,
    );
    this.#commands.refuse();
    const done = Promise.all([this.#commands.idle(), this.#recovering]).then(() =>
      this.#reported(),
    );
    await Promise.race([done, late]);
    await this.#session.stop();
    await this.#readings.close();
    this.#stopped.abort(new Error("the agent stops"));
    enough.abort();
    await Promise.all([this.#commands.idle(), this.#recovering, this.#guardian.idle()]);
    await this.#reporter.stop();
    // What consoles say from here on waits in their spools for the next start.
    await this.consoles.stop();
    await this.#bindings.close();
    await this.consoles.close();
    await this.journal.close();
    this.lock.release();
  }

  /** Outcomes are worth a moment's wait, so that nobody has to take the agent for lost in the middle of a command. */
  async #reported(): Promise<void> {
    const { clock, journal } = this;
    for (let left = 20; left > 0 && this.#session.connected; left--) {
      if ((await journal.outbox.unacknowledged(1, 1)).length === 0) return;
      await clock.sleep(milliseconds(50));
    }
  }

  /** Every endpoint with an open command is taken before this resolves; most commands have ended by then. */
  async #recover(runs: CommandRuns, released: (endpoint: Endpoint) => void): Promise<void> {
    const { journal, clock, defect } = this;
    const { signal: stopped } = this.#stopped;
    const said = (report: Parameters<Answers["set"]>[0]): void =>
      this.#answers.set(report, LONGEST_TTL_MS);
    this.#recovering = recoverCommands(await journal.open(), {
      clock,
      journal,
      runs,
      stopped,
      said,
      released,
      defect,
      endpoint: (id) => this.#bindings.get(id),
      remembered: (id, patch) => this.#bindings.hold(id, patch),
    });
    await this.#atMost(RECOVERY_HOLDS_UP, this.#recovering);
  }

  /** Waits for what goes on beside when it takes longer. */
  async #atMost(limit: Duration, work: Promise<unknown>): Promise<void> {
    const enough = new AbortController();
    const late = this.clock.sleep(limit, enough.signal).catch(() => undefined);
    work.catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) this.defect(error);
    });
    await Promise.race([work, late]);
    enough.abort();
  }

  #serve(): void {
    const { clock } = this;
    const tidy = tidies(this.journal, this.log);
    const agent = this.config.id;
    const session = this.#session;
    session.subscribe(
      serviceClock,
      {},
      ({ payload, receivedMs }) => this.#clocks.observe(payload, receivedMs),
      { retained: "drop" },
    );
    session.subscribe(agentCommand, { agent }, (message) => {
      this.#commands.receive(message).catch(this.defect);
    });
    session.subscribe(
      agentAck,
      { agent, service: "power" },
      ({ payload }) => this.#acknowledged(payload),
      { retained: "drop" },
    );
    session.subscribe(
      agentAck,
      { agent, service: "telemetry" },
      ({ payload }) => this.#readings.acknowledged(payload),
      { retained: "drop" },
    );
    session.subscribe(agentDesired, { agent }, ({ payload }) => this.#configure(payload), {
      cleared: () => this.#configure(undefined),
    });
    session.onBorn(() => {
      this.#bindings.repeat();
      this.#readings.connected();
    });
    session.onDisconnect(() => this.#readings.disconnected());
    this.#requests.start();
    this.#reporter.start();
    this.#readings.start();
    this.#timers.push(
      clock.every(HOUSEKEEPING, () => {
        this.#answers.sweep();
        tidy().catch(this.defect);
      }),
    );
    session.start();
  }

  async #acknowledged(ack: Parameters<Reporter["acknowledged"]>[0]): Promise<void> {
    try {
      await this.#reporter.acknowledged(ack);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      this.log.error(
        { err: error },
        "an acknowledgement could not be recorded; its events will be sent again",
      );
    }
  }

  /** A configuration that was taken back says nothing of what is to go. */
  async #tidy(): Promise<void> {
    const endpoints = this.#desired?.endpoints.map(({ endpoint }) => endpoint);
    if (endpoints) await this.consoles.keepOnly(endpoints);
  }

  /** Keeps the configuration for a start without the broker, then applies it, while the next message is read already. */
  async #configure(desired: AgentDesired | undefined): Promise<void> {
    try {
      await this.journal.keepDesired(desired);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      this.log.error(
        { err: error },
        "the configuration could not be kept; it is applied until the next start",
      );
    }
    this.#desired = desired;
    this.#bindings
      .apply(desired ?? { generation: 0, endpoints: [] })
      .then(() => this.#tidy())
      .catch(this.defect);
  }
}
