import { AuditLog } from "@outrider/audit/audit-log";
import { Inject, Injectable } from "@nestjs/common";
import {
  searchAudit,
  verifyAudit,
  type AuditPage,
  type AuditSearch,
  type AuditVerdict,
} from "@outrider/contracts/audit";
import {
  actOnConsole,
  endSession,
  listSessions,
  type ActedOnConsole,
  type ActOnConsole,
  type EndSession,
  type ListSessions,
  type SessionList,
} from "@outrider/contracts/console-operations";
import type { Nothing, ProblemCode } from "@outrider/contracts/service-plane";
import { RequestError } from "@outrider/messaging/request-error";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { Consoles } from "./intake/consoles.js";
import { ActRefused, type ActRefusal } from "./sessions/act-refused.js";
import type { Actor } from "./sessions/console-audit.js";

/** What fits one answer. */
const MAX_SESSIONS = 200;

const PROBLEM_OF: Readonly<Record<ActRefusal, ProblemCode>> = {
  "not-writing": "conflict",
  "not-allowed": "not-allowed",
  invalid: "invalid",
  "not-found": "not-found",
  unsupported: "precondition-failed",
  unreachable: "unavailable",
  busy: "conflict",
  failed: "unavailable",
  rejected: "conflict",
  "not-recorded": "storage-failed",
  aborted: "conflict",
};

/** Answers what other services ask of consoles, on behalf of people they have checked. */
@Injectable()
export class ConsoleRequests {
  constructor(
    @Inject(Consoles) private readonly consoles: Consoles,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  @OnRequest(listSessions)
  sessions({ body: { nodes } }: Asked<ListSessions>): SessionList {
    const sessions = this.consoles.sessions(nodes);
    return { sessions: sessions.slice(0, MAX_SESSIONS), total: sessions.length };
  }

  @OnRequest(endSession)
  async end({ body: { session, reason }, actor, via }: Asked<EndSession>): Promise<Nothing> {
    const place = this.consoles.placeOf(session);
    if (!place) throw new RequestError("not-found", "nobody is at a console under this id");
    const console = this.consoles.get(place.node)?.console;
    const by: Actor = { actor, via, way: via === "cli" || via === "web" ? via : "cli" };
    await asked(async () => console?.asks.disconnect(place, by, reason));
    return {};
  }

  @OnRequest(actOnConsole)
  async act({ body, actor, via }: Asked<ActOnConsole>): Promise<ActedOnConsole> {
    const { node, act, take, way = via === "web" ? "web" : "cli" } = body;
    const console = this.consoles.get(node)?.console;
    if (!console) throw new RequestError("not-found", `there is no node ${node} with a console`);
    const borrowed = { take: take === true };
    const detail = await asked(() => console.asks.from({ actor, via, way }, act, borrowed));
    return { detail: (detail ?? "").slice(0, 2000) };
  }

  @OnRequest(searchAudit.console)
  search({ body }: Asked<AuditSearch>): Promise<AuditPage> {
    return this.audit.search(body);
  }

  @OnRequest(verifyAudit.console)
  async verify(_asked: Asked<Nothing>): Promise<AuditVerdict> {
    return this.audit.verify();
  }
}

async function asked<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ActRefused)) throw error;
    throw new RequestError(PROBLEM_OF[error.code], error.message, { cause: error });
  }
}
