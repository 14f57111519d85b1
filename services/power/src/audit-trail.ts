import type { AuditLog } from "@outrider/audit/audit-log";
import { POWER_COMMAND_ACT } from "@outrider/contracts/audit";
import type { Clock } from "@outrider/contracts/clock";
import type { PowerResult } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { Log } from "@outrider/messaging/log";
import type { Statement } from "@outrider/storage/storage";
import type { Asking } from "./answers.js";
import type { Run } from "./run-state.js";

/** Refusals that say something of whoever asked. */
const TELLING: readonly ReasonCode[] = ["locked", "interlocked", "not-allowed", "fenced"];
/** So many refusals within a span are recorded each; more are counted. */
const REFUSALS = { most: 20, spanMs: 10_000 } as const;

/** What the power service leaves in its audit log: who asked for what before it is done, and what came of it. */
export class AuditTrail {
  #spanFromMs = Number.NEGATIVE_INFINITY;
  #refusals = 0;
  #unsaid = 0;

  constructor(
    private readonly parts: {
      readonly audit: AuditLog;
      readonly clock: Clock;
      readonly log: Log;
    },
  ) {}

  /** Part of the transaction that accepts a command. */
  accepted({ actor, via, node, reason, ...run }: Run): Statement[] {
    const { id, action, key, transition, override, fence } = run;
    const data = {
      id,
      action,
      run: key,
      ...(transition === undefined ? {} : { transition }),
      ...(override === true ? { override } : {}),
      ...(fence === undefined || fence === 0 ? {} : { fence }),
      ...(run.escalation.length > 0 ? { escalate: true } : {}),
    };
    return this.parts.audit.statements({
      actor,
      via,
      act: POWER_COMMAND_ACT,
      subject: node,
      reason,
      data,
    });
  }

  /** Part of the transaction that ends a command. */
  ended({ actor, via, node, id, action, key, phase }: Run): Statement[] {
    if (phase.kind !== "done") return [];
    const { status, reasonCode } = phase.outcome;
    const data = {
      id,
      action,
      run: key,
      status,
      ...(reasonCode === undefined ? {} : { reasonCode }),
    };
    return this.parts.audit.statements({
      actor,
      via,
      act: POWER_COMMAND_ACT,
      subject: node,
      stage: "outcome",
      data,
    });
  }

  /** Records that somebody was kept from acting. Not waited for: nothing is done. */
  refused({ node, actor, via, set, override, transition }: Asking, answer: PowerResult): void {
    const { reasonCode } = answer;
    if (reasonCode === undefined || !TELLING.includes(reasonCode)) return;
    const { audit, clock, log } = this.parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#spanFromMs > REFUSALS.spanMs) {
      this.#spanFromMs = nowMs;
      this.#refusals = 0;
    }
    if (++this.#refusals > REFUSALS.most) {
      this.#unsaid += 1;
      return;
    }
    const unsaid = this.#unsaid;
    this.#unsaid = 0;
    const data = {
      id: answer.id,
      action: set.action,
      status: answer.status,
      reasonCode,
      ...(override === true ? { override } : {}),
      ...(transition === undefined ? {} : { transition }),
      ...(unsaid === 0 ? {} : { unrecordedRefusalsBefore: unsaid }),
    };
    const entry = {
      actor,
      via,
      act: POWER_COMMAND_ACT,
      subject: node,
      stage: "outcome",
      reason: set.reason,
      data,
    } as const;
    audit.append(entry).catch((error: unknown) => {
      log.warn({ node, actor, err: error }, "a refusal could not be recorded in the audit log");
    });
  }
}
