import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "@outrider/contracts/clock";
import { HttpProblem } from "../http/problem.js";
import type { Admitted } from "../people/people.js";

/** How long a ticket may wait to be used. */
export const TICKET_MS = 30_000;
/** Unused ones at once; the oldest goes first. */
const MAX_TICKETS = 10_000;

interface Issued {
  readonly admitted: Admitted;
  readonly untilMs: number;
}

/**
 * One-use tickets for WebSockets, whose handshake carries no header of the page's own. Kept by their hashes and in
 * memory: a restart of the gateway ends the connections too.
 */
export class Tickets {
  readonly #issued = new Map<string, Issued>();

  constructor(private readonly clock: Clock) {}

  issue(admitted: Admitted): string {
    this.#forgetLate();
    const ticket = randomBytes(24).toString("base64url");
    this.#issued.set(hashOf(ticket), {
      admitted,
      untilMs: this.clock.monotonicMs() + TICKET_MS,
    });
    return ticket;
  }

  /** Uses a ticket up. @throws HttpProblem 401 when it is unknown, used or too old */
  redeem(ticket: string): Admitted {
    const hash = hashOf(ticket);
    const issued = this.#issued.get(hash);
    this.#issued.delete(hash);
    if (issued && issued.untilMs >= this.clock.monotonicMs()) return issued.admitted;
    throw new HttpProblem(
      "bad-ticket",
      "the ticket is unknown, used or too old; get a new one with POST /api/v1/tickets",
    );
  }

  #forgetLate(): void {
    const now = this.clock.monotonicMs();
    for (const [hash, { untilMs }] of this.#issued) {
      if (untilMs >= now && this.#issued.size < MAX_TICKETS) break;
      this.#issued.delete(hash);
    }
  }
}

function hashOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("base64url");
}
