import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { foldNodes } from "@outrider/contracts/node-set";
import type { Action } from "@outrider/contracts/power";
import type { Transition, TransitionPlan } from "@outrider/contracts/transition";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { ApiError, type Api } from "./api.js";
import { confirmed } from "./confirm.js";
import type { Console } from "./console.js";
import { countText } from "./count.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { nodesOf } from "./node-list.js";
import { showOne, type Format } from "./output.js";
import { plain, table } from "./plain.js";
import { follow } from "./transitions.js";

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
  readonly nodes: string;
  readonly action: Action;
  readonly timeoutMs: number;
  readonly wait: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly format: Format;
  /** What the transition is told beside action and nodes. */
  readonly more: Readonly<Record<string, unknown>>;
}

/** Fewer nodes than this are acted on without a question. */
const ASK_FROM = 4;

/** How long a gateway that does not answer is asked again, in milliseconds. */
export interface Patience {
  readonly pauseMs: number;
  readonly unreachedMs: number;
}

/** As long as `follow` does: a gateway may be started again meanwhile. */
const PATIENCE: Patience = { pauseMs: 500, unreachedMs: 30_000 };

/** Asks for the action on a node set, as a transition, and waits for its end. */
export async function power(
  api: Api,
  ask: PowerAsk,
  console: Console,
  patience = PATIENCE,
): Promise<ExitCode> {
  const { nodes, action, more, format } = ask;
  const body = { action, nodes, ...more };
  if (ask.dryRun) return showPlan(await api.post("/power/plan", body), format, console);
  if (action !== "On" && !(await mayGoOn(api, ask, console))) return EXIT.usage;
  // Minted here, so that an answer that was lost can be asked for again.
  const id = mintCommandId();
  const begun = await begin(api, { ...body, id }, console, patience);
  if (ask.wait) return follow(api, begun, ask, console);
  if (format === "table") console.out(plain(`${begun.id}: ${action} of ${begun.nodes} goes on`));
  else showOne(begun, format, begun.id, console);
  return EXIT.verified;
}

async function begin(
  api: Api,
  body: { readonly id: string },
  console: Console,
  patience: Patience,
): Promise<Transition> {
  try {
    return await askUntilReached(api, body, console, patience);
  } catch (error) {
    if (console.interrupted.aborted) {
      console.error(
        `outrider: interrupted before an answer came; whether it was accepted: outrider describe transition ${body.id}`,
      );
    }
    if (isUnanswered(error) || (error instanceof ApiError && error.exitCode === EXIT.timedOut)) {
      throw new ApiError(
        `${error.message.replace(/\.?$/, ".")} Whether it was accepted: outrider describe transition ${body.id}`,
        error.exitCode,
        error.problem,
      );
    }
    throw error;
  }
}

/** Nobody said anything. A gateway that says that the power service is away has not passed it on. */
function isUnanswered(error: unknown): error is ApiError {
  return (
    error instanceof ApiError &&
    error.exitCode === EXIT.unreachable &&
    Object.keys(error.problem).length === 0
  );
}

/** Asks again under the same id, which is accepted once, while nobody answers. */
async function askUntilReached(
  api: Api,
  body: { readonly id: string },
  { interrupted, progress }: Console,
  { pauseMs, unreachedMs }: Patience,
): Promise<Transition> {
  const untilMs = systemClock.monotonicMs() + unreachedMs;
  for (;;) {
    try {
      return await api.post<Transition>("/power", body);
    } catch (error) {
      if (!isUnanswered(error) || systemClock.monotonicMs() + pauseMs > untilMs) throw error;
      progress("the gateway does not answer; asking again under the same id");
      await systemClock.sleep(milliseconds(pauseMs), interrupted);
    }
  }
}

/** Whether somebody means it: asked for more than three nodes, where there is somebody to ask. */
async function mayGoOn(api: Api, ask: PowerAsk, console: Console): Promise<boolean> {
  if (ask.yes) return true;
  const ids = (await nodesOf(api, ask.nodes)).map(({ id }) => id);
  if (ids.length < ASK_FROM) return true;
  return confirmed(`${ask.action} of ${ids.length} nodes: ${foldNodes(ids)}`, console);
}

function showPlan(plan: TransitionPlan, format: Format, console: Console): ExitCode {
  if (format !== "table") {
    showOne(plan, format, String(plan.total), console);
    return EXIT.verified;
  }
  const rows = plan.groups.map(({ nodes, count, outcome, reasonCode, detail }) =>
    [
      nodes,
      String(count),
      reasonCode === undefined ? outcome : `${outcome}/${reasonCode}`,
      detail,
    ].map(plain),
  );
  console.out(table([["NODES", "COUNT", "OUTCOME", "DETAIL"], ...rows]));
  const least =
    plan.leastMs > 0 ? `; the last one begins after ${plan.leastMs / 1000} s at the earliest` : "";
  console.out(`${countText(plan.total, "node")}${least}. Nothing was done.`);
  return plan.groups.some(({ outcome }) => outcome === "reject")
    ? EXIT.precondition
    : EXIT.verified;
}
