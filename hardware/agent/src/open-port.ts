import { seconds } from "@outrider/contracts/clock";
import { openDeclared, type Opened } from "@outrider/drivers/open";
import type { PortKind } from "@outrider/ports/driver";
import type { Endpoint } from "./endpoint.js";
import { openInTime } from "./open-in-time.js";

const OPEN_WITHIN = seconds(10);

/**
 * Loads the driver that an endpoint names and opens it on the endpoint's options, in time.
 * @throws PortError; the reason of `signal`, with nothing left open; whatever a driver throws
 */
export async function openPort<P extends PortKind>(
  kind: P,
  { desired, clock, log, drivers, secrets, programs }: Endpoint,
  signal: AbortSignal,
): Promise<Opened<P>> {
  return openInTime({
    clock,
    limit: OPEN_WITHIN,
    signal,
    what: `The driver of ${desired.endpoint}`,
    open: (within) =>
      openDeclared(
        kind,
        desired,
        { clock, log, signal: within, secret: secrets, program: programs },
        drivers,
      ),
    stuck: (error) => log.error({ err: error }, "what was opened too late could not be closed"),
  });
}
