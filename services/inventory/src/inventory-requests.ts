import { Inject, Injectable } from "@nestjs/common";
import { AuditLog } from "@outrider/audit/audit-log";
import {
  searchAudit,
  verifyAudit,
  type AuditPage,
  type AuditSearch,
  type AuditVerdict,
} from "@outrider/contracts/audit";
import {
  dismissProposal,
  getFacts,
  getHistory,
  getSite,
  listDrift,
  listProposals,
  reportFacts,
  type DriftList,
  type FactsReported,
  type HistoryPage,
  type HistoryRequest,
  type NodeFacts,
  type NodeRef,
  type ProposalList,
  type ProposalRef,
  type ReportFacts,
  type SiteInForce,
} from "@outrider/contracts/inventory";
import type { Nothing } from "@outrider/contracts/service-plane";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { DriftLog } from "./facts/drift-log.js";
import { driftOf } from "./facts/drift.js";
import { Facts } from "./facts/facts.js";
import { History } from "./facts/history.js";
import { Proposals } from "./facts/proposals.js";
import { Inventory } from "./inventory.js";
import { SiteRecord } from "./record/site-record.js";

/** Kinds of parts that something is declared about. */
const DECLARED_KINDS = ["board", "nic", "disk"];

/** What the service answers about the site, what was found, and its audit log. */
@Injectable()
export class InventoryRequests {
  constructor(
    @Inject(SiteRecord) private readonly record: SiteRecord,
    @Inject(Inventory) private readonly inventory: Inventory,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(History) private readonly history: History,
    @Inject(Proposals) private readonly proposals: Proposals,
    @Inject(DriftLog) private readonly drift: DriftLog,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  @OnRequest(getSite)
  site(_asked: Asked<Nothing>): SiteInForce {
    return this.record.inForce();
  }

  @OnRequest(listDrift)
  async listDrift(_asked: Asked<Nothing>): Promise<DriftList> {
    const { site } = this.inventory;
    if (!site) return { drift: [], total: 0 };
    const parts = await this.facts.ofKinds(DECLARED_KINDS);
    return this.drift.note(driftOf(site, { ...this.inventory.seen, parts }));
  }

  @OnRequest(reportFacts)
  report({ body }: Asked<ReportFacts>): Promise<FactsReported> {
    return this.facts.report(body);
  }

  @OnRequest(getFacts)
  getFacts({ body: { node } }: Asked<NodeRef>): Promise<NodeFacts> {
    return this.facts.of(node);
  }

  @OnRequest(getHistory)
  getHistory({ body }: Asked<HistoryRequest>): Promise<HistoryPage> {
    return this.history.page(body);
  }

  @OnRequest(listProposals)
  async listProposals(_asked: Asked<Nothing>): Promise<ProposalList> {
    return { proposals: await this.proposals.list() };
  }

  @OnRequest(dismissProposal)
  async dismiss({ body: { id }, actor, via }: Asked<ProposalRef>): Promise<Nothing> {
    await this.proposals.dismiss(id, { actor, via });
    return {};
  }

  @OnRequest(searchAudit.inventory)
  searchAudit({ body }: Asked<AuditSearch>): Promise<AuditPage> {
    return this.audit.search(body);
  }

  @OnRequest(verifyAudit.inventory)
  verifyAudit(_asked: Asked<Nothing>): Promise<AuditVerdict> {
    return this.audit.verify();
  }
}
