import { Integer, Optional } from "@outrider/contracts/decorators";
import { Matches } from "class-validator";

/** Where a host is asked. */
export class HostOptions {
  /** Name or address of the host. */
  @Matches(/^[A-Za-z0-9][A-Za-z0-9.:%_-]{0,252}$|^::[A-Fa-f0-9:.%]*$/)
  host!: string;
  /** How long an answer is waited for. Default 1000. */
  @Optional()
  @Integer(50, 5000)
  waitMs?: number;
}

export const WAIT_MS = 1000;
