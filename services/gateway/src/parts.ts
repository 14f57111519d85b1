import type { AuditLog } from "@outrider/audit/audit-log";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { RequestClient } from "@outrider/messaging/request-client";
import type { Replies } from "./http/replies.js";
import type { LiveClients } from "./live/clients.js";
import type { Happenings } from "./live/happenings.js";
import type { Tickets } from "./live/tickets.js";
import type { Mirror } from "./mirror/mirror.js";
import type { Results } from "./mirror/results.js";
import type { People } from "./people/people.js";

/** What routes work with. */
export interface GatewayParts {
  readonly mirror: Mirror;
  readonly results: Results;
  readonly happenings: Happenings;
  readonly requests: RequestClient;
  readonly people: People;
  readonly replies: Replies;
  readonly audit: AuditLog;
  /** Counts an answer, by operation and status. */
  readonly counted: (operation: string, status: number) => void;
  readonly tickets: Tickets;
  readonly clients: LiveClients;
  /** Those at consoles. */
  readonly consoleClients: LiveClients;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}
