import type { CommandReport } from "@outrider/contracts/agent";
import { reviveStep, type ActStep } from "@outrider/contracts/ladder";
import type { ReasonCode } from "@outrider/contracts/reasons";
import {
  afterHalt,
  askedBy,
  haltWaitMs,
  nextAsk,
  notAsked,
  notObeyed,
  stopNote,
} from "./run-halt.js";
import type { Outcome, Phase, Run, RunEvent, World } from "./run-state.js";

/** Owed rungs are tried this often, with pauses of one second, then four, before the run fails. */
export const OWED_ATTEMPTS = 3;
/** Owed rungs that do not reach the device are repeated this often, ten seconds apart in the end: for ten minutes. */
export const OWED_UNHEARD = 60;

/** So long after its agent had no room for a start it is asked again, in milliseconds. */
export const NO_ROOM_PAUSE_MS = 10_000;
/** An agent that says so often in turn, in the same words, that it has no room will have none: for what is not owed. */
export const NO_ROOM_LIMIT = 3;

/** What a run becomes by an event. The same run: the event does not concern it. */
export function advance(run: Run, event: RunEvent, world: World): Run {
  const { phase } = run;
  if (phase.kind === "done") return run;
  switch (event.kind) {
    case "begin":
      return enter(run, 0, world);
    case "report":
      if (phase.kind !== "acting" || event.report.id !== phase.command.id || !event.report.terminal)
        return run;
      return settled(run, phase.step, event.report, world);
    case "seen":
      if (phase.kind !== "awaiting-halt" || !isDown(event)) return run;
      return stopped(run, world);
    case "limit-reached":
      if (phase.kind === "waiting-for-agent") {
        if (phase.step.owed) return run;
        if (hasWaited(run)) return inVain(run, world, notAsked(run, "its agent is away"));
        return done(
          run,
          world,
          "Failed",
          "agent-away",
          told(run, "the agent did not come back in time; the rung was not sent"),
        );
      }
      if (phase.kind === "waiting-for-slot") {
        const detail = `the start had to wait longer than ${run.ttlMs / 1000} s and nothing was done (${phase.why}); send it with a longer ttl, or as a transition`;
        return disobeyed(run, world, "Failed", "no-start-slot", detail.slice(0, 1000));
      }
      if (phase.kind === "pausing") return act(run, phase.step, world);
      if (phase.kind !== "awaiting-halt") return run;
      return waitedInVain(run, world);
    case "agent-ready":
      return phase.kind === "waiting-for-agent" ? actIfPossible(run, phase.step, world) : run;
    case "slot-granted":
      return phase.kind === "waiting-for-slot" ? send(run, phase.step, world) : run;
    case "never-fits":
      if (phase.kind !== "waiting-for-slot" || phase.step.owed) return run;
      return disobeyed(run, world, "Failed", "no-start-slot", event.why.slice(0, 1000));
    case "canceled":
      if (!hasNotBegun(run)) return run;
      return done(
        run,
        world,
        "Canceled",
        event.reasonCode,
        `${event.by} gave it up before anything was done`,
      );
    case "agent-lost-for-good":
      if (phase.kind !== "acting") return run;
      // What is owed is done whenever its agent returns; a second On changes nothing where the first was done.
      if (phase.step.owed && phase.step.action === "On")
        return { ...run, phase: { kind: "waiting-for-agent", step: phase.step, since: world.now } };
      return unknown(
        run,
        world,
        "agent-lost",
        `agent ${phase.agent} went away after it had been asked; what happened is not known`,
      );
    case "superseded":
      if (!isPreemptible(run)) return run;
      return done(run, world, "Canceled", "superseded", `ForceOff by ${event.by} took its place`);
    default:
      return event satisfies never;
  }
}

/** Whether a ForceOff may take this run's place: while it waits for a host to obey, or has done nothing yet. */
export function isPreemptible(run: Run): boolean {
  return (
    run.phase.kind === "awaiting-halt" ||
    (run.phase.kind === "waiting-for-agent" && !run.phase.step.owed && run.tried !== undefined) ||
    ((run.phase.kind === "waiting-for-slot" || run.phase.kind === "pausing") && hasNotBegun(run))
  );
}

/** Whether nothing of a run was ever done, so that it can be given up without a trace. */
export function hasNotBegun({ phase, index, escalated, attempt, unheard }: Run): boolean {
  if (!("step" in phase) || phase.kind === "acting") return false;
  return !phase.step.owed && index === 0 && !escalated && attempt === 1 && !unheard;
}

