import type { NodeId } from "@outrider/contracts/ids";
import { isTerminal, type Action } from "@outrider/contracts/power";
import { commandNode } from "@outrider/contracts/transition";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { RequestClient } from "@outrider/messaging/request-client";
import { RequestError } from "@outrider/messaging/request-error";
import { ActRefused } from "./act-refused.js";
import { viaOf, type Actor } from "./console-audit.js";

/** Asks the power service for an action, in the name of who is at the console. @throws ActRefused */
export function powerDoor(requests: RequestClient) {
  return async (
    node: NodeId,
    action: Action,
    who: Actor,
    reason: string | undefined,
  ): Promise<string> => {
    try {
      const { result } = await requests.ask(
        commandNode,
        { node, set: { action, id: mintCommandId(), ...(reason ? { reason } : {}) } },
        { actor: who.actor, via: viaOf(who) },
      );
      const { status, detail, reasonCode } = result;
      const why = detail ?? reasonCode ?? "";
      if (isTerminal(status) && status !== "Succeeded") {
        throw new ActRefused("rejected", `${action}: ${status}${why === "" ? "" : `: ${why}`}`);
      }
      return `${action}: ${status}`;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      throw new ActRefused("rejected", `${action} was not accepted: ${error.message}`, {
        cause: error,
      });
    }
  };
}
