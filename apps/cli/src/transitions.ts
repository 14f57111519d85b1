import { milliseconds, systemClock } from "@outrider/contracts/clock";
import {
  type Transition,
  type TransitionPage,
  type TransitionTask,
} from "@outrider/contracts/transition";
import { ApiError, type Api } from "./api.js";
import type { Console } from "./console.js";
import { EXIT, exitOfAll, exitOfTask, type ExitCode } from "./exit-code.js";
import { foldedTasks } from "./folded.js";
import type { Format } from "./output.js";
import { plain } from "./plain.js";
import { stringify } from "yaml";

const POLL = { first: 100, most: 1000 } as const;
/** So long nobody needs to answer: a service may be started again meanwhile. */
const UNREACHED_MS = 30_000;

export interface FollowOptions {
  /** How long is waited for the end, in milliseconds. */
  readonly timeoutMs: number;
  readonly format: Format;
}

/** Waits for the end of a transition and tells how each node fared. Ctrl-C leaves it going on and says how to look. */
export async function follow(
  api: Api,
  begun: Transition,
  { timeoutMs, format }: FollowOptions,
  console: Console,
): Promise<ExitCode> {
  const { id, total } = begun;
  const untilMs = systemClock.monotonicMs() + timeoutMs;
  let reachedMs = systemClock.monotonicMs();
  let last = begun;
  try {
    for (
      let pauseMs: number = POLL.first;
      last.endedAt === undefined;
      pauseMs = Math.min(pauseMs * 1.5, POLL.most)
    ) {
      if (systemClock.monotonicMs() > untilMs) break;
      await systemClock.sleep(milliseconds(pauseMs), console.interrupted);
      try {
        last = (await api.get<TransitionPage>(`/transitions/${id}`, { limit: 1 })).transition;
        reachedMs = systemClock.monotonicMs();
      } catch (error) {
        const isAway = error instanceof ApiError && error.exitCode === EXIT.unreachable;
        if (!isAway || systemClock.monotonicMs() - reachedMs > UNREACHED_MS) throw error;
      }
      console.progress(progressLine(last));
    }
  } catch (error) {
    if (!console.interrupted.aborted) throw error;
    tellInterrupted(last, console);
    return EXIT.interrupted;
  }
  const tasks = await tasksOf(api, id);
  showTasks(last, tasks, format, console);
  if (last.endedAt === undefined) {
    console.error(
      `outrider: transition ${id} has not ended in time and goes on; \`outrider describe transition ${id}\` looks, \`outrider transition abort ${id}\` ends it`,
    );
    return EXIT.timedOut;
  }
  if (tasks.length < total) console.error("outrider: not all tasks could be read");
  return exitOfAll(tasks.map(exitOfTask));
}

export function tasksOf(api: Api, id: string): Promise<TransitionTask[]> {
  return api.pages<TransitionTask>(`/transitions/${id}`, { limit: 200 }, "tasks");
}

export function showTasks(
  transition: Transition,
  tasks: readonly TransitionTask[],
  format: Format,
  console: Console,
): void {
  switch (format) {
    case "json":
      return console.out(JSON.stringify({ transition, tasks }, undefined, 2));
    case "yaml":
      return console.out(stringify({ transition, tasks }).trimEnd());
    case "jsonl":
      for (const task of tasks) console.out(JSON.stringify(task));
      return;
    case "name":
      for (const { node } of tasks) console.out(plain(node));
      return;
    case "table":
      for (const line of foldedTasks(tasks)) console.out(line);
      return;
    default:
      return format satisfies never;
  }
}

/** `13 succeeded, 1 still running and will be finished, 37 canceled` */
export function abortedText(counts: Transition["counts"]): string {
  const { succeeded, running, canceled, waiting, ...wrong } = counts;
  const failed = Object.values(wrong).reduce((sum, count) => sum + count, 0);
  return [
    `${succeeded} succeeded`,
    failed > 0 ? `${failed} not as asked` : "",
    running > 0 ? `${running} still running and will be finished` : "",
    waiting > 0 ? `${waiting} being canceled` : "",
    `${canceled} canceled`,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function progressLine({ action, total, counts }: Transition): string {
  const { waiting, running, succeeded } = counts;
  const wrong = total - waiting - running - succeeded;
  return `${action}: ${succeeded} of ${total} done, ${running} running, ${waiting} waiting${wrong > 0 ? `, ${wrong} not as asked` : ""}`;
}

function tellInterrupted({ id, action, nodes, counts }: Transition, console: Console): void {
  const { waiting, running } = counts;
  console.error(
    plain(
      `outrider: interrupted. ${action} of ${nodes} was accepted as transition ${id} and goes on (${running} running, ${waiting} waiting)`,
    ),
  );
  console.error(`outrider: look: outrider describe transition ${id}`);
  console.error(
    `outrider: abort: outrider transition abort ${id} (what runs is finished, a cycle too)`,
  );
}
