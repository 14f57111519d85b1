import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { Statement } from "@outrider/storage/storage";

/** Where something that is about to be done is written down, in the same transaction as what it is about. */
export interface AuditTrail {
  statements(entry: AuditEntry): Statement[];
}
