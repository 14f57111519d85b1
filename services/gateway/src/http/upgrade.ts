import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Tickets } from "../live/tickets.js";
import type { Admitted, People } from "../people/people.js";
import { admit } from "./admission.js";
import { PROBLEM_TYPE, wireOf } from "./answer.js";
import { HttpProblem } from "./problem.js";

/** The subprotocol of every WebSocket here. */
export const PROTOCOL = "outrider.v1";
const TICKET = "ticket.";

/**
 * Who asks for a WebSocket: by ticket, or by a token that only programs can send. A cookie alone is not enough: any
 * page could use it.
 * @throws HttpProblem 401
 */
export async function admitUpgrade(
  { headers, socket }: IncomingMessage,
  tickets: Tickets,
  people: People,
): Promise<Admitted> {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const ticket = offered.find((one) => one.startsWith(TICKET));
  if (ticket !== undefined) return tickets.redeem(ticket.slice(TICKET.length));
  const { cookie: _, ...rest } = headers;
  const admitted = await admit(rest, socket.remoteAddress ?? "", people);
  if (admitted) return admitted;
  throw new HttpProblem(
    "bad-ticket",
    "a ticket is needed: POST /api/v1/tickets gives one, which is offered as the subprotocol ticket.<ticket>",
  );
}

/** What a client is told whose request ran into a defect. */
export function defectProblem(): HttpProblem {
  return new HttpProblem("internal", "a defect in the gateway; its log has the details");
}

/** Answers an upgrade with a problem, and nothing else. */
export function refuseUpgrade(socket: Duplex, problem: HttpProblem): void {
  if (socket.destroyed) return;
  const { status, headers, body = "" } = wireOf(problem);
  socket.end(
    [
      `HTTP/1.1 ${status} ${String(problem.body["title"])}`,
      ...Object.entries({ ...headers, "content-type": PROBLEM_TYPE }).map(
        ([name, value]) => `${name}: ${value}`,
      ),
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}
