import { ExactlyOne, Integer, Optional } from "@outrider/contracts/decorators";
import { PortError } from "@outrider/ports/port-error";
import type { SlotsOptions } from "@outrider/transports/slots";
import { Matches } from "class-validator";

/** Where the rack serves, and which of its slots the node is in. */
export class SimulatedSlotOptions {
  /** `http://127.0.0.1:8070`: the rack's address, when it serves on a port. */
  @Optional()
  @Matches(/^http:\/\/[A-Za-z0-9.:[\]-]{1,255}$/)
  url?: string;
  /** Absolute path of the rack's unix socket, when it serves on one. */
  @Optional()
  @Matches(/^\/.{1,106}$/)
  socket?: string;
  /** Counts from 1. */
  @Integer(1, 10_000)
  @ExactlyOne("url", "socket")
  slot!: number;
}

/**
 * The slot that the options of a driver name.
 * @param driver `power/simulated`
 * @throws PortError `invalid-options`
 */
export function simulatedSlot(
  { url, socket, slot }: SimulatedSlotOptions,
  driver: string,
): Omit<SlotsOptions, "clock"> {
  if (url !== undefined && !URL.canParse(url)) {
    throw new PortError(
      "invalid-options",
      `The option url of the driver ${driver}: must be http://<host>:<port>. Correct the endpoint in the site file.`,
    );
  }
  const address = url === undefined ? { socketPath: socket ?? "" } : { url };
  return { address, slot, name: "The simulated rack" };
}
