import * as fc from "fast-check";
import { nextAfter } from "@outrider/console-link/console-stream";
import { describe, expect, test } from "vitest";
import { addLoss, itemFrom, lossOf, type SpoolGap, type SpoolItem } from "./spool-item.js";
import { decodeRecord, encodeRecords } from "./spool-record.js";

/** Items that follow on from 0. */
const items = fc
  .array(
    fc.oneof(
      fc.integer({ min: 1, max: 2000 }),
      fc.constant("break" as const),
      fc.constant("overrun" as const),
      fc.constant("agent-down" as const),
    ),
    { minLength: 1, maxLength: 40 },
  )
  .map((kinds) => {
    let next = 0;
    return kinds.map((kind, at): SpoolItem => {
      const item: SpoolItem =
        typeof kind === "number"
          ? { kind: "bytes", offset: next, atMicros: at, bytes: Buffer.alloc(kind, at) }
          : kind === "break"
            ? { kind, offset: next, atMicros: at }
            : {
                kind: "gap",
                start: next,
                offset: next + (kind === "overrun" ? 1 : 1000),
                lost: kind === "overrun" ? 10 : undefined,
                reason: kind,
                fromMicros: at,
                toMicros: at,
              };
      next = nextAfter(item);
      return item;
    });
  });

describe("what is given up", () => {
  test("is told exactly from wherever one goes on", () => {
    fc.assert(
      fc.property(items, fc.nat(), (list, place) => {
        const losses: SpoolGap[] = [];
        for (const item of list) addLoss(losses, lossOf(item, "spool-overflow"));
        const end = nextAfter(list.at(-1) as SpoolItem);
        const from = place % end;
        const told = losses
          .filter((loss) => loss.offset > from)
          .map((loss) => itemFrom(loss, from));
        const bytes = list.flatMap((item) => {
          if (item.kind !== "bytes" || nextAfter(item) <= from) return [];
          return [nextAfter(item) - Math.max(from, item.offset)];
        });
        const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
        const own = told.filter((gap) => gap.kind === "gap" && gap.reason === "spool-overflow");
        expect(sum(own.map((gap) => (gap.kind === "gap" ? (gap.lost ?? Number.NaN) : 0)))).toBe(
          sum(bytes),
        );
        // The device's own gaps stay what they are.
        const kept = list.filter((item) => item.kind === "gap" && item.offset > from);
        expect(told.filter((gap) => !own.includes(gap))).toHaveLength(kept.length);
        expect(nextAfter(told.at(-1) as SpoolItem)).toBe(end);
      }),
    );
  });

  test("a long list stays short, and then does not pretend to know", () => {
    const losses: SpoolGap[] = [];
    for (let at = 0; at < 4000; at++) {
      const item: SpoolItem =
        at % 2
          ? { kind: "break", offset: at * 10 + 9, atMicros: at }
          : { kind: "bytes", offset: at * 10, atMicros: at, bytes: Buffer.alloc(19) };
      addLoss(losses, lossOf(item, "spool-failed"));
    }
    expect(losses.length).toBeLessThan(600);
    expect(losses.reduce((sum, loss) => sum + (loss.lost ?? Number.NaN), 0)).toBe(2000 * 19);
    expect(itemFrom(losses.at(-1) as SpoolGap, 39_900)).toMatchObject({ lost: undefined });
  });
});

describe("records", () => {
  test("are read as they were written, and a torn one is none", () => {
    fc.assert(
      fc.property(items, fc.nat(), (list, cut) => {
        const bytes = encodeRecords(list);
        const read: SpoolItem[] = [];
        let at = 0;
        for (;;) {
          const decoded = decodeRecord(bytes, at);
          if (decoded.what !== "item") break;
          read.push(decoded.item);
          at = decoded.end;
        }
        expect(read).toEqual(list);
        const torn = Buffer.from(bytes);
        const place = cut % torn.length;
        torn[place] = (torn[place] ?? 0) ^ 0x5a;
        let whole = 0;
        for (;;) {
          const decoded = decodeRecord(torn, whole);
          if (decoded.what !== "item") break;
          whole = decoded.end;
        }
        expect(whole).toBeLessThanOrEqual(place);
      }),
      { numRuns: 50 },
    );
  });
});
