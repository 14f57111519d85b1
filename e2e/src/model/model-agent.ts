import { Answers } from "@outrider/agent/answers";
import { nextAttempt } from "@outrider/agent/attempts";
import { decide, type GateFacts } from "@outrider/agent/command-gate";
import {
  acceptedReport,
  type CommandRecord,
  type CommandStep,
} from "@outrider/agent/command-record";
import { cycleOutcome, recover, type Ending, type PowerOnEnd } from "@outrider/agent/recovery";
import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import type { CommandId } from "@outrider/contracts/ids";
import type { ClockReading } from "@outrider/contracts/service";
import { ClockTable } from "@outrider/messaging/clock-table";
import type { Connection } from "./network.js";
import { point, sleep, type Process, type Steps } from "./scheduler.js";
import { ENDPOINT, NODE } from "./names.js";
import type { World } from "./world.js";

const DWELL_MS = 1_000;
/** A third of the agent's own, so that more happens while an On is owed. */
const SILENCE_MS = 20_000;
const RECOVERY_HOLDS_UP_MS = 5_000;
/** The model has one endpoint for the supply and the console. */
const ACTIONS = ["On", "ForceOff", "PowerCycle", "PushPowerButton", "GracefulShutdown"] as const;

interface Kept extends CommandRecord {
  readonly fence: number | undefined;
}

/** The agent's journal: what survives it. */
export class AgentDisk {
  readonly commands = new Map<CommandId, Kept>();
  readonly outbox = new Map<number, CommandReport>();
  nextSeq = 1;
  owed: CommandId | undefined;
  attempts = 0;
  fault: string | undefined;
  fence: number | undefined;
}

interface Activity {
  readonly what: string;
  interruptible: boolean;
  over: boolean;
}

/** One life of the agent: the real decisions in a shell that can end at any step. */
export class ModelAgent {
  readonly process: Process = { name: "agent", alive: true };
  #clocks = new ClockTable();
  readonly #shortestDelayMs = new Map<string, number>();
  readonly #answers: Answers;
  readonly #bornMs: number;
  #activity: Activity | undefined;
  #connection: Connection | undefined;
  #epoch: string | undefined;

  constructor(
    private readonly world: World,
    private readonly disk: AgentDisk,
  ) {
    this.#bornMs = world.scheduler.nowMs;
    this.#answers = new Answers({ monotonicMs: () => this.monotonicMs } as Clock);
    this.#spawn(this.#live());
  }

