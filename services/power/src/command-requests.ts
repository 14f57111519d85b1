import { AuditLog } from "@outrider/audit/audit-log";
import { Inject, Injectable } from "@nestjs/common";
import {
  searchAudit,
  verifyAudit,
  type AuditPage,
  type AuditSearch,
  type AuditVerdict,
} from "@outrider/contracts/audit";
import type { Clock } from "@outrider/contracts/clock";
import type { Nothing } from "@outrider/contracts/service-plane";
import {
  commandNode,
  findCommand,
  type CommandRef,
  type NodeCommand,
  type NodeCommandReply,
} from "@outrider/contracts/transition";
import { RequestError } from "@outrider/messaging/request-error";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { CLOCK } from "@outrider/service-kit/tokens";
import { Runs } from "./runs.js";

/** Answers what other services ask of single commands and of the audit log, on behalf of people they have checked. */
@Injectable()
export class CommandRequests {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Runs) private readonly runs: Runs,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** Answers with the first thing that is said; what follows stands on `power/result`. */
  @OnRequest(commandNode)
  async command({ body, actor, via }: Asked<NodeCommand>): Promise<NodeCommandReply> {
    const { node, set, lock, override } = body;
    if (override === true && set.reason === undefined) {
      const detail = "an override needs a reason, which is kept in the audit log";
      throw new RequestError("invalid", detail, { field: "set.reason" });
    }
    const result = await new Promise<NodeCommandReply["result"]>((resolve) => {
      this.runs.ask({
        node,
        set,
        actor,
        via,
        wasRetained: false,
        arrivedMs: this.clock.monotonicMs(),
        lock,
        override,
        answered: resolve,
      });
    });
    return { result };
  }

  @OnRequest(findCommand)
  async find({ body: { node, id, actor } }: Asked<CommandRef>): Promise<NodeCommandReply> {
    const result = await this.runs.find(node, actor, id);
    if (result) return { result };
    const detail = `no command ${id} of ${actor} on ${node} is recorded; commands are remembered for seven days`;
    throw new RequestError("not-found", detail);
  }

  @OnRequest(searchAudit.power)
  search({ body }: Asked<AuditSearch>): Promise<AuditPage> {
    return this.audit.search(body);
  }

  @OnRequest(verifyAudit.power)
  verify(_asked: Asked<Nothing>): Promise<AuditVerdict> {
    return this.audit.verify();
  }
}
