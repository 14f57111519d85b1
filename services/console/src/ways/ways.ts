import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { Clock } from "@outrider/contracts/clock";
import type { ConsolePolicies } from "@outrider/contracts/console";
import type { IdentityStore } from "@outrider/identity/identity-store";
import type { Log } from "@outrider/messaging/log";
import type { ConsoleDoor } from "../sessions/attachment.js";

/** The ways in that have a port of their own. */
export const PORT_WAYS = ["ssh", "telnet", "raw", "rfc2217"] as const;
export type PortWay = (typeof PORT_WAYS)[number];

/** A way in that is not open although it should be. */
export interface WayProblem {
  readonly way: PortWay;
  /** Missing for SSH, which is one for all. */
  readonly node?: string | undefined;
  readonly port: number;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

export interface WaysOptions {
  readonly door: ConsoleDoor;
  readonly identity: IdentityStore;
  /** What is known at the start; later by `configure`. */
  readonly policies?: ConsolePolicies | undefined;
  /** Address that SSH listens on. */
  readonly bind: string;
  /** Address for what has no encryption (telnet) or no sign-in (raw, RFC 2217); undefined: the loopback interface. */
  readonly openBind?: string | undefined;
  /** 0: any free port; undefined: no SSH. */
  readonly sshPort?: number | undefined;
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes a record before what it says is done. */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** Told whenever the list of problems has changed. */
  readonly onProblems?: ((problems: readonly WayProblem[]) => void) | undefined;
}

/** SSH, telnet, raw TCP and RFC 2217: opens and closes listeners as the site declares them. */
export class Ways {
  constructor(readonly options: WaysOptions) {}

  /** What is not open although it should be; empty when all is well. */
  readonly problems: readonly WayProblem[] = [];
  /** Where SSH listens, and the fingerprint of its host key (`SHA256:…`). Undefined while it does not. */
  readonly ssh:
    | { readonly host: string; readonly port: number; readonly fingerprint: string }
    | undefined;

  /** Opens what is declared. A port that cannot be had is a problem that is tried again, never an error. */
  async start(): Promise<void> {}

  /** Opens, closes and moves listeners; who is connected by a way that is gone is disconnected. */
  configure(_policies: ConsolePolicies): void {}

  /** Disconnects everybody and resolves when nothing listens any more. */
  async stop(): Promise<void> {}
}
