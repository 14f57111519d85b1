import { AGENT_PROTOCOL, type AgentCommand, type CommandReport } from "@outrider/contracts/agent";
import { commandId, type CommandId } from "@outrider/contracts/ids";
import type { ActStep, Capabilities } from "@outrider/contracts/ladder";
import type { Host, PowerResult, PowerSet, Supply } from "@outrider/contracts/power";
import type { ClockReading } from "@outrider/contracts/service";
import {
  admit,
  JOIN_WINDOW_MS,
  type Admission,
  type Recent,
} from "@outrider/power-service/admission";
import { advance } from "@outrider/power-service/run";
import type { Run, RunEvent, World as RunWorld } from "@outrider/power-service/run-state";
import { haltWaitMs } from "@outrider/power-service/run-halt";
import { endsStart, isTimed, mayHaveStarted, startOf } from "@outrider/power-service/run-start";
import { StartQueue, type Room } from "@outrider/power-service/start-queue";
import type { Start } from "@outrider/power-service/starts";
import type { AgentStatus, Connection } from "./network.js";
import { point, sleep, type Process, type Steps } from "./scheduler.js";
import { ENDPOINT, NODE } from "./names.js";
import type { World } from "./world.js";

const PROBE_MS = 5_000;
const AGENT_GRACE_MS = 30_000;
const OWED_GRACE_MS = 600_000;
const ACTING_LIMIT_MS = 180_000;
const GRACEFUL_LIMIT_MS = 20_000;
const STALE_MS = 15_000;
/** Watts are no part of the model. */
const ROOM: Room = {
  nodes: [],
  runningWatts: () => 0,
  startingWatts: () => 0,
  offSinceMs: () => undefined,
};
const SUPPLY = { power: ["On", "ForceOff", "PowerCycle", "PushPowerButton"] } as const;
const ALL = { ...SUPPLY, console: ["GracefulShutdown"] } as const;

/** The power service's journal. */
export class PowerDisk {
  /** What was answered at once, by actor and id. */
  readonly answers = new Map<string, PowerResult>();
  readonly runs = new Map<string, { run: Run; announced: boolean }>();
}

interface Active {
  readonly run: Run;
  readonly acceptedMs: number;
  readonly timers: { over: boolean };
}

export interface AskedSet {
  readonly set: PowerSet;
  readonly actor: string;
  readonly wasRetained: boolean;
}

/** One life of the power service: the real decisions in a shell that can end at any step. */
export class ModelPower {
  readonly process: Process;
  readonly clockId: string;
  readonly #bornMs: number;
  #connection: Connection | undefined;
  #active: Active | undefined;
  #recent: { readonly run: Run; readonly acceptedMs: number } | undefined;
  #agent: AgentStatus | undefined;
  #seen: { readonly supply: Supply; readonly host: Host; readonly atMs: number } | undefined;
  readonly #lane: (() => Steps)[] = [];
  #busy = false;
  #heardMs = 0;
  /** Of the machine's power domain, as `pacing.ts` has it; several agents are in it. */
  readonly #starts: StartQueue | undefined;
  #mintedLast: CommandId | undefined;

  constructor(
    private readonly world: World,
    private readonly disk: PowerDisk,
    name: string,
  ) {
    this.process = { name, alive: true };
    this.#bornMs = world.scheduler.nowMs;
    this.clockId = world.mintId("clock");
    const { spacingMs: startSpacingMs } = world;
    if (startSpacingMs > 0 && world.holds("starts-are-paced")) {
      const limits = { startSpacingMs, startDurationMs: 0, oneAgent: false };
      const quietMs = world.holds("quiet-at-first") ? startSpacingMs : 0;
      this.#starts = new StartQueue(limits, this.#bornMs + quietMs);
    }
    this.#spawn(this.#live());
  }

  get #capabilities(): Capabilities {
    return this.world.hasConsole ? ALL : SUPPLY;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get idle(): boolean {
    return (
      this.#active === undefined &&
      !this.#busy &&
      [...this.disk.runs.values()].every(({ announced }) => announced)
    );
  }

