import { commandId, nodeId, type NodeId } from "@outrider/contracts/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instant } from "./book-lock.js";
import { LockBook, type LockAsk } from "./lock-book.js";
import type { LockChange } from "./lock-draft.js";

const [N1, N2, N5] = [nodeId("n1"), nodeId("n2"), nodeId("n5")];
const NODES = [N1, N2, nodeId("n3"), nodeId("n4"), N5];
const START = Date.parse("2026-01-01T00:00:00.000Z");
const at = (ms: number): Instant => ({ wall: new Date(START + ms), monotonicMs: 1000 + ms });

const ask = (id: string, nodes: readonly NodeId[], more: Partial<LockAsk> = {}): LockAsk => ({
  id: commandId(id),
  holder: "person:ann",
  nodes,
  priority: 50,
  leaseMs: 10_000,
  queue: true,
  ...more,
});

function made(book: LockBook, change: LockChange): LockChange {
  book.commit(change);
  return change;
}

const state = (book: LockBook, id: string): string | undefined =>
  book.active.get(commandId(id))?.state;

describe("a lock", () => {
  it("is over all of its nodes or none of them", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("a", NODES.slice(0, 2)), at(0)));
    made(book, book.acquire(ask("b", NODES.slice(1, 3), { holder: "person:bob" }), at(1)));
    expect(state(book, "a")).toBe("Held");
    expect(state(book, "b")).toBe("Queued");
    expect(NODES.map((node) => book.fence(node))).toEqual([1, 1, 0, 0, 0]);
    made(book, book.release(commandId("a"), "person:ann", at(2)));
    expect(state(book, "b")).toBe("Held");
    expect(NODES.map((node) => book.fence(node))).toEqual([1, 2, 1, 0, 0]);
  });

  it("that is not free names the holder, the end of the lease and the reason", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("a", NODES, { reason: "disk swap" }), at(0)));
    expect(() => book.acquire(ask("b", [N2], { queue: false }), at(1))).toThrow(
      "node n2 is locked by person:ann until 2026-01-01T00:00:10.000Z (disk swap); wait in the queue, ask the holder, or break lock a",
    );
  });

  it("ends with its lease, and the next one has it", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("a", NODES), at(0)));
    made(book, book.acquire(ask("b", NODES), at(1)));
    expect(book.expire(at(9_999)).locks).toEqual([]);
    expect(book.nextDeadlineMs()).toBe(11_000);
    made(book, book.renew(commandId("a"), "person:ann", undefined, at(5000)));
    expect(book.expire(at(14_999)).locks).toEqual([]);
    const change = made(book, book.expire(at(15_000)));
    expect(change.locks.map((lock) => [lock.id, lock.state])).toEqual([
      ["a", "Expired"],
      ["b", "Held"],
    ]);
  });

  it("that is broken has a new fence before anybody else has it (P6)", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("a", NODES), at(0)));
    const change = made(book, book.break(commandId("a"), "person:eve", at(1)));
    expect(change.locks).toMatchObject([{ state: "Broken", endedBy: "person:eve" }]);
    expect(book.fence(N1)).toBe(2);
  });

  it("is renewed and given back by its holder alone", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("a", NODES), at(0)));
    expect(() => book.release(commandId("a"), "person:bob", at(1))).toThrow("held by person:ann");
    expect(() => book.renew(commandId("a"), "person:bob", 1000, at(1))).toThrow(
      "held by person:ann",
    );
  });
});

describe("the queue", () => {
  it("goes by priority, then by time", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("a", NODES), at(0)));
    for (const [id, priority] of [
      ["low", 10],
      ["first", 50],
      ["second", 50],
      ["high", 90],
    ] as const) {
      made(book, book.acquire(ask(id, NODES, { priority }), at(1)));
    }
    expect(["high", "first", "second", "low"].map((id) => book.position(commandId(id)))).toEqual([
      0, 1, 2, 3,
    ]);
    const order: string[] = [];
    for (let holder = "a", turn = 0; turn < 4; turn++) {
      const change = made(book, book.release(commandId(holder), "person:ann", at(2)));
      holder = change.locks.find((lock) => lock.state === "Held")?.id ?? "";
      order.push(holder);
    }
    expect(order).toEqual(["high", "first", "second", "low"]);
  });

  it("does not starve a large set by small ones", () => {
    const book = new LockBook();
    made(book, book.acquire(ask("one", [N1]), at(0)));
    made(book, book.acquire(ask("large", NODES), at(1)));
    expect(() => book.acquire(ask("small", [N5], { queue: false }), at(2))).toThrow(
      "is waited for by",
    );
    made(book, book.acquire(ask("later", [N5]), at(2)));
    expect(state(book, "later")).toBe("Queued");
    // Whoever ranks higher may still go first.
    made(book, book.acquire(ask("urgent", [N5], { priority: 99, queue: false }), at(3)));
    expect(state(book, "urgent")).toBe("Held");
    made(book, book.release(commandId("urgent"), "person:ann", at(4)));
    made(book, book.release(commandId("one"), "person:ann", at(4)));
    expect(state(book, "large")).toBe("Held");
    expect(state(book, "later")).toBe("Queued");
  });
});

