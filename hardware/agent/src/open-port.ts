import { seconds } from "@outrider/contracts/clock";
import { loadDriver } from "@outrider/drivers/registry";
import { openDriver, type Driver, type PortKind, type Ports } from "@outrider/ports/driver";
import type { Endpoint } from "./endpoint.js";
import { openInTime } from "./open-in-time.js";

const OPEN_WITHIN = seconds(10);

/**
 * Loads the driver that an endpoint names and opens it on the endpoint's options, in time.
 * @throws PortError; the reason of `signal`, with nothing left open; whatever a driver throws
 */
export async function openPort<P extends PortKind>(
  kind: P,
  { desired, clock, log, drivers }: Endpoint,
  signal: AbortSignal,
): Promise<{ readonly driver: Driver<P>; readonly port: Ports[P] }> {
  const driver = await loadDriver(kind, desired.driver, drivers);
  const port = await openInTime({
    clock,
    limit: OPEN_WITHIN,
    signal,
    what: `The driver of ${desired.endpoint}`,
    open: (within) => openDriver(driver, desired.options, { clock, log, signal: within }),
    stuck: (error) => log.error({ err: error }, "what was opened too late could not be closed"),
  });
  return { driver, port };
}
