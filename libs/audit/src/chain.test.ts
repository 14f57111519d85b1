import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalJson,
  columnsOf,
  MAX_DATA_CHARACTERS,
  recordOf,
  type AuditRow,
} from "./audit-entry.js";
import { chainHash, ChainWalk, GENESIS, type AuditHead } from "./chain.js";

/** A sealed log of so many records. */
function logOf(length: number): AuditRow[] {
  const rows: AuditRow[] = [];
  let hash = GENESIS;
  for (let seq = 1; seq <= length; seq++) {
    const columns = columnsOf("power", `2026-01-01T00:00:0${seq % 10}.000Z`, {
      actor: "person:alice",
      via: "rest",
      act: "power.actuate",
      subject: `n${seq}`,
      ...(seq % 2 === 0 && { reason: `because ${seq}` }),
      ...(seq % 3 === 0 && { data: { watts: seq, nested: { b: 1, a: [2] } } }),
    });
    const row = { seq, ...columns, hash: null };
    hash = chainHash(hash, row);
    rows.push({ ...row, hash });
  }
  return rows;
}

function verdictOf(rows: readonly AuditRow[], anchors: readonly AuditHead[] = []) {
  const walk = new ChainWalk("power", undefined, anchors);
  for (const row of rows) walk.take(row);
  return walk.verdict();
}

const headOf = (rows: readonly AuditRow[]): AuditHead => {
  const last = rows.at(-1);
  if (!last || last.hash === null) throw new Error("not sealed");
  return { seq: last.seq, hash: last.hash };
};

const FIELDS = [
  "at",
  "log",
  "actor",
  "via",
  "act",
  "subject",
  "stage",
  "reason",
  "data",
  "hash",
] as const;

describe("a chain", () => {
  it("as it was written is intact, and says its head", () => {
    const rows = logOf(20);
    expect(verdictOf(rows, [headOf(rows), headOf(rows.slice(0, 7))])).toEqual({
      log: "power",
      intact: true,
      records: 20,
      head: headOf(rows).hash,
    });
    expect(verdictOf([])).toEqual({ log: "power", intact: true, records: 0 });
  });

  it("shows a change of one character of any field, at its record", () => {
    const rows = logOf(12);
    fc.assert(
      fc.property(
        fc.nat(11),
        fc.constantFrom(...FIELDS),
        fc.nat(200),
        fc.integer({ min: 33, max: 126 }),
        (index, field, at, code) => {
          const row = rows[index];
          const before = row?.[field];
          if (!row || typeof before !== "string") return;
          const place = at % before.length;
          const character = String.fromCodePoint(code);
          fc.pre(before[place] !== character);
          const changed = before.slice(0, place) + character + before.slice(place + 1);
          const verdict = verdictOf(rows.with(index, { ...row, [field]: changed }));
          expect(verdict).toMatchObject({ intact: false, brokenAt: row.seq });
        },
      ),
    );
  });

  it("shows what is taken out, put in, swapped or given another place", () => {
    const rows = logOf(10);
    fc.assert(
      fc.property(fc.nat(8), fc.nat(8), (one, other) => {
        const [a, b] = [rows[one], rows[other]];
        if (!a || !b) throw new Error("no such record");
        expect(verdictOf(rows.toSpliced(one, 1))).toMatchObject({ intact: false, brokenAt: a.seq });
        expect(verdictOf(rows.toSpliced(one, 0, b)).intact).toBe(false);
        // Numbered anew, so that no gap shows.
        const closed = rows.toSpliced(one, 1).map((row, index) => ({ ...row, seq: index + 1 }));
        expect(verdictOf(closed)).toMatchObject({ intact: false, brokenAt: a.seq });
        if (one === other) return;
        expect(verdictOf(rows.with(one, b).with(other, a)).intact).toBe(false);
        const swapped = rows.with(one, { ...b, seq: a.seq }).with(other, { ...a, seq: b.seq });
        expect(verdictOf(swapped)).toMatchObject({
          intact: false,
          brokenAt: Math.min(a.seq, b.seq),
        });
      }),
    );
  });

  it("shows that its end was cut off, or that it was written anew, only by a head noted elsewhere", () => {
    const rows = logOf(10);
    const cut = rows.slice(0, 7);
    expect(verdictOf(cut).intact).toBe(true);
    expect(verdictOf(cut, [headOf(rows)])).toMatchObject({ intact: false, brokenAt: 8 });
    const first = rows[0];
    if (!first) throw new Error("no record");
    let hash = GENESIS;
    const forged = rows.with(0, { ...first, actor: "person:mallory" }).map((row) => {
      hash = chainHash(hash, row);
      return { ...row, hash };
    });
    expect(verdictOf(forged).intact).toBe(true);
    expect(verdictOf(forged, [headOf(cut)])).toMatchObject({ intact: false, brokenAt: 7 });
  });

  it("may have an end that is not sealed yet, and nothing else without a hash", () => {
    const rows = logOf(5);
    const unsealed = rows.map((row) => (row.seq > 3 ? { ...row, hash: null } : row));
    expect(verdictOf(unsealed)).toMatchObject({ intact: true, records: 5, head: rows[2]?.hash });
    const hole = rows.map((row) => (row.seq === 3 ? { ...row, hash: null } : row));
    expect(verdictOf(hole)).toMatchObject({ intact: false, brokenAt: 3 });
    // Sealed ones that were replaced by unsealed ones at the same places.
    expect(verdictOf(unsealed, [headOf(rows)])).toMatchObject({ intact: false, brokenAt: 4 });
  });
});

describe("an entry", () => {
  const entry = { actor: "person:alice", via: "rest", act: "x", subject: "n1" } as const;

  it("is stored the same however its data is ordered", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (data) => {
        const turned = Object.fromEntries(Object.entries(data).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(data));
        expect(JSON.parse(canonicalJson(data))).toEqual(JSON.parse(JSON.stringify(data)));
      }),
    );
  });

  it("cannot write a line that lies, nor one without end", () => {
    const row = columnsOf("power", "2026-01-01T00:00:00.000Z", {
      ...entry,
      subject: `n1\nn2\u001b[2J${"x".repeat(1000)}`,
      reason: "\ud800",
      data: { long: "y".repeat(2 * MAX_DATA_CHARACTERS) },
    });
    expect(row.subject).toMatch(/^n1\ufffdn2\ufffd\[2Jx+…$/);
    expect(row.subject).toHaveLength(200);
    expect(row.reason).toBe("\ufffd");
    expect(recordOf({ seq: 1, ...row, hash: null }).data).toEqual({
      omittedCharacters: 2 * MAX_DATA_CHARACTERS + 11,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });

  it.each([{ actor: "alice" }, { actor: "person:a b" }, { act: "Power" }, { act: "" }])(
    "is refused as %j",
    (wrong) => {
      expect(() => columnsOf("power", "", { ...entry, ...wrong })).toThrow(
        expect.objectContaining({ code: "programming" }),
      );
    },
  );
});
