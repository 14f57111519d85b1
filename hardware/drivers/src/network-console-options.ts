import { Integer, Optional } from "@outrider/contracts/decorators";
import { Matches } from "class-validator";

export const NETWORK_HOST = /^[A-Za-z0-9][A-Za-z0-9.:%_-]{0,254}$|^::[A-Fa-f0-9:.%]*$/;
export const KEEP_ALIVE_SECONDS = 30;

/** Where a console is served over the network. */
export class TelnetConsoleOptions {
  /** Name or address of the host. */
  @Matches(NETWORK_HOST)
  host!: string;
  /** TCP port on which it is served. */
  @Integer(1, 65_535)
  port!: number;
  /** After so long without a byte the system asks whether the other side is still there. Default 30; 0: never. */
  @Optional()
  @Integer(0, 86_400)
  keepAliveSeconds?: number;
}
