import type { EndpointAction } from "@outrider/contracts/agent";
import { PortError } from "@outrider/ports/port-error";
import { crashPoint } from "./failpoints.js";
import { isRefusal, nothingDone, reasonOf, type Outcome } from "./outcome.js";

/**
 * Asks a device for something that it does by itself and that nothing reads back. A request whose fate is not known is
 * not repeated.
 * @param ask within its own deadline; @throws PortError · the signal's reason
 * @param answered called once the device has taken it
 * @throws the signal's reason
 */
export async function actOnce(
  action: EndpointAction,
  ask: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  answered: () => void = () => {},
): Promise<Outcome> {
  crashPoint("agent.acting");
  try {
    await ask(signal);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    if (isRefusal(error.code)) return nothingDone("refused", error.code, error.message);
    return {
      status: "Unknown",
      reasonCode: reasonOf(error.code),
      detail: `whether the device got ${action} is not known, and it was not repeated: ${error.message}`,
      patch: {},
    };
  }
  answered();
  crashPoint("agent.acted");
  return { status: "Succeeded", changed: true, patch: {} };
}
