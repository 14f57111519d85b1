import { Inject, Injectable } from "@nestjs/common";
import { AuditLog } from "@outrider/audit/audit-log";
import {
  searchAudit,
  verifyAudit,
  type AuditPage,
  type AuditSearch,
  type AuditVerdict,
} from "@outrider/contracts/audit";
import type { Nothing } from "@outrider/contracts/service-plane";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";

/** What is asked about this service's audit log. */
@Injectable()
export class AuditRequests {
  constructor(@Inject(AuditLog) private readonly audit: AuditLog) {}

  @OnRequest(searchAudit.telemetry)
  searchAudit({ body }: Asked<AuditSearch>): Promise<AuditPage> {
    return this.audit.search(body);
  }

  @OnRequest(verifyAudit.telemetry)
  verifyAudit(_asked: Asked<Nothing>): Promise<AuditVerdict> {
    return this.audit.verify();
  }
}
