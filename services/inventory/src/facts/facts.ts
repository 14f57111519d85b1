import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type {
  FactsReported,
  KnownPart,
  NodeFacts,
  Part,
  ReportFacts,
} from "@outrider/contracts/inventory";
import { RequestError } from "@outrider/messaging/request-error";
import type { Statement, Storage } from "@outrider/storage/storage";
import type { DeclaredNode } from "../site.js";
import { Turns } from "../turns.js";
import type { History } from "./history.js";
import { partKey, partsChange, reportedParts, type StoredPart } from "./parts.js";
import type { Proposals } from "./proposals.js";
import { nodeSuggestion } from "./suggestions.js";

/** Sources whose word about one node is kept; the one heard longest ago goes first. */
const SOURCES_PER_NODE = 5;
/** What an answer may have in bytes. */
const ANSWER_BYTES = 56_000;

interface PartRow {
  node: NodeId;
  source: string;
  part_key: string;
  part: string;
  first_seen_at: string;
  seen_at: string;
}

export interface FactsOptions {
  readonly storage: Storage;
  readonly history: History;
  readonly proposals: Proposals;
  readonly clock: Clock;
  /** The nodes of the site in force. */
  readonly nodes: () => readonly DeclaredNode[];
}

/** What was found in nodes, by whom and when. It changes nothing of what is declared. */
export class Facts {
  readonly #options: FactsOptions;
  readonly #turns = new Turns();

  constructor(options: FactsOptions) {
    this.#options = options;
  }

