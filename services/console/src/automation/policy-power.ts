import { seconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { Action } from "@outrider/contracts/power";
import { commandNode } from "@outrider/contracts/transition";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { RequestClient } from "@outrider/messaging/request-client";
import { RequestError } from "@outrider/messaging/request-error";

/** What became of a power action that a rule asked for. */
export interface PowerOutcome {
  /** `done`: accepted. `refused`: nothing was done. `unknown`: it may have been done. */
  readonly kind: "done" | "refused" | "unknown";
  /** For people. */
  readonly detail: string;
}

/** Asks the power service for an action in the name of a rule. Once the signal is aborted it is not asked again. */
export type PolicyPower = (
  node: NodeId,
  action: Action,
  rule: string,
  reason: string,
  signal: AbortSignal,
) => Promise<PowerOutcome>;

/** How often it is asked, under one id, so that it acts once however often it heard. */
const TIMES = 4;
const BETWEEN = seconds(5);

/** The power service may be away for a moment: it is asked again under the same id, and acts at most once. */
export function policyPower(requests: RequestClient, clock: Clock): PolicyPower {
  return async (node, action, rule, reason, signal) => {
    const set = { action, id: mintCommandId(), reason: reason.slice(0, 500) };
    const as = { actor: `policy:${rule}`, via: "policy" } as const;
    let outcome: PowerOutcome = { kind: "refused", detail: "" };
    for (let time = 0; time < TIMES; time += 1) {
      if (time > 0) await clock.sleep(BETWEEN, signal).catch(() => undefined);
      if (signal.aborted) break;
      try {
        const { result } = await requests.ask(commandNode, { node, set }, as);
        const { status, detail, reasonCode } = result;
        const why = detail ?? reasonCode ?? "";
        const text = `${action}: ${status}${why === "" ? "" : `: ${why}`}`;
        return { kind: status === "Rejected" ? "refused" : "done", detail: text };
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        const isOpen = outcome.kind === "unknown" || error.code === "timed-out";
        outcome = { kind: isOpen ? "unknown" : "refused", detail: `${action}: ${error.message}` };
        if (error.code !== "timed-out" && error.code !== "unavailable") return outcome;
      }
    }
    return outcome;
  };
}