  get epoch(): string | undefined {
    return this.#agent?.state === "ready" ? this.#agent.epoch : undefined;
  }

  reading(): ClockReading {
    return { id: this.clockId, ms: this.monotonicMs };
  }

  get monotonicMs(): number {
    return 100 + this.world.scheduler.nowMs - this.#bornMs;
  }

  ask(asked: AskedSet): void {
    this.#enqueue(() => this.#ask(asked));
  }

  /**
   * @param saidMs when the agent said so
   * @param recorded told once what follows from it is in the journal
   */
  report(report: CommandReport, saidMs: number, recorded: () => void): void {
    this.#heardMs = Math.max(this.#heardMs, saidMs);
    this.#enqueue(() => this.#reported(report, recorded));
  }

  *#reported(report: CommandReport, recorded: () => void): Steps {
    if (report.terminal) yield* this.#apply({ kind: "report", report });
    recorded();
  }

  see(supply: Supply, host: Host, saidMs: number): void {
    // One connection, one topic: what was seen before a report is heard before it, or never (MQTT-4.6.0).
    if (saidMs < this.#heardMs) return;
    this.#heardMs = saidMs;
    this.#seen = { supply, host, atMs: this.world.scheduler.nowMs };
    if (this.#active?.run.phase.kind === "awaiting-halt")
      this.#feed({ kind: "seen", supply, host });
  }

  disconnected(): void {
    this.#connection = undefined;
    this.#agent = undefined;
    if (this.#active?.run.phase.kind === "acting") this.#active.timers.over = true;
  }

  *#live(): Steps {
    const { world, disk } = this;
    for (const { run } of disk.runs.values()) {
      if (run.phase.kind === "done") continue;
      this.#adopt({ ...run, seq: run.seq + 2 }, world.scheduler.nowMs);
      const start = startOf(run);
      if (start && run.phase.kind === "acting" && world.holds("slots-are-held-again"))
        this.#starts?.hold(start, world.scheduler.nowMs);
      if (run.phase.kind === "waiting-for-slot" && isTimed(run))
        this.#feed({ kind: "limit-reached" });
    }
    for (let tick = 0; ; tick++) {
      if (!this.#connection && (this.#connection = world.connectPower(this))) {
        world.network.hearStatus(this.#connection, (status) => this.#status(status));
        this.#beacon();
        this.#enqueue(() => this.#connected());
      }
      if (tick % 10 === 0) this.#beacon();
      yield* sleep(200);
    }
  }

  *#connected(): Steps {
    for (const { run, announced } of this.disk.runs.values()) {
      if (run.phase.kind !== "done" || announced) continue;
      if (!this.world.holds("outcome-until-taken")) continue;
      const again = this.world.holds("outcome-keeps-its-number")
        ? run
        : { ...run, seq: run.seq + 1 };
      yield* this.#announce(again);
    }
    this.#rearm();
  }

  #beacon(): void {
    if (this.#connection) this.world.beacon(this.#connection, this.reading());
  }

  #status(status: AgentStatus): void {
    if (status.state === "ready") this.#beacon();
    this.#agent = status;
    const phase = this.#active?.run.phase.kind;
    if (status.state === "ready" && phase === "waiting-for-agent")
      this.#feed({ kind: "agent-ready" });
    else if (phase === "acting") this.#rearm();
  }

  *#ask(asked: AskedSet): Steps {
    const { world, disk } = this;
    const { set, actor } = asked;
    const answered = set.id !== undefined && disk.answers.get(`${actor} ${set.id}`);
    if (answered) return this.#publish(answered, () => {});
    const once = world.holds("public-ids-once");
    const recent = once
      ? this.#recents()
      : this.#recents().filter(({ run }) => run.phase.kind !== "done");
    if (
      once &&
      set.id !== undefined &&
      !recent.some(({ run }) => run.id === set.id && run.actor === actor)
    ) {
      const found = [...disk.runs.values()].find(
        ({ run }) => run.id === set.id && run.actor === actor,
      );
      if (found) return yield* this.#repeat(found.run);
    }
    const seen = this.#fresh();
    const request = {
      ...asked,
      wasRetained: asked.wasRetained && world.holds("retained-set-is-refused"),
      ageMs: 0,
      ttlMs: set.ttlMs ?? 10_000,
    };
    const admission = admit(
      request,
      {
        capabilities: this.#capabilities,
        supply: seen?.supply ?? "Unknown",
        host: seen?.host ?? "Unknown",
        trouble: this.epoch === undefined ? { reasonCode: "agent-away", detail: "" } : undefined,
      },
      recent,
    );
    switch (admission.kind) {
      case "reject":
        return this.#answer(asked, { status: "Rejected", reasonCode: admission.reasonCode });
      case "unchanged":
        return this.#answer(asked, { status: "Succeeded" });
      case "repeat":
        return yield* this.#repeat(admission.run);
      case "accept":
        return yield* this.#accept(asked, admission);
    }
  }

  *#accept(
    { set, actor, wasRetained }: AskedSet,
    admission: Extract<Admission, { kind: "accept" }>,
  ): Steps {
    const { world } = this;
    if (admission.supersedes) yield* this.#apply({ kind: "superseded", by: actor });
    const key = world.mintId("run");
    const now = world.timestamp("power");
    const fresh: Run = {
      key,
      id: set.id ?? commandId(key),
      node: NODE,
      action: set.action,
      actor,
      via: "mqtt",
      ttlMs: set.ttlMs ?? 10_000,
      gracefulLimitMs: GRACEFUL_LIMIT_MS,
      startedAt: now,
      steps: admission.steps,
      index: 0,
      escalation: admission.escalation,
      escalated: false,
      attempt: 1,
      phase: { kind: "awaiting-halt", since: now },
      seq: 0,
    };
    const run = { ...this.#advance(fresh, { kind: "begin" }), seq: 1 };
    yield* point("power.before-accept");
    if (world.holds("run-before-send")) {
      yield* sleep(world.diskMs("power"));
      this.#save(run);
    }
    yield* point("power.accepted");
    world.scheduler.note(`${this.process.name} accepts ${run.action} ${run.id}`);
    world.records.promised.set(key, {
      id: run.id,
      actor,
      action: run.action,
      retained: wasRetained,
    });
    this.#publish({ ...this.#result(run), status: "Accepted", terminal: false, seq: 0 }, () => {});
    this.#adopt(run, world.scheduler.nowMs);
    this.#arm();
    yield* point("power.told-accepted");
    if (!world.holds("run-before-send")) {
      yield* sleep(world.diskMs("power"));
      this.#save(run);
    }
  }

  *#apply(event: RunEvent): Steps {
    const { world } = this;
    const active = this.#active;
    if (!active) return;
    const { run } = active;
    const start = startOf(run);
    if (start && run.phase.kind === "acting" && endsStart(run, event)) {
      world.records.startsOver.set(run.phase.command.id, world.scheduler.nowMs);
      this.#starts?.ended(start, mayHaveStarted(event), world.scheduler.nowMs);
    }
    const advanced = this.#advance(run, event);
    if (advanced === run) return;
    if (start && !startOf(advanced)) this.#starts?.withdraw(start);
    const next = advanced.phase.kind === "done" ? advanced : { ...advanced, seq: run.seq + 1 };
    yield* point("power.reported");
    yield* sleep(world.diskMs("power"));
    this.#save(next);
    yield* point("power.saved");
    if (this.#active) this.#active.timers.over = true;
    world.scheduler.note(`${this.process.name} run ${run.id} is ${next.phase.kind}`);
    if (next.phase.kind === "done") {
      this.#active = undefined;
      this.#recent = { run: next, acceptedMs: active.acceptedMs };
      yield* this.#announce(next);
      yield* point("power.told-outcome");
      return;
    }
    this.#adopt(next, active.acceptedMs);
    this.#arm();
    this.#publish(
      { ...this.#result(next), status: "InProgress", terminal: false, seq: run.seq },
      () => {},
    );
  }

  #advance(run: Run, event: RunEvent): Run {
    const { world } = this;
    const { phase } = run;
    const forgets =
      !world.holds("owed-revival") &&
      (phase.kind === "acting" || phase.kind === "waiting-for-agent");
    const from = forgets
      ? ({ ...run, phase: { ...phase, step: { ...phase.step, owed: false } } } as Run)
      : run;
    const after = advance(from, event, this.#runWorld());
    return after === from ? run : after;
  }

  #runWorld(): RunWorld {
    return {
      capabilities: this.#capabilities,
      supply: this.#fresh()?.supply ?? "Unknown",
      now: this.world.timestamp("power"),
      envelope: (step, run) => this.#envelope(step, run),
      takeSlot: (step, run) => this.#takeSlot({ key: run.key, node: NODE, owed: step.owed }),
    };
  }

  #takeSlot(start: Start): string | undefined {
    const starts = this.#starts;
    if (!starts) return undefined;
    starts.add(start);
    if (starts.next(this.world.scheduler.nowMs, ROOM).kind === "go") return undefined;
    // Nobody will ever send what was made for it.
    if (this.#mintedLast) this.world.records.issued.delete(this.#mintedLast);
    return "psu";
  }

  /** Lets a start go that waits, as soon as it may. */
  #awaitSlot(start: Start, timers: { readonly over: boolean }): void {
    const starts = this.#starts;
    if (!starts || timers.over || !this.process.alive) return;
    const { scheduler } = this.world;
    if (starts.waiting === 0) starts.add(start);
    const next = starts.next(scheduler.nowMs, ROOM);
    if (next.kind === "go") {
      this.#enqueue(() => (timers.over ? nothing() : this.#apply({ kind: "slot-granted" })));
      return;
    }
    const untilMs = next.kind === "wait" ? (next.untilMs ?? scheduler.nowMs + 50) : scheduler.nowMs;
    scheduler.after(Math.max(1, untilMs - scheduler.nowMs), () => this.#awaitSlot(start, timers));
  }

  #envelope(step: ActStep, run: Run): { agent: string; command: AgentCommand } | undefined {
    const { world, epoch } = this;
    if (epoch === undefined) return undefined;
    const command: AgentCommand = {
      v: AGENT_PROTOCOL,
      id: commandId(world.mintId("c")),
      node: NODE,
      endpoint: ENDPOINT,
      action: step.action,
      actor: run.actor,
      via: run.via,
      issuedAt: world.timestamp("power"),
      clock: this.reading(),
      ttlMs: run.ttlMs,
      epoch,
    };
    world.issued(command, run.key);
    this.#mintedLast = command.id;
    return { agent: "a", command };
  }

  /** As `dispatch.ts` does it. */
  #arm(): void {
    const active = this.#active;
    if (!active) return;
    const { run, timers } = active;
    const { phase } = run;
    const after = (spanMs: number, event: RunEvent): void => {
      this.world.scheduler.after(spanMs, () => {
        if (!timers.over && this.process.alive) {
          this.#enqueue(() => (timers.over ? nothing() : this.#apply(event)));
        }
      });
    };
    switch (phase.kind) {
      case "acting":
        if (this.epoch === undefined) after(graceMs(phase.step), { kind: "agent-lost-for-good" });
        else {
          this.#spawn(this.#send(phase.step, run, phase.command, timers));
          after(run.ttlMs + ACTING_LIMIT_MS, { kind: "agent-lost-for-good" });
        }
        return;
      case "waiting-for-slot": {
        const start = startOf(run);
        if (start) this.#awaitSlot(start, timers);
        return isTimed(run) ? after(run.ttlMs, { kind: "limit-reached" }) : undefined;
      }
      case "awaiting-halt":
        return after(haltWaitMs(run), { kind: "limit-reached" });
      case "waiting-for-agent":
        if (this.epoch !== undefined) after(0, { kind: "agent-ready" });
        if (phase.step.owed) return undefined;
        return after(AGENT_GRACE_MS, { kind: "limit-reached" });
      case "pausing":
        return after(phase.pauseMs, { kind: "limit-reached" });
      case "done":
        return;
    }
  }

  *#send(step: ActStep, run: Run, first: AgentCommand, timers: { over: boolean }): Steps {
    let command = first;
    while (!timers.over) {
      if (this.#connection) {
        this.world.command(this.#connection, command);
        yield* point("power.issued");
      }
      yield* sleep(PROBE_MS);
      if (!this.world.holds("same-command-again")) {
        command = this.#envelope(step, run)?.command ?? command;
        const active = this.#active;
        if (!timers.over && active?.run.phase.kind === "acting") {
          this.#active = {
            ...active,
            run: { ...active.run, phase: { ...active.run.phase, command } },
          };
        }
      }
    }
  }

  #rearm(): void {
    const active = this.#active;
    if (!active) return;
    active.timers.over = true;
    this.#active = { ...active, timers: { over: false } };
    this.#arm();
  }

  *#repeat(run: Run): Steps {
    if (run.phase.kind === "done") yield* this.#announce(run);
  }

  *#announce(run: Run): Steps {
    if (run.phase.kind !== "done") return;
    const { outcome } = run.phase;
    const answers: boolean[] = [];
    this.#publish({ ...this.#result(run), ...outcome, terminal: true }, (ok) => answers.push(ok));
    while (answers.length === 0) yield* sleep(5);
    if (!answers[0]) return;
    yield* sleep(1);
    const row = this.disk.runs.get(run.key);
    if (row) row.announced = true;
  }

  #answer({ set, actor }: AskedSet, outcome: Pick<PowerResult, "status" | "reasonCode">): void {
    const at = this.world.timestamp("power");
    const id = set.id ?? commandId(this.world.mintId("answer"));
    const answer: PowerResult = {
      id,
      seq: 0,
      action: set.action,
      actor,
      via: "mqtt",
      startedAt: at,
      terminal: true,
      ...outcome,
    };
    if (set.id !== undefined && this.world.holds("answers-are-remembered")) {
      this.disk.answers.set(`${actor} ${set.id}`, answer);
    }
    this.#publish(answer, () => {});
  }

  #result({
    id,
    seq,
    action,
    actor,
    via,
    startedAt,
  }: Run): Pick<PowerResult, "id" | "seq" | "action" | "actor" | "via" | "startedAt"> {
    return { id, seq, action, actor, via, startedAt };
  }

  #publish(result: PowerResult, taken: (ok: boolean) => void): void {
    if (this.#connection) this.world.tell(this.#connection, result, taken);
    else taken(false);
  }

  #save(run: Run): void {
    this.disk.runs.set(run.key, { run, announced: false });
  }

  #adopt(run: Run, acceptedMs: number): void {
    this.#active = { run, acceptedMs, timers: { over: false } };
  }

  #fresh(): { readonly supply: Supply; readonly host: Host } | undefined {
    return this.#seen && this.world.scheduler.nowMs - this.#seen.atMs <= STALE_MS
      ? this.#seen
      : undefined;
  }

  #recents(): Recent[] {
    const { nowMs } = this.world.scheduler;
    const all = [this.#active, this.#recent].filter((one) => one !== undefined);
    return all
      .map(({ run, acceptedMs }) => ({ run, ageMs: nowMs - acceptedMs }))
      .filter(({ run, ageMs }) => run.phase.kind !== "done" || ageMs <= JOIN_WINDOW_MS);
  }

  #feed(event: RunEvent): void {
    this.#enqueue(() => this.#apply(event));
  }

  #enqueue(task: () => Steps): void {
    this.#lane.push(task);
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const task = this.#lane.shift();
    this.#busy = task !== undefined;
    if (task) this.world.scheduler.spawn(this.process, task(), () => this.#next());
  }

  #spawn(steps: Steps): void {
    this.world.scheduler.spawn(this.process, steps);
  }
}

function graceMs(step: ActStep): number {
  return step.owed ? OWED_GRACE_MS : AGENT_GRACE_MS;
}

function* nothing(): Steps {}
