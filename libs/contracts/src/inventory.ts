import {
  ActorText,
  AnyObject,
  Id,
  Integer,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import { ID_PATTERN, type NodeId } from "./ids.js";
import { Nothing, operation } from "./service-plane.js";

/**
 * What the inventory service answers. The site file itself goes over its listener: `GET /site`, `GET /site/<revision>`,
 * `GET /sites`, `POST /site`.
 */

/** The site in force. */
export class SiteInForce {
  @Id() site!: string;
  /** Rises with every change. */
  @Integer(1) revision!: number;
  /** SHA-256 of the text, in hexadecimal. */
  @Text(64) hash!: string;
  @Timestamp() appliedAt!: string;
  @ActorText() appliedBy!: string;
  @Integer(0) nodes!: number;
  @Integer(0) agents!: number;
}

export const CHANGE_KINDS = ["added", "removed", "changed"] as const;

/** One difference between two sites. */
export class SiteChange {
  @OneOf(CHANGE_KINDS) kind!: (typeof CHANGE_KINDS)[number];
  /** `nodes.n1.power.options.port` */
  @Text(500) path!: string;
  @Optional() @Text(500) before?: string;
  @Optional() @Text(500) after?: string;
}

/** One thing that is wrong in a site file. */
export class SiteFault {
  @Text(500) file!: string;
  @Integer(0) line!: number;
  @Text(500) path!: string;
  @Text(2000) message!: string;
}

/** Answer of `GET /sites`: the revisions that are kept, newest first. */
export class SiteRevisions {
  @NestedList(() => SiteInForce, 1000) sites!: SiteInForce[];
}

/** Answer of `POST /site`: what would change or has changed, or why nothing did. */
export class SiteApplied {
  @OneOf(["applied", "unchanged", "would-apply", "refused"]) outcome!:
    | "applied"
    | "unchanged"
    | "would-apply"
    | "refused";
  @NestedList(() => SiteChange, 10_000) changes!: SiteChange[];
  @NestedList(() => SiteFault, 1000) faults!: SiteFault[];
  /** What is no error and yet probably not meant. */
  @Optional() @NestedList(() => SiteFault, 1000) warnings?: SiteFault[];
  @Optional() @Nested(() => SiteInForce) site?: SiteInForce;
  /** By agent whose endpoints have changed: the generation that its description echoes when it has tried each of them. */
  @Optional()
  @MapOf(ID_PATTERN, { integer: [1, Number.MAX_SAFE_INTEGER] }, 10_000)
  generations?: Record<string, number>;
}

/** Where what is there is not what is declared. */
export class Drift {
  /** `agent`, `endpoint`, `serial`, `mac`, `disks` … */
  @Id() kind!: string;
  /** Node or agent. */
  @Id() subject!: string;
  @Text(500) declared!: string;
  @Text(500) found!: string;
  /** Since when it has been noticed. */
  @Timestamp() since!: string;
  @Text(1000) detail!: string;
}

/** The longest first. */
export class DriftList {
  @NestedList(() => Drift, 500) drift!: Drift[];
  /** How many there are, which may be more than an answer holds. */
  @Integer(0) total!: number;
}

/** A part of a node: a board, a disk, a network interface. */
export class Part {
  /** `board`, `cpu`, `memory`, `disk`, `nic`, `psu` … */
  @Id() kind!: string;
  /** Serial number, or address of a network interface: what follows the part when it moves. */
  @Optional() @Text(128) serial?: string;
  /** Where in the node: `nvme0`, `eth0`. */
  @Optional() @Text(64) slot?: string;
  @Optional() @Text(200) maker?: string;
  @Optional() @Text(200) model?: string;
  @Optional() @Integer(0) bytes?: number;
  @Optional() @AnyObject() data?: Record<string, unknown>;
}

/** What somebody who looked at a node found. Replaces what the same source said before. */
export class ReportFacts {
  /** The node, when it is known. */
  @Optional() @Id() node?: NodeId;
  /** Serial number of the board, which tells the node when it is not named. */
  @Optional() @Text(128) serial?: string;
  /** Who looked: `reporter`, `boot`, `person`, `qemu` … */
  @Id() source!: string;
  @NestedList(() => Part, 200) parts!: Part[];
}

export class FactsReported {
  @Optional() @Id() node?: NodeId;
  /** Set where no node has the serial number: it is proposed, and nothing else. */
  @Optional() @Text(64) proposal?: string;
  @Integer(0) changed!: number;
}

/** A part with who saw it and when. */
export class KnownPart {
  @Nested(() => Part) part!: Part;
  @Id() source!: string;
  @Timestamp() firstSeenAt!: string;
  @Timestamp() seenAt!: string;
}

export class NodeRef {
  @Id() node!: NodeId;
}

export class NodeFacts {
  @Id() node!: NodeId;
  @NestedList(() => KnownPart, 1000) parts!: KnownPart[];
}

export class HistoryRequest {
  /** One of the two. */
  @Optional() @Id() node?: NodeId;
  @Optional() @Text(128) part?: string;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

export const MOVES = ["appeared", "moved", "gone", "changed", "declared", "removed"] as const;

/** Something that was declared, found, moved or lost. */
export class HistoryEntry {
  @Timestamp() at!: string;
  @OneOf(MOVES) what!: (typeof MOVES)[number];
  @Optional() @Id() node?: NodeId;
  /** Where it was before. */
  @Optional() @Id() from?: NodeId;
  @Optional() @Id() kind?: string;
  @Optional() @Text(128) part?: string;
  @Text(500) detail!: string;
}

/** Newest first. */
export class HistoryPage {
  @NestedList(() => HistoryEntry, 200) entries!: HistoryEntry[];
  @Optional() @Text(200) next?: string;
}

/** Something that was seen and that nobody has declared. It changes nothing until somebody does. */
export class Proposal {
  @Text(64) id!: string;
  /** `agent`, `node`, `part` … */
  @Id() kind!: string;
  @Text(200) subject!: string;
  @Text(1000) detail!: string;
  /** What to write into the site file. */
  @Text(4000) suggestion!: string;
  @Timestamp() firstSeenAt!: string;
  @Timestamp() seenAt!: string;
}

export class ProposalList {
  @NestedList(() => Proposal, 200) proposals!: Proposal[];
}

export class ProposalRef {
  @Text(64) id!: string;
}

export const getSite = operation("inventory", "get-site", {
  request: Nothing,
  reply: SiteInForce,
  summary: "The site in force.",
});
export const listDrift = operation("inventory", "list-drift", {
  request: Nothing,
  reply: DriftList,
  summary: "Where what is there is not what is declared.",
});
export const reportFacts = operation("inventory", "report-facts", {
  request: ReportFacts,
  reply: FactsReported,
  summary: "Takes what was found in a node.",
});
export const getFacts = operation("inventory", "get-facts", {
  request: NodeRef,
  reply: NodeFacts,
  summary: "The parts of a node, with who saw them and when.",
});
export const getHistory = operation("inventory", "get-history", {
  request: HistoryRequest,
  reply: HistoryPage,
  summary: "What happened to a node, or where a part has been.",
});
export const listProposals = operation("inventory", "list-proposals", {
  request: Nothing,
  reply: ProposalList,
  summary: "What was seen and is not declared.",
});
export const dismissProposal = operation("inventory", "dismiss-proposal", {
  request: ProposalRef,
  reply: Nothing,
  summary: "Forgets a proposal until it is seen again changed.",
});
