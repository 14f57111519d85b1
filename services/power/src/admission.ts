import {
  planLadder,
  supportedActions,
  type Capabilities,
  type Step,
} from "@outrider/contracts/ladder";
import type { Wake } from "@outrider/contracts/node";
import type { Action, Host, PowerSet, Supply } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import { isPreemptible } from "./run.js";
import type { Run } from "./run-state.js";

/** Repeats within this span join the command that was accepted before. */
export const JOIN_WINDOW_MS = 5000;

/** Actions that mean something else when they are done twice. */
const NEVER_JOINED: readonly Action[] = ["PushPowerButton", "Nmi"];

export interface Asked {
  readonly set: PowerSet;
  readonly actor: string;
  readonly wasRetained: boolean;
  /** How long ago the request may have arrived, in milliseconds. */
  readonly ageMs: number;
  /** Within which it must be begun, in milliseconds. */
  readonly ttlMs: number;
}

/** What is known of the node that is asked for. */
export interface KnownNode {
  readonly capabilities: Capabilities;
  readonly supply: Supply;
  readonly host: Host;
  readonly wake?: Wake | undefined;
  /** Why its power endpoint cannot be used now. */
  readonly trouble?: { readonly reasonCode: ReasonCode; readonly detail: string } | undefined;
  /** Why its console endpoint cannot be used now. */
  readonly consoleTrouble?:
    | { readonly reasonCode: ReasonCode; readonly detail: string }
    | undefined;
}

/** A run that is under way, or ended a moment ago. */
export interface Recent {
  readonly run: Run;
  /** Time since it was accepted, in milliseconds. */
  readonly ageMs: number;
}

export type Admission =
  | { readonly kind: "reject"; readonly reasonCode: ReasonCode; readonly detail: string }
  /** The same command again: its recorded state is told again. */
  | { readonly kind: "repeat"; readonly run: Run }
  | { readonly kind: "unchanged"; readonly detail: string }
  | {
      readonly kind: "accept";
      readonly steps: readonly Step[];
      readonly escalation: readonly Step[];
      /** A graceful wait that ends now. */
      readonly supersedes?: Run | undefined;
    };

/** What may forbid an action besides the node itself. Each is asked only when it matters. */
export interface Bars {
  readonly lock: () => Bar | undefined;
  readonly interlock: () => Bar | undefined;
  /** Whether the node's power domain could ever have room for the action's start. */
  readonly room: (steps: readonly Step[]) => Bar | undefined;
}

export interface Bar {
  readonly reasonCode: ReasonCode;
  readonly detail: string;
}

/**
 * What becomes of a request for an action. Pure.
 * @param recent runs of the node that have not ended, and those accepted within {@link JOIN_WINDOW_MS}
 */
export function admit(
  asked: Asked,
  node: KnownNode | undefined,
  recent: readonly Recent[],
  bars?: Bars,
): Admission {
  const { set, actor } = asked;
  // Before all else, retained or not: an id has one answer.
  const repeated = recent.find(
    ({ run }) => set.id !== undefined && run.id === set.id && run.actor === actor,
  );
  if (repeated) return { kind: "repeat", run: repeated.run };
  if (asked.wasRetained) {
    return reject(
      "retained",
      "the command was published with the retain flag; nothing was done or kept",
    );
  }
  if (!node)
    return reject(
      "unknown-node",
      "the site has no node of this id; `outrider get nodes` lists them",
    );
  if (asked.ageMs > asked.ttlMs) {
    const late = `the command waited ${Math.round(asked.ageMs)} ms and had to start within ${asked.ttlMs} ms; nothing was done`;
    return reject("expired", late);
  }
  const active = recent.find(({ run }) => run.phase.kind !== "done")?.run;
  const joined = set.id === undefined ? joinable(asked, recent) : undefined;
  if (joined) return { kind: "repeat", run: joined };
  const locked = bars?.lock();
  if (locked) return reject(locked.reasonCode, locked.detail);
  const preempts = active !== undefined && set.action === "ForceOff" && isPreemptible(active);
  if (active && !preempts) {
    return reject(
      "busy",
      `${active.action} by ${active.actor} runs since ${active.startedAt} (id ${active.id})`,
    );
  }
  if (node.trouble) return reject(node.trouble.reasonCode, node.trouble.detail);
  const ladder = planLadder({
    action: set.action,
    capabilities: usable(node),
    supply: node.supply,
    host: node.host,
    wake: node.wake,
    escalate: set.escalate ?? false,
  });
  switch (ladder.outcome) {
    case "rejected":
      return reject(ladder.reasonCode, ladder.detail);
    case "unchanged":
      return { kind: "unchanged", detail: ladder.detail };
    case "steps": {
      const [first] = ladder.steps;
      if (first?.kind === "act" && first.interface === "console" && node.consoleTrouble)
        return reject(node.consoleTrouble.reasonCode, node.consoleTrouble.detail);
      const bar = bars?.interlock() ?? bars?.room(ladder.steps);
      if (bar) return reject(bar.reasonCode, bar.detail);
      return {
        kind: "accept",
        steps: ladder.steps,
        escalation: ladder.escalation,
        supersedes: active,
      };
    }
    default:
      return ladder satisfies never;
  }
}

/** Without a console that cannot be used now, where there is something else to ask the host by. */
function usable({ capabilities, consoleTrouble }: KnownNode): Capabilities {
  if (!consoleTrouble) return capabilities;
  const { console: _, ...others } = capabilities;
  return supportedActions(others).includes("GracefulShutdown") ? others : capabilities;
}

/** The answer to an id that comes again for something else: a mistake that must not be taken for done. */
export function misused(
  action: Action | undefined,
  startedAt: string,
): { readonly reasonCode: ReasonCode; readonly detail: string } {
  const detail = `id was used for ${action ?? "something else"} at ${startedAt}; use a new one`;
  return { reasonCode: "invalid", detail };
}

function joinable({ set, actor }: Asked, recent: readonly Recent[]): Run | undefined {
  if (NEVER_JOINED.includes(set.action)) return undefined;
  return recent.find(
    ({ run, ageMs }) =>
      run.action === set.action &&
      run.actor === actor &&
      (run.phase.kind !== "done" || ageMs < JOIN_WINDOW_MS),
  )?.run;
}

function reject(reasonCode: ReasonCode, detail: string): Admission {
  return { kind: "reject", reasonCode, detail };
}
