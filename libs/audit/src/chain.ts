import { createHash } from "node:crypto";
import type { AuditVerdict } from "@outrider/contracts/audit";
import type { AuditRow } from "./audit-entry.js";

/** The hash before the first record. */
export const GENESIS = "0".repeat(64);
/** The record that says what was taken out at the beginning: `data: {through, hash}`. */
export const PRUNE = "audit.prune";

/** Position and hash of a record: kept elsewhere, it shows later that the log was not cut before it. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/**
 * The hash of a record: SHA-256, in hexadecimal, over the hash before it (64 characters) and the record as JSON
 * with its properties in the order of their names and nothing between; `data` as it is stored.
 */
export function chainHash(previous: string, row: Omit<AuditRow, "hash">): string {
  const text = `{${[
    `"act":${JSON.stringify(row.act)}`,
    `"actor":${JSON.stringify(row.actor)}`,
    `"at":${JSON.stringify(row.at)}`,
    ...(row.data === null ? [] : [`"data":${row.data}`]),
    `"log":${JSON.stringify(row.log)}`,
    ...(row.reason === null ? [] : [`"reason":${JSON.stringify(row.reason)}`]),
    `"seq":${row.seq}`,
    `"stage":${JSON.stringify(row.stage)}`,
    `"subject":${JSON.stringify(row.subject)}`,
    `"via":${JSON.stringify(row.via)}`,
  ].join(",")}}`;
  return createHash("sha256").update(previous).update(text).digest("hex");
}

/** What a prune left of what stood before the first record that is there. */
export function pruneOf(row: AuditRow | undefined): AuditHead | undefined {
  if (row?.act !== PRUNE || row.data === null) return undefined;
  try {
    const { through, hash } = JSON.parse(row.data) as Partial<Record<string, unknown>>;
    return typeof through === "number" && typeof hash === "string"
      ? { seq: through, hash }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Walks a log from its first record to its last and finds the first that does not fit. Pure. */
export class ChainWalk {
  readonly #log: string;
  readonly #pruned: AuditHead | undefined;
  readonly #anchors: readonly AuditHead[];
  readonly #met = new Set<number>();
  #previous: AuditHead;
  #count = 0;
  #unsealed = 0;
  #pruneMet: boolean;
  #broken: { at: number; detail: string } | undefined;

  /**
   * @param pruned of the last prune record, when there is one: the chain begins after it
   * @param anchors heads noted elsewhere, which must still be there
   */
  constructor(log: string, pruned: AuditHead | undefined, anchors: readonly AuditHead[] = []) {
    this.#log = log;
    this.#pruned = pruned;
    this.#anchors = anchors;
    this.#previous = pruned ?? { seq: 0, hash: GENESIS };
    this.#pruneMet = pruned === undefined;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** The next record in order of `seq`. */
  take(row: AuditRow): void {
    if (this.#broken) return;
    this.#count += 1;
    const expected = this.#previous.seq + 1;
    if (row.seq !== expected) {
      const last = row.seq - 1;
      const which =
        last > expected ? `records ${expected} to ${last} are` : `record ${expected} is`;
      return this.#break(
        expected,
        row.seq > expected
          ? `${which} missing`
          : `record ${row.seq} is there twice or out of order`,
      );
    }
    if (row.hash === null) {
      this.#unsealed += 1;
      this.#previous = { seq: row.seq, hash: this.#previous.hash };
      return;
    }
    if (this.#unsealed > 0) {
      return this.#break(
        row.seq - this.#unsealed,
        `record ${row.seq - this.#unsealed} has no hash although later ones have`,
      );
    }
    if (row.hash !== chainHash(this.#previous.hash, row)) {
      return this.#break(
        row.seq,
        `record ${row.seq} is not as it was written, or what stood before it was changed`,
      );
    }
    this.#previous = { seq: row.seq, hash: row.hash };
    this.#meet(row);
  }

  /** After the last record. */
  verdict(): AuditVerdict {
    const { seq, hash } = this.#previous;
    if (!this.#broken && !this.#pruneMet) {
      this.#break(seq + 1, "the record that says what was pruned is not sealed into the chain");
    }
    const cut = this.#anchors.find((one) => one.seq > seq - this.#unsealed);
    if (!this.#broken && cut) {
      this.#break(
        seq - this.#unsealed + 1,
        `the log ends at ${seq - this.#unsealed}, but ${cut.seq} was noted elsewhere: its end was cut off, or an older backup was put back`,
      );
    }
    return {
      log: this.#log,
      intact: this.#broken === undefined,
      records: this.#count,
      ...(hash !== GENESIS && this.#broken === undefined && { head: hash }),
      ...(this.#broken && { brokenAt: this.#broken.at, detail: this.#broken.detail }),
    };
  }

  #meet(row: AuditRow): void {
    const pruned = pruneOf(row);
    if (pruned && this.#pruned && pruned.seq === this.#pruned.seq) this.#pruneMet = true;
    for (const anchor of this.#anchors) {
      if (anchor.seq !== row.seq || this.#met.has(row.seq)) continue;
      this.#met.add(row.seq);
      if (anchor.hash !== row.hash) {
        this.#break(
          row.seq,
          `record ${row.seq} has another hash than was noted elsewhere: the log was written anew`,
        );
      }
    }
  }

  #break(at: number, detail: string): void {
    this.#broken = { at, detail };
  }
}
