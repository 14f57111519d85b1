import type { Action, PowerResult } from "@outrider/contracts/power";
import { REASONS, type ReasonCode } from "@outrider/contracts/reasons";
import type { CommandId } from "@outrider/contracts/ids";
import { askPower } from "@outrider/messaging/command-client";
import { MessagingError } from "@outrider/messaging/errors";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import { isServing } from "./connection.js";
import type { Console } from "./console.js";
import { EXIT, exitOfAll, exitOfMessagingError, exitOfResult, type ExitCode } from "./exit-code.js";
import { plain } from "./plain.js";

/** The words of the command line, and the actions that they ask for. */
export const POWER_WORDS = {
  on: "On",
  off: "ForceOff",
  shutdown: "GracefulShutdown",
  cycle: "PowerCycle",
  reset: "ForceRestart",
  restart: "GracefulRestart",
  button: "PushPowerButton",
  nmi: "Nmi",
} as const satisfies Record<string, Action>;
export type PowerWord = keyof typeof POWER_WORDS;

export interface PowerAsk {
  readonly nodes: readonly string[];
  readonly action: Action;
  readonly timeoutMs: number;
  readonly escalate: boolean;
  readonly reason?: string | undefined;
  readonly json: boolean;
}

/** What became of the command for one node. */
interface NodeOutcome {
  readonly node: string;
  readonly id: CommandId;
  readonly exitCode: ExitCode;
  readonly result?: PowerResult;
  readonly problem?: string;
}

/** How long a command may wait to be started when more time is given for the whole of it. */
const TTL = { least: 100, most: 10_000 } as const;

/** Asks for the action on every node at once and waits for all terminal results. */
export async function power(session: Session, ask: PowerAsk, console: Console): Promise<ExitCode> {
  if (!(await isServing(session, "power", console.interrupted))) {
    throw new MessagingError(
      "disconnected",
      "the power service is not there, so nothing was asked; start it and try again",
    );
  }
  const outcomes = await Promise.all(
    ask.nodes.map((node) => powerOne(session, node, ask, console)),
  );
  if (ask.json) console.out(JSON.stringify(outcomes.map(outcomeJson), undefined, 2));
  else for (const outcome of outcomes) console.out(outcomeLine(outcome, ask.action));
  return exitOfAll(outcomes.map(({ exitCode }) => exitCode));
}

async function powerOne(
  session: Session,
  node: string,
  { action, timeoutMs, escalate, reason }: PowerAsk,
  console: Console,
): Promise<NodeOutcome> {
  const id = mintCommandId();
  let accepted: PowerResult | undefined;
  try {
    const result = await askPower(
      session,
      {
        node,
        action,
        id,
        ttlMs: Math.min(Math.max(timeoutMs, TTL.least), TTL.most),
        ...(escalate ? { escalate } : {}),
        ...(reason === undefined ? {} : { reason }),
      },
      {
        withinMs: timeoutMs,
        signal: console.interrupted,
        progress: (progress) => {
          accepted = progress;
          if (console.isTerminal && !progress.terminal) console.error(progressLine(node, progress));
        },
      },
    );
    return { node, id, result, exitCode: exitOfResult(result) };
  } catch (error) {
    if (console.interrupted.aborted) {
      const problem = accepted
        ? `interrupted; ${action} was accepted and goes on`
        : `interrupted; whether ${action} was accepted is not known`;
      return { node, id, problem, exitCode: EXIT.interrupted };
    }
    if (!(error instanceof MessagingError)) throw error;
    return { node, id, problem: error.message, exitCode: exitOfMessagingError(error.code) };
  }
}

function progressLine(node: string, { action, status, detail }: PowerResult): string {
  return plain(`${node}: ${action ?? ""} ${status}${detail === undefined ? "" : `: ${detail}`}`);
}

function outcomeLine({ node, id, result, problem }: NodeOutcome, action: Action): string {
  if (!result) return plain(`${node}: ${action} ${problem ?? ""} (id ${id})`);
  const { status, reasonCode, detail } = result;
  const what = reasonCode === undefined ? status : `${status}/${reasonCode}`;
  const why = detail ?? adviceOn(reasonCode);
  return plain(`${node}: ${action} ${what}${why === undefined ? "" : `: ${why}`}`);
}

function adviceOn(reasonCode: ReasonCode | undefined): string | undefined {
  return reasonCode && REASONS[reasonCode];
}

function outcomeJson({ node, id, exitCode, result, problem }: NodeOutcome): object {
  return { node, id, exitCode, ...(result ? { result } : { problem }) };
}