/** Whether a rung switches a supply on, at once or after having switched it off. */
export function startsSupply(step: ActStep): boolean {
  if (step.interface !== "power") return false;
  return step.action === "On" || step.action === "PowerCycle" || step.action === "ForceRestart";
}

function enter(run: Run, index: number, world: World): Run {
  const step = run.steps[index];
  const at = { ...run, index, attempt: 1, unheard: 0, noRoom: undefined };
  if (!step) return done(at, world, "Succeeded", undefined, escalationNote(run) ?? stopNote(run));
  switch (step.kind) {
    case "act":
      return act(at, step, world);
    case "await-halt":
      // What was seen while the rung was done need not be said again soon.
      if (isDown(world)) return stopped(at, world);
      return { ...at, phase: { kind: "awaiting-halt", since: world.now } };
    case "revive":
      return act(
        at,
        reviveStep(world.capabilities, { supply: world.supply, wake: run.wake }),
        world,
      );
    default:
      return step satisfies never;
  }
}

/** Begins a rung, unless its agent is away or its power domain has no room. */
function act(run: Run, step: ActStep, world: World): Run {
  const next = send(run, step, world);
  if (next.phase.kind !== "acting" || !startsSupply(step)) return next;
  // Asked for last: a slot is taken only by what can be sent.
  const why = world.takeSlot?.(step, run);
  if (why === undefined) return next;
  return { ...run, phase: { kind: "waiting-for-slot", step, since: world.now, why } };
}

function send(run: Run, step: ActStep, world: World): Run {
  const barred = step.owed ? undefined : world.barred?.(run);
  if (barred) return done(run, world, "Failed", barred.reasonCode, barred.detail);
  const made = world.envelope(step, run);
  if (!made) return { ...run, phase: { kind: "waiting-for-agent", step, since: world.now } };
  return { ...run, phase: { kind: "acting", step, ...made } };
}

function isDown({ supply, host }: Pick<World, "supply" | "host">): boolean {
  return supply === "Off" || host === "Halted";
}

/** The host has stopped, by whatever it was asked last. */
function stopped(run: Run, world: World): Run {
  return enter({ ...run, stoppedBy: askedBy(run) }, afterHalt(run), world);
}

/** The wait for a host is over. Whether it obeyed is known only where somebody can still see it. */
function waitedInVain(run: Run, world: World): Run {
  const next = nextAsk(run);
  if (next !== undefined) return askAgain(run, next, world, notObeyed(run), true);
  const { supply, host } = world;
  const by = run.tried ? ` of ${askedBy(run)}` : "";
  const within = `within ${haltWaitMs(run) / 1000} s${by}`;
  if (supply === "Unknown" && (host ?? "Unknown") === "Unknown") {
    const unseen = `the node could not be seen when the wait ended, so whether the host shut down ${within} is not known`;
    return disobeyed(run, world, "Unknown", "agent-lost", told(run, unseen));
  }
  if (host === "Unknown") {
    const unseen = `nothing shows what the host does, so whether it shut down ${within} is not known`;
    return disobeyed(run, world, "Unknown", "not-verified", told(run, unseen));
  }
  return inVain(run, world, `the host did not shut down ${within}`);
}

/** The last rung that asks was in vain as well. */
function inVain(run: Run, world: World, how: string): Run {
  return disobeyed(run, world, "TimedOut", "not-obeyed", told(run, `${how}; nothing was forced`));
}

/** With what was tried before. */
function told({ tried = [] }: Run, last: string): string {
  return [...tried.map(({ how }) => how), last].join("; ").slice(0, 1000);
}

/** Goes on to the rung that asks next. */
function askAgain(run: Run, next: number, world: World, how: string, waited: boolean): Run {
  return enter({ ...run, tried: [...(run.tried ?? []), { how, waited }] }, next, world);
}

/** Whether something was asked of the host already, and not obeyed. */
function hasWaited({ tried = [] }: Run): boolean {
  return tried.some(({ waited }) => waited);
}

/** The same run while the agent still cannot take the rung: its wait goes on. */
function actIfPossible(run: Run, step: ActStep, world: World): Run {
  const next = act(run, step, world);
  return next.phase.kind === "waiting-for-agent" ? run : next;
}