  /** Takes what a source found; it takes the place of what the same source said of the node before. */
  report(report: ReportFacts): Promise<FactsReported> {
    return this.#turns.take(async () => {
      const parts = reportedParts(report);
      const node = this.#nodeOf(report, parts);
      if (node) return this.#keep(node, report.source, parts);
      const subject = report.serial ?? addressesOf(parts)[0];
      if (subject === undefined) {
        throw new RequestError(
          "invalid",
          "neither node, nor serial number, nor an address of a network interface says whose parts these are",
          { field: "node" },
        );
      }
      const proposal = await this.#options.proposals.seen({
        kind: "node",
        subject,
        detail: `${report.source} found a machine that is not declared, with ${parts.length} parts`,
        suggestion: nodeSuggestion(report.serial, addressesOf(parts)),
      });
      return { proposal, changed: 0 };
    });
  }

  /** What is known of a node. @throws RequestError `not-found` when it is not declared */
  async of(node: NodeId): Promise<NodeFacts> {
    if (!this.#options.nodes().some(({ id }) => id === node)) {
      throw new RequestError("not-found", `there is no node ${node}`, { field: "node" });
    }
    const rows = await this.#options.storage.all<PartRow>(
      "SELECT * FROM inventory_parts WHERE node = ? ORDER BY part_key, source LIMIT 1000",
      [node],
    );
    const parts: KnownPart[] = [];
    let bytes = 0;
    for (const { part, source, first_seen_at, seen_at } of rows) {
      bytes += Buffer.byteLength(part) + 200;
      if (bytes > ANSWER_BYTES) break;
      parts.push({
        part: JSON.parse(part) as Part,
        source,
        firstSeenAt: first_seen_at,
        seenAt: seen_at,
      });
    }
    return { node, parts };
  }

  /** Parts of some kinds, of all nodes, what was seen last first. */
  async ofKinds(kinds: readonly string[]): Promise<Map<NodeId, Part[]>> {
    const rows = await this.#options.storage.all<PartRow>(
      `SELECT node, part FROM inventory_parts WHERE kind IN (${kinds.map(() => "?").join(", ")})
       ORDER BY seen_at DESC LIMIT 100000`,
      kinds,
    );
    const found = new Map<NodeId, Part[]>();
    for (const { node, part } of rows) {
      const parts = found.get(node) ?? [];
      parts.push(JSON.parse(part) as Part);
      found.set(node, parts);
    }
    return found;
  }

  stop(): Promise<void> {
    return this.#turns.stop();
  }

  /** The node that is named, or that declares the serial number or an address. */
  #nodeOf({ node, serial }: ReportFacts, parts: readonly Part[]): DeclaredNode | undefined {
    const nodes = this.#options.nodes();
    if (node !== undefined) {
      const named = nodes.find(({ id }) => id === node);
      if (named) return named;
      throw new RequestError(
        "not-found",
        `there is no node ${node}; leave it out to have the machine proposed`,
        { field: "node" },
      );
    }
    const wanted = serial?.toLowerCase();
    const bySerial =
      wanted === undefined ? undefined : nodes.find((one) => one.serial?.toLowerCase() === wanted);
    if (bySerial) return bySerial;
    const addresses = new Set(addressesOf(parts));
    return nodes.find(({ macs }) => macs.some((mac) => addresses.has(mac)));
  }

  async #keep(
    { id, macs }: DeclaredNode,
    source: string,
    parts: readonly Part[],
  ): Promise<FactsReported> {
    const { storage, history, clock, proposals } = this.#options;
    const at = timestamp(clock);
    const rows = await storage.all<PartRow>("SELECT * FROM inventory_parts WHERE node = ?", [id]);
    const known = rows
      .filter((row) => row.source === source)
      .map((row): StoredPart => ({
        key: row.part_key,
        part: JSON.parse(row.part) as Part,
        firstSeenAt: row.first_seen_at,
      }));
    const elsewhere = await this.#elsewhere(id, parts);
    const { kept, gone, entries } = partsChange(id, known, parts, elsewhere, at);
    const statements: Statement[] = [
      ...this.#forgetSources(id, source, rows),
      ...gone.map((key) => ({
        sql: "DELETE FROM inventory_parts WHERE node = ? AND source = ? AND part_key = ?",
        params: [id, source, key],
      })),
      // What is here now is not where it was.
      ...[...elsewhere].map(([key, from]) => ({
        sql: "DELETE FROM inventory_parts WHERE node = ? AND part_key = ?",
        params: [from, key],
      })),
      ...kept.map((one) => save(id, source, one, at)),
      ...history.statements(entries),
    ];
    if (statements.length > 0) await storage.write(statements);
    for (const mac of addressesOf(parts)) {
      if (macs.includes(mac)) continue;
      await proposals.seen({
        kind: "address",
        subject: mac,
        detail: `${source} found address ${mac} in ${id}, where it is not declared`,
        suggestion: `nodes:\n  ${id}:\n    macs: [${[...macs, mac].map((one) => `"${one}"`).join(", ")}]\n`,
      });
    }
    return { node: id, changed: entries.length };
  }

  /** The other node that each of the parts with a serial number is, or was last, known of. */
  async #elsewhere(node: NodeId, parts: readonly Part[]): Promise<Map<string, NodeId>> {
    const { storage, history } = this.#options;
    const found = new Map<string, NodeId>();
    for (const [index, part] of parts.entries()) {
      if (part.serial === undefined) continue;
      const key = partKey(part, index);
      const row = await storage.get<{ node: NodeId }>(
        "SELECT node FROM inventory_parts WHERE kind = ? AND part_key = ? AND serial = ? AND node <> ? ORDER BY seen_at DESC LIMIT 1",
        [part.kind, key, part.serial.toLowerCase(), node],
      );
      const from = row?.node ?? (await history.lastSeenIn(part.kind, part.serial));
      if (from !== undefined && from !== node) found.set(key, from);
    }
    return found;
  }

  #forgetSources(node: NodeId, source: string, rows: readonly PartRow[]): Statement[] {
    const heard = new Map<string, string>();
    for (const row of rows) if (row.source !== source) heard.set(row.source, row.seen_at);
    return [...heard]
      .toSorted(([, a], [, b]) => (a < b ? 1 : -1))
      .slice(SOURCES_PER_NODE - 1)
      .map(([old]) => ({
        sql: "DELETE FROM inventory_parts WHERE node = ? AND source = ?",
        params: [node, old],
      }));
  }
}

function save(
  node: NodeId,
  source: string,
  { key, part, firstSeenAt }: StoredPart,
  at: string,
): Statement {
  return {
    sql: `INSERT INTO inventory_parts (node, source, part_key, kind, serial, part, first_seen_at, seen_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (node, source, part_key) DO UPDATE
          SET part = excluded.part, seen_at = excluded.seen_at`,
    params: [
      node,
      source,
      key,
      part.kind,
      part.serial?.toLowerCase() ?? null,
      JSON.stringify(part),
      firstSeenAt,
      at,
    ],
  };
}

/** Addresses of the network interfaces, in lower case. */
export function addressesOf(parts: readonly Part[]): string[] {
  return parts.flatMap(({ kind, serial }) =>
    kind === "nic" && serial !== undefined ? [serial.toLowerCase()] : [],
  );
}
