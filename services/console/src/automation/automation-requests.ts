import { AuditLog } from "@outrider/audit/audit-log";
import { Inject, Injectable } from "@nestjs/common";
import {
  clearRule,
  listCaptures,
  listRules,
  type CaptureList,
  type ListCaptures,
  type RuleList,
  type RuleRef,
} from "@outrider/contracts/console-operations";
import type { ConsoleAct } from "@outrider/contracts/audit";
import type { Nothing } from "@outrider/contracts/service-plane";
import { RequestError } from "@outrider/messaging/request-error";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { StorageError } from "@outrider/storage/storage-error";
import { Automation } from "./automation.js";

/** Answers what other services ask of rules and captures, on behalf of people they have checked. */
@Injectable()
export class AutomationRequests {
  constructor(
    @Inject(Automation) private readonly automation: Automation,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  @OnRequest(listCaptures)
  async captures({ body: { nodes, limit } }: Asked<ListCaptures>): Promise<CaptureList> {
    return { captures: await stored(this.automation.captures.list(nodes, limit)) };
  }

  @OnRequest(listRules)
  rules(_asked: Asked<Nothing>): RuleList {
    return { records: this.automation.records.list() };
  }

  @OnRequest(clearRule)
  async clear({ body: { rule, node }, actor, via }: Asked<RuleRef>): Promise<Nothing> {
    if (!this.automation.records.find(rule, node)) {
      throw new RequestError("not-found", `rule ${rule} has done nothing on ${node}`);
    }
    const act: `console.${ConsoleAct}` = "console.clear-rule";
    const entry = { actor, via, act, subject: node, data: { rule } };
    await stored(this.audit.append(entry));
    await stored(this.automation.rules.clear(rule, node));
    return {};
  }
}

async function stored<T>(doing: Promise<T>): Promise<T> {
  try {
    return await doing;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new RequestError("storage-failed", error.message, { cause: error });
  }
}
