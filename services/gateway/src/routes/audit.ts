import {
  Integer,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "@outrider/contracts/decorators";
import { AuditRecord, AuditVerdict, searchAudit, verifyAudit } from "@outrider/contracts/audit";
import { RequestError } from "@outrider/messaging/request-error";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { asking } from "./asking.js";

const LOGS = ["gateway", "inventory", "power", "console", "telemetry"] as const;
type Log = (typeof LOGS)[number];

export class AuditQuery {
  /** Whose log. */
  @OneOf(LOGS) log!: Log;
  @Optional() @Text(100) actor?: string;
  @Optional() @Text(100) act?: string;
  @Optional() @Text(200) subject?: string;
  @Optional() @Timestamp() since?: string;
  @Optional() @Timestamp() until?: string;
  /** Only records before this position: what `next` of the page before said. */
  @Optional() @Integer(1) before?: number;
  @Optional() @Integer(1, 100) limit?: number;
}

/** Newest first. */
export class AuditRecords {
  @NestedList(() => AuditRecord, 100) records!: AuditRecord[];
  @Optional() @Integer(1) next?: number;
}

/** Of one log, or why it cannot be said. */
export class AuditVerdictOrNot {
  @OneOf(LOGS) log!: Log;
  @Optional() @NestedList(() => AuditVerdict, 1) verdict?: AuditVerdict[];
  /** Why there is no verdict. */
  @Optional() @Text(8000) problem?: string;
}

export class AuditVerdicts {
  @NestedList(() => AuditVerdictOrNot, 100) logs!: AuditVerdictOrNot[];
}

/** What a site can do without, as one without consoles need not have their service. */
const OPTIONAL: readonly Log[] = ["console", "telemetry"];

/** A log that never was is neither broken nor missing. */
function exists(log: Log, { mirror }: Pick<GatewayParts, "mirror">): boolean {
  return !OPTIONAL.includes(log) || mirror.service(log) !== undefined;
}

async function verdictOf(
  log: Log,
  call: Pick<Call, "actor" | "via" | "signal">,
  parts: GatewayParts,
): Promise<AuditVerdictOrNot> {
  try {
    const verdict =
      log === "gateway"
        ? await parts.audit.verify([], call.signal)
        : await asking(parts, call, verifyAudit[log], {}, 60_000);
    return { log, verdict: [verdict] };
  } catch (error) {
    if (!(error instanceof RequestError) && !(error instanceof HttpProblem)) throw error;
    return { log, problem: error.message };
  }
}

export const AUDIT_ROUTES = [
  route({
    method: "GET",
    path: "/audit",
    id: "searchAudit",
    tag: "audit",
    summary: "Records of one audit log, newest first.",
    right: "audit",
    query: AuditQuery,
    reply: AuditRecords,
    statuses: { 200: "A page of records." },
    problems: [422, 503, 504],
    handle: async (call: Call<object, AuditQuery>, parts) => {
      const { log, ...search } = call.query;
      if (!exists(log, parts)) return { body: { records: [] } };
      const page =
        log === "gateway"
          ? await parts.audit.search(search)
          : await asking(parts, call, searchAudit[log], search);
      return { body: page };
    },
  }),
  route({
    method: "GET",
    path: "/audit/verdicts",
    id: "verifyAudit",
    tag: "audit",
    summary: "Whether the audit logs are as they were written.",
    right: "audit",
    reply: AuditVerdicts,
    statuses: { 200: "A verdict for each log." },
    handle: async (call, parts) => {
      const logs = LOGS.filter((log) => exists(log, parts));
      return { body: { logs: await Promise.all(logs.map((log) => verdictOf(log, call, parts))) } };
    },
  }),
];
