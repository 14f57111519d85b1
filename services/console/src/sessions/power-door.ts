import type { NodeId } from "@outrider/contracts/ids";
import { isTerminal, type Action } from "@outrider/contracts/power";
import { commandNode, findCommand, type NodeCommandReply } from "@outrider/contracts/transition";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { RequestClient } from "@outrider/messaging/request-client";
import { RequestError } from "@outrider/messaging/request-error";
import { ActRefused } from "./act-refused.js";
import { viaOf, type Actor } from "./console-audit.js";

/**
 * Asks the power service for an action, in the name of who is at the console.
 * @throws ActRefused `rejected`: it is not done · `failed`: it came to nothing, or nobody knows what came of it
 */
export function powerDoor(requests: RequestClient) {
  return async (
    node: NodeId,
    action: Action,
    who: Actor,
    reason: string | undefined,
  ): Promise<string> => {
    const { actor } = who;
    const as = { actor, via: viaOf(who) };
    const id = mintCommandId();
    /** The service took the request and did not answer in time. Looking acts on nothing, whenever it arrives. */
    const look = async (silence: RequestError): Promise<NodeCommandReply> => {
      try {
        return await requests.ask(findCommand, { node, id, actor }, as);
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        throw new ActRefused(
          "failed",
          `nobody knows whether ${action} was accepted; look at the node before you ask again: ${silence.message}`,
          { cause: error },
        );
      }
    };
    try {
      const set = { action, id, ...(reason ? { reason } : {}) };
      const { result } = await requests
        .ask(commandNode, { node, set }, as)
        .catch((error: unknown) => {
          if (error instanceof RequestError && error.code === "timed-out") return look(error);
          throw error;
        });
      const { status, detail, reasonCode } = result;
      const why = detail ?? reasonCode ?? "";
      if (isTerminal(status) && status !== "Succeeded") {
        const code = status === "Rejected" ? "rejected" : "failed";
        throw new ActRefused(code, `${action}: ${status}${why === "" ? "" : `: ${why}`}`);
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
