import { Integer, Text } from "@outrider/contracts/decorators";
import { route } from "../http/route.js";
import { TICKET_MS } from "../live/tickets.js";

/** Opens one WebSocket, once. */
export class Ticket {
  @Text(100) ticket!: string;
  @Integer(0) expiresInMs!: number;
}

export const TICKET_ROUTES = [
  route({
    method: "POST",
    path: "/tickets",
    id: "createTicket",
    tag: "events",
    summary: "A one-use ticket for a WebSocket, shown as the subprotocol `ticket.<ticket>`.",
    right: "signed-in",
    reply: Ticket,
    statuses: { 201: "The ticket; it cannot be shown again." },
    handle: ({ admitted }, { tickets }) => ({
      body: { ticket: tickets.issue(admitted), expiresInMs: TICKET_MS },
    }),
  }),
];
