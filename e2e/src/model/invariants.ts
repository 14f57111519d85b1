import type { CommandId } from "@outrider/contracts/ids";
import type { Issued } from "./records.js";
import type { PowerResult } from "@outrider/contracts/power";
import { OWED_ATTEMPTS } from "@outrider/power-service/run";
import type { Edge, EdgeKind } from "./device.js";
import type { World } from "./world.js";

/** What a device may still take to be asked once it was decided to, and what clocks drift apart meanwhile. */
const SLACK_MS = 150;

/** Reasons that say that nothing was done, and nothing ever will be. */
const NOTHING_DONE = [
  "stale-epoch",
  "expired",
  "clock-unknown",
  "fenced",
  "busy",
  "retained",
  "agent-away",
];

/** What was promised and not kept, in words. Judged by what really happened. */
export function broken(world: World, cameToItsEnd: boolean): string[] {
  return [
    ...twice(world),
    ...lateOrElsewhere(world),
    ...byRetained(world),
    ...afterRefusal(world),
    ...outOfOrder(world),
    ...leftOff(world),
    ...tooClose(world),
    ...outcomes(world, cameToItsEnd),
  ];
}

/** P1: nothing acts twice per id, neither the agent's nor the public one. */
function twice(world: World): string[] {
  const seen = new Set<string>();
  return world.device.edges.flatMap(({ kind, cause }) => {
    const { run } = given(world, cause);
    const keys = [`${kind} of ${cause}`, ...(run === undefined ? [] : ofRun(world, kind, run))];
    const again = keys.filter((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return again.map((key) => `P1: there was a second ${key}`);
  });
}

/** What is owed at the end of a ladder is tried again, under other ids of the agent; all else once per public id. */
function ofRun(world: World, kind: EdgeKind, run: string): string[] {
  const it = world.records.promised.get(run) ?? world.powerDisk.runs.get(run)?.run;
  if (!it || (kind === "on" && it.action === "GracefulRestart")) return [];
  return [`${kind} of run ${run}`, `${kind} of public id ${it.id}`];
}

/** P3: nothing starts after its deadline, or in another session. To finish a cycle is no start. */
function lateOrElsewhere(world: World): string[] {
  const { sessions, accepted } = world.records;
  return world.device.edges.flatMap((edge) => {
    const { command, atMs } = given(world, edge.cause);
    if (edge.kind === "host-off" || (command.action === "PowerCycle" && edge.kind === "on"))
      return [];
    const how = accepted.find(({ id }) => id === edge.cause);
    const late = edge.askedMs - atMs - command.ttlMs - (how?.uncertaintyMs ?? 0);
    const session = sessions.get(command.epoch) ?? [];
    const issuedIn = session.find(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + 30_000);
    const elsewhere = !issuedIn || edge.askedMs > issuedIn.toMs + SLACK_MS;
    return [
      ...(late > SLACK_MS ? [`P3: ${edge.cause} started ${Math.round(late)} ms too late`] : []),
      ...(elsewhere ? [`P3: ${edge.cause} of ${command.epoch} started in another session`] : []),
    ];
  });
}

/** P2: nothing retained acts, neither a command nor a request. */
function byRetained(world: World): string[] {
  return world.records.accepted
    .filter(({ retained }) => retained)
    .map(({ id }) => `P2: ${id} was retained and accepted`)
    .concat(
      [...world.records.promised.values()]
        .filter(({ retained }) => retained)
        .map(({ id }) => `P2: the request ${id} was retained and accepted`),
    );
}

/** P5: what was refused with the words that nothing was done is not done afterwards. */
function afterRefusal(world: World): string[] {
  return world.device.edges.flatMap(({ cause, askedMs, kind }) => {
    const refusedMs = world.records.refused.get(cause);
    const isLie = kind !== "host-off" && refusedMs !== undefined && refusedMs < askedMs;
    return isLie ? [`P5: ${cause} was refused, and acted after that`] : [];
  });
}

/**
 * One thing at a time: once a later command is accepted, an earlier one acts no more. Nor does a lower fence. A cycle's
 * On that is owed may come after commands that wanted the same and failed, but after no ForceOff.
 */
function outOfOrder(world: World): string[] {
  const { accepted, tooLate } = world.records;
  let fence = 0;
  return world.device.edges.flatMap((edge): string[] => {
    if (edge.kind === "host-off") return [];
    const { command } = given(world, edge.cause);
    const mayBeOwed = command.action === "PowerCycle" && edge.kind === "on";
    const at = accepted.findIndex(({ id, atMs }) => id === edge.cause && atMs <= edge.askedMs);
    const overtaken = accepted.slice(at + 1).find(({ id, atMs }) => {
      if (at < 0 || atMs >= edge.askedMs || id === edge.cause) return false;
      return !mayBeOwed || (given(world, id).command.action === "ForceOff" && !tooLate.has(id));
    });
    const problems = overtaken
      ? [`order: ${edge.cause} acted after ${overtaken.id} was accepted`]
      : [];
    if (command.fence !== undefined) {
      if (command.fence < fence)
        problems.push(`P6: ${edge.cause} acted with fence ${command.fence} after ${fence}`);
      fence = Math.max(fence, command.fence);
    }
    return problems;
  });
}

/** P4: no cycle, and no restart, leaves a node off by our doing. */
function leftOff(world: World): string[] {
  const last = world.device.edges
    .filter(({ kind }) => kind !== "press" && kind !== "sys-rq")
    .at(-1);
  if (!last || last.kind === "on" || world.agentDisk.fault !== undefined) return [];
  const { command, run } = given(world, last.cause);
  if (last.kind === "off" && command.action === "PowerCycle" && !offSince(world, last)) {
    return [`P4: ${last.cause} has left the node off`];
  }
  const row = run === undefined ? undefined : world.powerDisk.runs.get(run);
  if (last.kind !== "host-off" || row?.run.action !== "GracefulRestart") return [];
  const { phase, attempt, escalated, startedAt, steps, index } = row.run;
  const isLast = [...world.powerDisk.runs.values()].every(
    (one) => one.run.key === run || one.run.startedAt < startedAt || one.run.action === "On",
  );
  // What ended while it still waited for the host never saw it stop.
  const wasSeen =
    phase.kind === "done" &&
    steps[index]?.kind !== "await-halt" &&
    phase.outcome.status !== "TimedOut" &&
    phase.outcome.status !== "Canceled";
  const foreign = world.records.accepted.some(
    ({ id, atMs }) => atMs > last.askedMs && given(world, id).run !== run,
  );
  return wasSeen && !escalated && attempt < OWED_ATTEMPTS && isLast && !foreign
    ? [`P4: the restart ${row.run.id} has left the node off (${JSON.stringify(phase)})`]
    : [];
}

/**
 * P10: between two starts that the service let go lies the spacing of their domain. What an agent does on its own once
 * the service takes a start for over is the agent's to space.
 */
function tooClose(world: World): string[] {
  const { startsOver } = world.records;
  const starts = world.device.edges.filter(({ kind, cause, atMs }) => {
    const overMs = startsOver.get(cause);
    const isLetGo = kind === "on" && given(world, cause).run !== undefined;
    return isLetGo && (overMs === undefined || atMs <= overMs);
  });
  return starts.flatMap((start, index) => {
    const before = starts[index - 1];
    if (!before || before.cause === start.cause) return [];
    const gapMs = start.atMs - before.atMs;
    return gapMs < world.spacingMs
      ? [`P10: ${start.cause} started ${Math.round(gapMs)} ms after ${before.cause}`]
      : [];
  });
}

/** Whether somebody has wanted it off since. */
function offSince(world: World, edge: Edge): boolean {
  return world.records.accepted.some(
    ({ id, atMs }) =>
      atMs > edge.askedMs &&
      given(world, id).command.action === "ForceOff" &&
      !world.records.tooLate.has(id),
  );
}

/** P5: exactly one visible terminal result, and it is not a lie. */
function outcomes(world: World, cameToItsEnd: boolean): string[] {
  const { promised, heard } = world.records;
  const problems = cameToItsEnd ? [] : ["P5: it did not come to its end"];
  for (const [key, { id, action }] of promised) {
    const terminals = new Map<string, PowerResult>();
    for (const one of heard) {
      if (one.id === id && one.terminal) terminals.set(`${one.seq} ${one.status}`, one);
    }
    const results = [...terminals.values()];
    if (results.length !== 1) {
      problems.push(
        `P5: ${action} ${id} had ${results.length} terminal results: ${[...terminals.keys()].join(", ")}`,
      );
    }
    const edges = world.device.edges.filter(({ cause }) => given(world, cause).run === key);
    const single = action === "On" || action === "ForceOff" || action === "PowerCycle";
    const reason = results[0]?.status === "Failed" ? results[0].reasonCode : undefined;
    if (single && reason !== undefined && NOTHING_DONE.includes(reason) && edges.length > 0) {
      problems.push(`P5: ${action} ${id} was said not to be done (${reason}), and was`);
    }
    if (action === "PowerCycle" && results[0]?.status === "Succeeded") {
      const on = edges.filter(({ kind }) => kind === "on").length;
      const off = edges.filter(({ kind }) => kind === "off").length;
      if (on < 1 || on < off)
        problems.push(`P5: PowerCycle ${id} was said to be done: ${off} off, ${on} on`);
    }
  }
  return problems;
}

function given(world: World, cause: CommandId): Issued {
  const issued = world.records.issued.get(cause);
  if (!issued) throw new Error(`nobody has issued ${cause}`);
  return issued;
}
