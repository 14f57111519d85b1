import { createHash } from "node:crypto";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { Proposal } from "@outrider/contracts/inventory";
import { serviceEvent } from "@outrider/contracts/service-plane";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import { RequestError } from "@outrider/messaging/request-error";
import type { Session } from "@outrider/messaging/session";
import type { Storage } from "@outrider/storage/storage";
import type { AuditTrail } from "../audit-trail.js";
import type { Asker } from "../locks/locks.js";

/** Proposals that are kept; what was seen longest ago goes first. */
const KEPT = 1000;
/** What one answer holds. */
const SHOWN = 200;
const ANSWER_BYTES = 56_000;

export type Seen = Pick<Proposal, "kind" | "subject" | "detail" | "suggestion">;

interface ProposalRow {
  id: string;
  kind: string;
  subject: string;
  detail: string;
  suggestion: string;
  first_seen_at: string;
  seen_at: string;
  dismissed: number;
}

export interface ProposalsOptions {
  readonly storage: Storage;
  readonly session: Session;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether somebody has declared it in the meantime. */
  readonly isDeclared: (kind: string, subject: string) => boolean;
}

/** What was seen and is not declared. It changes nothing until somebody declares it. */
export class Proposals {
  constructor(private readonly options: ProposalsOptions) {}

  /** Takes note of something. One that was dismissed stays so until it is seen changed. @returns its id */
  async seen({ kind, subject, detail, suggestion }: Seen): Promise<string> {
    const { storage, clock, session, log } = this.options;
    const id = createHash("sha256").update(`${kind} ${subject}`).digest("hex").slice(0, 16);
    const at = timestamp(clock);
    const known = await this.#find(id);
    const changed = known?.detail !== detail.slice(0, 1000);
    await storage.write([
      {
        sql: `INSERT INTO inventory_proposals (id, kind, subject, detail, suggestion, first_seen_at, seen_at, dismissed)
              VALUES (?, ?, ?, ?, ?, ?, ?, 0)
              ON CONFLICT (id) DO UPDATE
              SET detail = excluded.detail, suggestion = excluded.suggestion, seen_at = excluded.seen_at,
                  dismissed = CASE WHEN inventory_proposals.detail = excluded.detail
                                   THEN inventory_proposals.dismissed ELSE 0 END`,
        params: [
          id,
          kind,
          subject.slice(0, 200),
          detail.slice(0, 1000),
          suggestion.slice(0, 4000),
          at,
          at,
        ],
      },
      {
        sql: `DELETE FROM inventory_proposals WHERE id IN
              (SELECT id FROM inventory_proposals ORDER BY seen_at DESC, id LIMIT 1000 OFFSET ${KEPT})`,
      },
    ]);
    if (changed) {
      session
        .publish(
          serviceEvent,
          { service: "inventory" },
          {
            id: mintId(),
            at,
            kind: "proposal",
            subject: id,
            data: { kind, subject, detail: detail.slice(0, 1000) },
          },
        )
        .catch((error: unknown) =>
          log.debug({ error: String(error) }, "an event of a proposal could not be published"),
        );
    }
    return id;
  }

  /** What was seen last first. What has been declared since is forgotten. */
  async list(): Promise<Proposal[]> {
    const { storage, isDeclared } = this.options;
    const rows = await storage.all<ProposalRow>(
      "SELECT * FROM inventory_proposals WHERE dismissed = 0 ORDER BY seen_at DESC, id LIMIT ?",
      [KEPT],
    );
    const settled = rows.filter(({ kind, subject }) => isDeclared(kind, subject));
    if (settled.length > 0) {
      await storage.write(
        settled.map(({ id }) => ({
          sql: "DELETE FROM inventory_proposals WHERE id = ?",
          params: [id],
        })),
      );
    }
    const shown: Proposal[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (settled.includes(row)) continue;
      const { id, kind, subject, detail, suggestion } = row;
      const proposal = {
        id,
        kind,
        subject,
        detail,
        suggestion,
        firstSeenAt: row.first_seen_at,
        seenAt: row.seen_at,
      };
      bytes += Buffer.byteLength(JSON.stringify(proposal));
      if (shown.length === SHOWN || bytes > ANSWER_BYTES) break;
      shown.push(proposal);
    }
    return shown;
  }

  /** @throws RequestError `not-found` */
  async dismiss(id: string, asker: Asker): Promise<void> {
    const { storage, audit } = this.options;
    const known = await this.#find(id);
    if (!known) throw new RequestError("not-found", `there is no proposal ${id}`, { field: "id" });
    await storage.write([
      ...audit.statements({
        ...asker,
        act: "proposal.dismiss",
        subject: known.subject,
        stage: "intent",
        data: { id, kind: known.kind },
      }),
      { sql: "UPDATE inventory_proposals SET dismissed = 1 WHERE id = ?", params: [id] },
    ]);
  }

  #find(id: string): Promise<ProposalRow | undefined> {
    return this.options.storage.get<ProposalRow>("SELECT * FROM inventory_proposals WHERE id = ?", [
      id,
    ]);
  }
}