function settled(run: Run, step: ActStep, report: CommandReport, world: World): Run {
  if (report.status === "Succeeded") {
    const next = enter(run, run.index + 1, world);
    if (next.phase.kind !== "done" || next.escalated) return next;
    const { outcome } = next.phase;
    const said =
      report.detail ?? (report.changed === false ? "there was nothing to change" : undefined);
    // Of a host that is known to have stopped, what the rung that asked it had to say is over.
    const known = [outcome.detail, step.owed ? said : undefined].filter((one) => one !== undefined);
    const detail = known.length > 0 ? known.join("; ") : said;
    return { ...next, phase: { kind: "done", outcome: { ...outcome, detail } } };
  }
  const { reasonCode, detail } = report;
  // The agent limits its domains too, and did nothing because it had no room in time: who waits for ever, waits again.
  const pausing = (pauseMs: number): Phase => ({
    kind: "pausing",
    step,
    since: world.now,
    pauseMs,
  });
  const isPatient = step.owed || run.patience === "unlimited";
  if (isPatient && report.status === "Rejected" && reasonCode === "no-start-slot") {
    const times = run.noRoom?.detail === detail ? (run.noRoom?.times ?? 0) + 1 : 1;
    if (step.owed || times < NO_ROOM_LIMIT)
      return { ...run, noRoom: { detail, times }, phase: pausing(NO_ROOM_PAUSE_MS) };
  }
  const unheard = run.unheard ?? 0;
  // Of anything but an On, a second one where the first may have been done is another one.
  const isSafe = report.status !== "Unknown" || step.action === "On";
  if (step.owed && isSafe && isUnheard(reasonCode) && unheard < OWED_UNHEARD) {
    const pauseMs = Math.min(10_000, 1000 * 2 ** unheard);
    return { ...run, unheard: unheard + 1, phase: pausing(pauseMs) };
  }
  if (step.owed && run.attempt < OWED_ATTEMPTS) {
    return { ...run, attempt: run.attempt + 1, phase: pausing(1000 * 4 ** (run.attempt - 1)) };
  }
  if (report.status === "Unknown") return unknown(run, world, reasonCode, detail);
  // The service had accepted: what the agent refused has failed, and its code says that nothing was done.
  const status =
    report.status === "Rejected" || report.status === "Canceled" ? "Failed" : report.status;
  if (status === "Accepted" || status === "InProgress") return run;
  if (run.tried === undefined || run.escalated)
    return disobeyed(run, world, status, reasonCode, detail);
  // The button was pressed and not obeyed: that the console failed as well is no other outcome.
  const how = notAsked(run, detail ?? reasonCode);
  if (hasWaited(run)) return inVain(run, world, how);
  return disobeyed(run, world, status, reasonCode, told(run, how));
}

/** Whether a rung did not get as far as the device, or the device was silent: it has not refused. */
function isUnheard(reasonCode: ReasonCode | undefined): boolean {
  switch (reasonCode) {
    case "unreachable":
    case "timed-out":
    case "stale-epoch":
    case "expired":
    case "clock-unknown":
    case "busy":
      return true;
    default:
      return false;
  }
}

/** A press may have happened: the host is waited for all the same, since what it halts may be owed a revival. */
function unknown(
  run: Run,
  world: World,
  reasonCode: ReasonCode | undefined,
  detail: string | undefined,
): Run {
  const next = run.steps[run.index + 1];
  if (next?.kind === "await-halt") return enter(run, run.index + 1, world);
  return disobeyed(run, world, "Unknown", reasonCode, detail);
}

/** The ladder stops here, unless force was asked for. */
function disobeyed(
  run: Run,
  world: World,
  status: Outcome["status"],
  reasonCode: ReasonCode | undefined,
  detail: string | undefined,
): Run {
  const next = nextAsk(run);
  if (next !== undefined)
    return askAgain(run, next, world, notAsked(run, detail ?? reasonCode), false);
  if (run.escalation.length === 0 || run.escalated)
    return done(run, world, status, reasonCode, detail);
  return enter({ ...run, steps: run.escalation, escalated: true }, 0, world);
}

function done(
  run: Run,
  world: World,
  status: Outcome["status"],
  reasonCode: ReasonCode | undefined,
  detail: string | undefined,
): Run {
  return {
    ...run,
    phase: { kind: "done", outcome: { status, reasonCode, detail, endedAt: world.now } },
  };
}

function escalationNote(run: Run): string | undefined {
  return run.escalated ? "the host did not obey, so force was used as asked" : undefined;
}
