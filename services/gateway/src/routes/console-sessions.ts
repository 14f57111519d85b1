import { CommandIdText, Integer, NestedList, Optional, Text } from "@outrider/contracts/decorators";
import { ConsoleSession } from "@outrider/contracts/console";
import { endSession, listSessions } from "@outrider/contracts/console-operations";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { checkMay, chunksOf, permittedNodes } from "../consoles/readable.js";
import { asking } from "./asking.js";

export class SessionsQuery {
  /** Node set: only at these consoles. */
  @Optional() @Text(8000) nodes?: string;
}

export class ConsoleSessions {
  @NestedList(() => ConsoleSession, 10_000) sessions!: ConsoleSession[];
  /** How many there are, also where not all are listed. */
  @Integer(0) total!: number;
}

export class ConsoleSessionParams {
  @CommandIdText() id!: CommandId;
}

export class EndSessionQuery {
  /** Told to whom it happens. */
  @Optional() @Text(500) reason?: string;
}

type Asker = Pick<Call, "actor" | "via" | "signal" | "subject">;

async function sessionsAt(
  call: Asker,
  parts: GatewayParts,
  set: string | undefined,
): Promise<ConsoleSessions> {
  const nodes = permittedNodes(set, "console-read", call.subject, parts);
  const sessions: ConsoleSession[] = [];
  let total = 0;
  for (const chunk of chunksOf(nodes)) {
    const asked = chunk ? { nodes: chunk as NodeId[] } : {};
    const reply = await asking(parts, call, listSessions, asked);
    sessions.push(...reply.sessions);
    total += reply.total;
  }
  return { sessions, total };
}

/** Somebody else is disconnected by whoever may type there; everybody may end what is their own. */
async function checkEnd(
  { id }: ConsoleSessionParams,
  call: Asker,
  parts: GatewayParts,
): Promise<void> {
  const isFree = call.subject.nodes === undefined;
  if (isFree && parts.people.may(call.subject, "console-write") === true) return;
  const { sessions } = await sessionsAt(call, parts, undefined);
  const session = sessions.find((one) => one.id === id);
  if (!session) {
    throw new HttpProblem(
      "not-found",
      "nobody is at a console under this id; GET /api/v1/consoles/sessions lists who is",
    );
  }
  if (session.actor !== call.actor) checkMay(call.subject, "console-write", session.node, parts);
}

export const CONSOLE_SESSION_ROUTES = [
  route({
    method: "GET",
    path: "/consoles/sessions",
    id: "listConsoleSessions",
    tag: "consoles",
    summary: "Who is at which console, by which way, and how idle.",
    right: "console-read",
    query: SessionsQuery,
    reply: ConsoleSessions,
    statuses: { 200: "Who is there." },
    problems: [422, 503, 504],
    handle: async (call: Call<object, SessionsQuery>, parts) => ({
      body: await sessionsAt(call, parts, call.query.nodes),
    }),
  }),
  route({
    method: "DELETE",
    path: "/consoles/sessions/{id}",
    id: "endConsoleSession",
    tag: "consoles",
    summary: "Disconnects somebody from a console, who is told by whom and why.",
    right: "console-read",
    params: ConsoleSessionParams,
    query: EndSessionQuery,
    statuses: { 204: "They are disconnected." },
    problems: [404, 409, 503, 504, 507],
    handle: async (call: Call<ConsoleSessionParams, EndSessionQuery>, parts) => {
      await checkEnd(call.params, call, parts);
      const { reason } = call.query;
      await asking(parts, call, endSession, {
        session: call.params.id,
        ...(reason === undefined ? {} : { reason }),
      });
      return {};
    },
  }),
];