describe("a book that is taken up again", () => {
  const left = (leaseMs: number, untilMs: number): LockBook => {
    const before = new LockBook();
    made(before, before.acquire(ask("a", NODES, { leaseMs }), at(0)));
    const locks = [...before.active.values()].map((lock) => ({
      ...lock,
      until: at(untilMs).wall.toISOString(),
    }));
    const book = new LockBook();
    made(book, book.resume(locks, [[N1, 7]], 1, at(0)));
    return book;
  };

  it.each([
    ["goes on with what was left", 60_000, 30_000, 30_000],
    ["leaves the holder time to renew", 60_000, -100_000, 5000],
    ["never goes on for longer than it was given, whatever the calendar says", 60_000, 1e9, 60_000],
  ])("%s", (_, leaseMs, untilMs, goesOnMs) => {
    const book = left(leaseMs, untilMs);
    expect(book.nextDeadlineMs()).toBe(1000 + goesOnMs);
    expect(book.active.get(commandId("a"))?.until).toBe(at(goesOnMs).wall.toISOString());
    expect(book.fence(N1)).toBe(7);
  });
});

type Step =
  | {
      readonly do: "acquire";
      readonly nodes: readonly NodeId[];
      readonly priority: number;
      readonly queue: boolean;
      readonly leaseMs: number;
    }
  | { readonly do: "release" | "break" | "renew"; readonly of: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "restart" }
  | { readonly do: "raise"; readonly node: NodeId; readonly by: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("acquire" as const),
        nodes: fc.subarray(NODES, { minLength: 1 }),
        priority: fc.constantFrom(10, 50, 90),
        queue: fc.boolean(),
        leaseMs: fc.integer({ min: 1000, max: 20_000 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom("release" as const, "break" as const, "renew" as const),
        of: fc.nat(20),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("wait" as const),
        ms: fc.integer({ min: 1, max: 15_000 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("raise" as const),
        node: fc.constantFrom(...NODES),
        by: fc.integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { maxLength: 60 },
);

describe("whatever is asked, in whatever order", () => {
  it("one holder at most has a node, fences only rise, and nobody waits for what is free (P6)", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let book = new LockBook();
        let nowMs = 0;
        let asked = 0;
        const fenceOf = new Map<string, number>();
        for (const step of all) {
          const before = new Map(NODES.map((node) => [node, book.fence(node)]));
          const heldBefore = new Set(
            [...book.active.values()].flatMap(({ id, state: was }) => (was === "Held" ? [id] : [])),
          );
          try {
            made(book, run(step));
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^(locked|precondition-failed)$/);
          }
          check(before, heldBefore);
        }

        function run(step: Step): LockChange {
          const live = [...book.active.values()];
          const now = at(nowMs);
          switch (step.do) {
            case "acquire":
              return book.acquire(ask(`l${++asked}`, step.nodes, step), now);
            case "release":
            case "break":
            case "renew": {
              const lock = live[step.of % Math.max(1, live.length)];
              if (!lock) return { locks: [], fences: new Map() };
              if (step.do === "renew") return book.renew(lock.id, lock.holder, undefined, now);
              return book[step.do](lock.id, lock.holder, now);
            }
            case "wait":
              nowMs += step.ms;
              return book.expire(at(nowMs));
            case "restart": {
              const next = new LockBook();
              const change = next.resume(
                live,
                NODES.map((node) => [node, book.fence(node)] as const),
                book.order,
                now,
              );
              book = next;
              return change;
            }
            case "raise":
              return book.raise([[step.node, book.fence(step.node) + step.by]], now);
          }
        }

        function check(before: ReadonlyMap<NodeId, number>, heldBefore: ReadonlySet<string>): void {
          const held = [...book.active.values()].filter((lock) => lock.state === "Held");
          const heldNodes = held.flatMap(({ nodes }) => nodes);
          expect(new Set(heldNodes).size, "one holder").toBe(heldNodes.length);
          for (const node of NODES)
            expect(book.fence(node)).toBeGreaterThanOrEqual(before.get(node) ?? 0);
          for (const lock of held) {
            if (heldBefore.has(lock.id)) continue;
            for (const node of lock.nodes) {
              const key = `${node}:${book.fence(node)}`;
              expect(fenceOf.has(key), `fence ${key} was given before`).toBe(false);
              fenceOf.set(key, 1);
              expect(book.fence(node)).toBeGreaterThan(before.get(node) ?? 0);
            }
          }
          const [first] = [...book.active.values()]
            .filter((lock) => lock.state === "Queued")
            .toSorted((a, b) => b.priority - a.priority || a.order - b.order);
          if (first)
            expect(
              first.nodes.some((node) => heldNodes.includes(node)),
              "the first in the queue waits for a holder",
            ).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