  get epoch(): string | undefined {
    return this.#epoch;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Nothing is being done and nothing owed. */
  get idle(): boolean {
    return (
      this.#activity === undefined && this.disk.owed === undefined && this.disk.outbox.size === 0
    );
  }

  get monotonicMs(): number {
    return 7_000_000 + (this.world.scheduler.nowMs - this.#bornMs) * 1.0002;
  }

  observe(reading: ClockReading): void {
    this.#delayOf(reading);
    if (this.world.holds("best-reading-counts")) this.#clocks.observe(reading, this.monotonicMs);
    else this.#newest(reading);
  }

  receive(command: AgentCommand, retained: boolean): void {
    if (!retained && this.world.holds("best-reading-counts")) {
      if (this.#clocks.ageMs(command.clock, this.monotonicMs) !== undefined)
        this.#delayOf(command.clock);
      this.#clocks.sample(command.clock, this.monotonicMs);
    }
    this.#spawn(this.#handle(command, retained));
  }

  acknowledged(epoch: string, seq: number): void {
    if (epoch !== this.#epoch) return;
    for (const one of this.disk.outbox.keys()) if (one <= seq) this.disk.outbox.delete(one);
  }

  *#live(): Steps {
    const { world } = this;
    const open = [...this.disk.commands.values()].filter(({ outcome }) => !outcome);
    if (world.holds("recovery-first")) {
      const left = new Set(open);
      for (const record of open) {
        const activity = this.#begin(`recovery of ${record.id}`, false);
        world.scheduler.spawn(this.process, this.#recover(record, activity), () =>
          left.delete(record),
        );
      }
      for (let waited = 0; left.size > 0 && waited < RECOVERY_HOLDS_UP_MS; waited += 50)
        yield* sleep(50);
    } else {
      for (const record of open) {
        const activity: Activity = { what: "", interruptible: false, over: false };
        world.scheduler.after(3_000, () => this.#spawn(this.#recover(record, activity)));
      }
    }
    if (!this.#activity && this.disk.owed) this.#spawn(this.#payOwed());
    for (let tick = 0; ; tick++) {
      if (!this.#connection && (this.#connection = world.connectAgent(this)))
        this.#born(this.#connection);
      if (tick % 10 === 0) this.#sendOutbox();
      if (tick % 5 === 0) this.#observeDevice();
      yield* sleep(200);
    }
  }

  /** The client has noticed that its connection is over. */
  disconnected(): void {
    this.world.sessionOver(this.#epoch);
    this.#connection = undefined;
    this.#epoch = undefined;
  }

  #born(connection: Connection): void {
    const { world } = this;
    this.#epoch = world.mintEpoch();
    world.scheduler.note(`agent connected ${this.#epoch}`);
    world.network.birth(connection, this.#epoch);
  }

  *#handle(command: AgentCommand, retained: boolean): Steps {
    const { world, disk } = this;
    let known: CommandReport | undefined;
    let lookedUp = !world.holds("known-before-epoch");
    for (;;) {
      const decision = decide(this.#facts(command, retained, known, lookedUp));
      switch (decision.kind) {
        case "drop":
          return;
        case "repeat":
          return this.#tell(decision.report);
        case "look-up": {
          yield* sleep(1);
          const record = disk.commands.get(command.id);
          known = record && (record.outcome ?? acceptedReport(record));
          lookedUp = true;
          break;
        }
        case "read":
          return;
        case "reject": {
          world.scheduler.note(`agent rejects ${command.id} ${decision.reasonCode}`);
          world.records.refused.set(command.id, world.scheduler.nowMs);
          const { id, endpoint, action } = command;
          const { reasonCode, detail } = decision;
          const report = {
            id,
            endpoint,
            action,
            status: "Rejected",
            terminal: true,
            reasonCode,
            detail,
          } as const;
          if (world.holds("refusals-are-remembered")) this.#answers.set(report, command.ttlMs);
          return this.#tell(report);
        }
        case "accept":
          return yield* this.#accept(command, retained, decision.startWithinMs);
      }
    }
  }

  #facts(
    command: AgentCommand,
    retained: boolean,
    known: CommandReport | undefined,
    lookedUp: boolean,
  ): GateFacts {
    const { world, disk } = this;
    const answer = this.#answers.get(command.id) ?? known;
    const refusal = answer?.status === "Rejected";
    let ageMs = this.#clocks.ageMs(command.clock, this.monotonicMs);
    if (!world.holds("unknown-clock-refused")) ageMs ??= 0;
    if (!world.holds("deadline")) ageMs = 0;
    if (!world.holds("deadline-without-wall-clocks")) {
      ageMs = Math.max(0, world.wallMs("agent") - Date.parse(command.issuedAt));
    }
    const activity = this.#activity;
    return {
      command,
      addressed: ENDPOINT,
      retained: retained && world.holds("retained-is-dropped"),
      known: world.holds("known-ids-act-never") || refusal ? answer : undefined,
      lookedUp,
      epoch: world.holds("session-epoch") ? this.#epoch : command.epoch,
      ageMs,
      highestFence: world.holds("lower-fence-refused") ? disk.fence : undefined,
      endpoint: {
        node: NODE,
        failure: undefined,
        actions: ACTIONS,
        busyWith:
          activity && !activity.interruptible && world.holds("busy-is-refused")
            ? activity.what
            : undefined,
        fault: disk.fault,
      },
      supply: "not-read",
    };
  }

  *#accept(command: AgentCommand, retained: boolean, startWithinMs: number): Steps {
    const { world, disk } = this;
    const { id, node, endpoint, action, actor, via, reason, epoch, fence } = command;
    const startByMs = this.monotonicMs + startWithinMs;
    const activity = this.#begin(`${action} (${id})`, false);
    const acceptedAt = world.timestamp("agent");
    const record: Kept = {
      id,
      node,
      endpoint,
      action,
      actor,
      via,
      reason,
      epoch,
      step: "acting",
      acceptedAt,
      outcome: undefined,
      fence,
    };
    this.#answers.set(acceptedReport(record), command.ttlMs);
    if (fence !== undefined) disk.fence = Math.max(disk.fence ?? 0, fence);
    const formerlyOwed = disk.owed;
    yield* point("agent.before-accept");
    const write = (): boolean => {
      if (disk.commands.has(id) && world.holds("known-ids-act-never")) return false;
      disk.commands.set(id, record);
      if (world.holds("new-command-settles-owed") && action === "ForceOff") disk.owed = undefined;
      if (action === "On" || action === "PowerCycle") disk.attempts = 0;
      if (action === "On") disk.fault = undefined;
      return true;
    };
    if (world.holds("journal-before-act")) {
      yield* sleep(world.diskMs("agent"));
      if (!write()) {
        this.#end(activity);
        const outcome = disk.commands.get(id)?.outcome;
        return this.#tell(outcome ?? acceptedReport(record));
      }
    }
    world.records.accepted.push({
      id,
      atMs: world.scheduler.nowMs,
      retained,
      uncertaintyMs: this.#shortestDelayMs.get(command.clock.id) ?? 0,
    });
    world.scheduler.note(`agent accepts ${action} ${id}`);
    yield* point("agent.accepted");
    this.#tell(acceptedReport(record));
    const mayStart =
      !world.holds("asked-again-before-the-act") ||
      ((this.#epoch === command.epoch || !world.holds("session-epoch")) &&
        this.monotonicMs <= startByMs);
    if (!mayStart) {
      world.records.tooLate.add(id);
      disk.owed = formerlyOwed;
    }
    const ending: AgentEnding = mayStart
      ? yield* this.#execute(record)
      : { status: "Rejected", reasonCode: "expired", detail: "too late; nothing was done" };
    if (!world.holds("journal-before-act")) {
      yield* sleep(world.diskMs("agent"));
      write();
    }
    yield* this.#conclude(record, activity, ending);
  }

  *#conclude(record: Kept, activity: Activity, ending: AgentEnding): Steps {
    const { disk, world } = this;
    yield* point("agent.verified");
    yield* sleep(world.diskMs("agent"));
    const { id, endpoint, action } = record;
    const { owes, fault, ...rest } = ending;
    const outcome: CommandReport = { id, endpoint, action, terminal: true, ...rest };
    disk.commands.set(id, { ...record, step: "ended", outcome });
    disk.outbox.set(disk.nextSeq++, outcome);
    if (owes && world.holds("owed-on-is-kept")) disk.owed = id;
    // What wanted the same and has not reached the device has not paid it.
    const paid = ending.status === "Succeeded" || fault !== undefined;
    if (paid && (action === "On" || action === "PowerCycle")) disk.owed = undefined;
    if (fault) disk.fault = fault;
    this.#answers.set(outcome, 600_000);
    world.scheduler.note(`agent ends ${id} ${ending.status} ${ending.reasonCode ?? ""}`);
    this.#end(activity);
    yield* point("agent.committed");
    this.#sendOutbox();
    if (disk.owed && !this.#activity) this.#spawn(this.#payOwed());
  }

  *#execute(record: Kept): Steps<AgentEnding> {
    const { device } = this.world;
    const { action, id } = record;
    const before = device.read();
    if (before === undefined) {
      return { status: "Failed", reasonCode: "unreachable", detail: "not read; nothing was done" };
    }
    switch (action) {
      case "On":
      case "ForceOff": {
        const wanted = action === "On" ? "On" : "Off";
        if (before === wanted) return { status: "Succeeded", changed: false, detail: "" };
        return endingOf(yield* this.#switch(wanted, id));
      }
      case "PowerCycle":
        return yield* this.#cycle(record, before === "Off");
      case "PushPowerButton":
      case "ForceRestart":
      case "Nmi":
      case "Wake":
      case "GracefulShutdown": {
        yield* point("agent.acting");
        const answered = device.ask(action === "GracefulShutdown" ? "sys-rq" : "press", id);
        yield* sleep(20);
        yield* point("agent.acted");
        if (!answered) return { status: "Unknown", reasonCode: "timed-out", detail: "" };
        return { status: "Succeeded", changed: true, detail: "" };
      }
    }
  }

  *#cycle(record: Kept, isOff: boolean): Steps<AgentEnding> {
    let step: CommandStep = "acting";
    if (!isOff) {
      const off = yield* this.#switch("Off", record.id);
      if (off !== "verified") {
        yield* this.#switch("On", record.id);
        const given = endingOf(off);
        const end = yield* this.#bringOn(record.id, SILENCE_MS);
        return end.kind === "on" ? { ...given, status: "Failed" } : afterSilence(end);
      }
    }
    yield* point("agent.off-verified");
    step = "dwelling";
    yield* this.#advance(record, step);
    yield* point("agent.dwelling");
    yield* sleep(DWELL_MS);
    yield* this.#advance(record, "on");
    const end = yield* this.#bringOn(record.id, SILENCE_MS);
    return end.kind === "on"
      ? { status: "Succeeded", changed: true, detail: "" }
      : afterSilence(end);
  }

  *#advance(record: Kept, step: CommandStep): Steps {
    yield* sleep(this.world.diskMs("agent"));
    if (this.disk.commands.has(record.id)) this.disk.commands.set(record.id, { ...record, step });
  }

  *#switch(wanted: "On" | "Off", cause: CommandId): Steps<"verified" | "not-verified" | "unknown"> {
    const { device } = this.world;
    yield* point("agent.acting");
    device.ask(wanted === "On" ? "on" : "off", cause);
    yield* sleep(20);
    yield* point("agent.acted");
    for (let waitedMs = 0; ; waitedMs += 250) {
      const seen = device.read();
      if (seen === wanted) return "verified";
      if (waitedMs >= 10_000) return seen === undefined ? "unknown" : "not-verified";
      yield* sleep(250);
    }
  }

  /** As `power-on.ts` does it: looks first, and switches only what is not on. */
  *#bringOn(
    cause: CommandId,
    silenceMs: number | undefined,
    activity?: Activity,
  ): Steps<PowerOnEnd> {
    const { world, disk } = this;
    let silentMs = 0;
    for (;;) {
      const supply = world.device.read();
      if (supply === "On") return { kind: "on" };
      if (supply === undefined) {
        if (silenceMs !== undefined && silentMs >= silenceMs)
          return { kind: "silent", problem: "" };
        silentMs += 1_000;
        yield* sleep(1_000);
        if (activity?.over) return { kind: "exhausted", problem: "" };
        continue;
      }
      const next = nextAttempt(disk.attempts);
      if (next.kind === "exhausted") return { kind: "exhausted", problem: "" };
      yield* sleep(next.pause);
      if (activity?.over) return { kind: "exhausted", problem: "" };
      if (activity) activity.interruptible = false;
      yield* sleep(world.diskMs("agent"));
      disk.attempts += 1;
      yield* point("agent.before-on");
      const result = yield* this.#switch("On", cause);
      if (activity) activity.interruptible = true;
      if (result === "verified") return { kind: "on" };
    }
  }

  *#recover(record: Kept, activity: Activity): Steps {
    const { world } = this;
    const { action, step, id } = record;
    this.#answers.set(acceptedReport(record), 600_000);
    world.scheduler.note(`agent recovers ${action} ${id} at ${step}`);
    if (!world.holds("recovery-repeats-nothing") && action !== "PowerCycle") {
      return yield* this.#conclude(record, activity, yield* this.#execute(record));
    }
    const supply = yield* this.#senseWithin(action === "PowerCycle" ? 0 : 10_000);
    const recovery = recover(action, step, supply);
    if (recovery.kind === "end") {
      const { kind: _, ...ending } = recovery;
      return yield* this.#conclude(record, activity, ending);
    }
    if (!world.holds("recovery-finishes-cycles")) {
      return yield* this.#conclude(record, activity, {
        status: "Failed",
        reasonCode: "interrupted",
        detail: "",
      });
    }
    if (recovery.dwell) yield* sleep(DWELL_MS);
    if (step === "dwelling") yield* this.#advance(record, "on");
    const end = yield* this.#bringOn(id, SILENCE_MS);
    const ending: AgentEnding = {
      ...cycleOutcome(step, end),
      ...(end.kind === "on" ? {} : patchOf(end)),
    };
    yield* this.#conclude(record, activity, ending);
  }

  *#senseWithin(limitMs: number): Steps<"On" | "Off" | undefined> {
    for (let waitedMs = 0; ; waitedMs += 500) {
      const supply = this.world.device.read();
      if (supply !== undefined || waitedMs >= limitMs) return supply;
      yield* sleep(500);
    }
  }

  /** The guardian's part: an On that is owed, until it is paid or somebody else decides. */
  *#payOwed(): Steps {
    const { owed } = this.disk;
    if (!owed) return;
    const activity = this.#begin("the agent's own care", true);
    const end = yield* this.#bringOn(owed, undefined, activity);
    if (activity.over) return;
    if (end.kind === "exhausted") this.disk.fault = "exhausted";
    this.disk.owed = undefined;
    this.#end(activity);
  }

  #begin(what: string, interruptible: boolean): Activity {
    if (this.#activity) this.#activity.over = this.world.holds("new-command-settles-owed");
    const activity: Activity = { what, interruptible, over: false };
    this.#activity = activity;
    return activity;
  }

  #end(activity: Activity): void {
    if (this.#activity === activity) this.#activity = undefined;
  }

  #tell(report: CommandReport): void {
    this.world.report(this, undefined, report);
  }

  #sendOutbox(): void {
    for (const [seq, report] of this.disk.outbox) this.world.report(this, seq, report);
  }

  #observeDevice(): void {
    const supply = this.world.device.read();
    if (supply !== undefined) this.world.observation(this, supply, this.world.device.host);
  }

  #delayOf(reading: ClockReading): void {
    const delayMs = this.world.ageOf(reading);
    const shortest = this.#shortestDelayMs.get(reading.id) ?? Number.POSITIVE_INFINITY;
    this.#shortestDelayMs.set(reading.id, Math.min(shortest, delayMs));
  }

  /** A table that forgets what it knew better: each reading is taken as if it were the first. */
  #newest(reading: ClockReading): void {
    this.#clocks = new ClockTable();
    this.#clocks.observe(reading, this.monotonicMs);
  }

  #spawn(steps: Steps): void {
    this.world.scheduler.spawn(this.process, steps);
  }
}

interface AgentEnding extends Omit<Ending, "status"> {
  readonly status: Ending["status"] | "Rejected";
  readonly owes?: boolean;
  readonly fault?: string;
}

function endingOf(result: "verified" | "not-verified" | "unknown"): AgentEnding {
  if (result === "verified") return { status: "Succeeded", changed: true, detail: "" };
  return result === "unknown"
    ? { status: "Unknown", reasonCode: "unreachable", detail: "" }
    : { status: "Failed", reasonCode: "not-verified", detail: "" };
}

function afterSilence(end: PowerOnEnd): AgentEnding {
  return end.kind === "silent"
    ? { status: "Unknown", reasonCode: "unreachable", detail: "", owes: true }
    : { status: "Failed", reasonCode: "fault-latched", detail: "", fault: "exhausted" };
}

function patchOf(end: PowerOnEnd): Pick<AgentEnding, "owes" | "fault"> {
  return end.kind === "silent" ? { owes: true } : { fault: "exhausted" };
}
