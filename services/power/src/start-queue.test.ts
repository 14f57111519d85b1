import { nodeId, type NodeId } from "@outrider/contracts/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StartQueue, type Limits, type Next, type Room } from "./start-queue.js";
import type { Start } from "./starts.js";

const nodes = Array.from({ length: 8 }, (_, index) => nodeId(`n${index}`));

/** A domain whose nodes are all off, each of which draws 10 W and 15 W while it starts. */
function roomOf(offSinceMs: (node: NodeId) => number | undefined = () => 0): Room {
  return { nodes, runningWatts: () => 10, startingWatts: () => 15, offSinceMs };
}

function start(index: number, owed = false): Start {
  return { key: `k${index}`, node: nodes[index] ?? nodeId("none"), owed };
}

const relaxed: Limits = { startSpacingMs: 0, startDurationMs: 0, oneAgent: true };

function kinds(next: Next): string {
  return next.kind === "go" ? next.start.key : next.kind === "wait" ? next.for : "idle";
}

describe("a queue of starts", () => {
  it("is quiet at first, then lets them go in order, what is owed first", () => {
    const queue = new StartQueue({ ...relaxed, startSpacingMs: 100 }, 500);
    for (const one of [start(0), start(1), start(2, true)]) queue.add(one);
    expect(kinds(queue.next(499, roomOf()))).toBe("spacing");
    expect(kinds(queue.next(500, roomOf()))).toBe("k2");
    expect(kinds(queue.next(599, roomOf()))).toBe("spacing");
    expect(queue.before(start(1))).toBe(1);
    expect(kinds(queue.next(600, roomOf()))).toBe("k0");
    expect(kinds(queue.next(700, roomOf()))).toBe("k1");
    expect(kinds(queue.next(800, roomOf()))).toBe("idle");
  });

  it("counts a start until its duration after the report is over", () => {
    const queue = new StartQueue({ ...relaxed, concurrentStarts: 1, startDurationMs: 50 }, 0);
    for (const index of [0, 1]) queue.add(start(index));
    expect(kinds(queue.next(0, roomOf()))).toBe("k0");
    expect(kinds(queue.next(1000, roomOf()))).toBe("concurrency");
    queue.ended(start(0), true, 1000);
    expect(queue.next(1010, roomOf())).toMatchObject({ for: "concurrency", untilMs: 1050 });
    expect(kinds(queue.next(1050, roomOf()))).toBe("k1");
  });

  it("gives a slot back at once when nothing was switched on", () => {
    const queue = new StartQueue({ ...relaxed, concurrentStarts: 1, startDurationMs: 50 }, 0);
    for (const index of [0, 1, 2]) queue.add(start(index));
    queue.next(0, roomOf());
    queue.ended(start(0), false, 10);
    expect(kinds(queue.next(10, roomOf()))).toBe("k1");
    queue.withdraw(start(1));
    expect(kinds(queue.next(10, roomOf()))).toBe("k2");
  });

  it("lets a node start again though its last start has not faded", () => {
    const queue = new StartQueue({ ...relaxed, concurrentStarts: 1, startDurationMs: 50 }, 0);
    queue.add(start(0));
    queue.next(0, roomOf());
    queue.ended(start(0), true, 10);
    queue.add(start(0, true));
    expect(kinds(queue.next(11, roomOf()))).toBe("k0");
  });

  it("with several agents waits for the report and a spacing, one at a time", () => {
    const queue = new StartQueue({ ...relaxed, oneAgent: false, startSpacingMs: 100 }, 0);
    for (const index of [0, 1]) queue.add(start(index));
    expect(kinds(queue.next(0, roomOf()))).toBe("k0");
    expect(queue.next(5000, roomOf())).toMatchObject({ for: "one-at-a-time" });
    queue.ended(start(0), true, 5000);
    expect(queue.next(5000, roomOf())).toMatchObject({ for: "spacing", untilMs: 5100 });
    expect(kinds(queue.next(5100, roomOf()))).toBe("k1");
  });

  it("is never further ahead of an agent than that can start in five seconds", () => {
    const queue = new StartQueue({ ...relaxed, startSpacingMs: 2000 }, 0);
    for (const index of [0, 1, 2, 3]) queue.add(start(index));
    queue.add({ ...start(4), cycles: true });
    expect([0, 2000, 4000].map((nowMs) => kinds(queue.next(nowMs, roomOf())))).toEqual([
      "k0",
      "k1",
      "k2",
    ]);
    expect(queue.next(60_000, roomOf())).toMatchObject({ why: "3 starts are with the agent" });
    queue.ended(start(0), true, 60_000);
    expect(kinds(queue.next(60_000, roomOf()))).toBe("k3");
    // A cycle has no deadline for its On.
    expect(kinds(queue.next(62_000, roomOf()))).toBe("k4");
  });

  it("counts what is not known to be off as running", () => {
    const limits = { ...relaxed, wattBudget: 44 };
    const unknown = roomOf((node) => (node === "n1" || node === "n2" ? undefined : 0));
    const queue = new StartQueue(limits, 0);
    for (const index of [3, 4]) queue.add(start(index));
    // 2 × 10 W run, 15 W start: 35 W; a second start would make it 50 W.
    expect(kinds(queue.next(10, unknown))).toBe("k3");
    expect(queue.next(10, unknown)).toMatchObject({
      for: "watts",
      why: "watts: 35 of 44 W used, n4 needs 15 W to start",
    });
  });

  it("does not take an old measurement for proof that a node that was started is off", () => {
    const queue = new StartQueue({ ...relaxed, wattBudget: 24 }, 0);
    for (const index of [0, 1]) queue.add(start(index));
    expect(kinds(queue.next(10, roomOf()))).toBe("k0");
    queue.ended(start(0), true, 20);
    expect(
      kinds(
        queue.next(
          30,
          roomOf(() => 19),
        ),
      ),
    ).toBe("watts");
    expect(
      kinds(
        queue.next(
          30,
          roomOf(() => 21),
        ),
      ),
    ).toBe("k1");
  });

  it("holds back nothing for ever, and never lets one go against the limits", () => {
    const limits = fc.record({
      startSpacingMs: fc.constantFrom(0, 1, 100),
      startDurationMs: fc.constantFrom(0, 1, 250),
      concurrentStarts: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      wattBudget: fc.option(fc.integer({ min: 15, max: 120 }), { nil: undefined }),
      oneAgent: fc.boolean(),
    });
    const script = fc.array(
      fc.record({
        node: fc.nat(7),
        owed: fc.boolean(),
        takesMs: fc.integer({ min: 0, max: 400 }),
        succeeds: fc.boolean(),
        gapMs: fc.integer({ min: 0, max: 300 }),
        givesUp: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(limits, script, fc.nat(30), (limit, asked, restartAt) => {
        const domain = new Simulated(limit);
        for (const [index, one] of asked.entries()) {
          if (index === restartAt) domain.restart();
          domain.ask(index, one);
          domain.pass(one.gapMs);
        }
        domain.finish();
        expect([...domain.broken, ...domain.left]).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

interface Asked {
  readonly node: number;
  readonly owed: boolean;
  readonly takesMs: number;
  readonly succeeds: boolean;
  readonly givesUp: boolean;
}

/** Nodes that really start, one millisecond at a time, and a queue that may be lost on the way. */
class Simulated {
  readonly broken: string[] = [];
  #nowMs = 0;
  #queue: StartQueue;
  readonly #asked = new Map<string, Asked & { readonly start: Start }>();
  /** Under way in the world, whatever the queue knows. */
  readonly #under = new Map<string, { readonly node: NodeId; readonly endsMs: number }>();
  readonly #startsUntilMs = new Map<NodeId, number>();
  readonly #on = new Set<NodeId>();
  readonly #offSeenMs = new Map<NodeId, number>();
  #lastGoMs = Number.NEGATIVE_INFINITY;
  #lastEndMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly limits: Limits) {
    this.#queue = new StartQueue(limits, 0);
  }

  get left(): string[] {
    return [...this.#queue.queue()].map(({ key }) => key);
  }

  ask(index: number, asked: Asked): void {
    const node = nodes[asked.node] ?? nodeId("none");
    // A run at a time per node, and a cycle of what runs.
    if ([...this.#asked.values()].some(({ start: { node: other } }) => other === node)) return;
    const one: Start = { key: `k${index}`, node, owed: asked.owed };
    this.#asked.set(one.key, { ...asked, start: one });
    this.#queue.add(one);
    if (asked.givesUp && index % 3 === 0) {
      this.#queue.withdraw(one);
      this.#asked.delete(one.key);
    }
  }

  pass(spanMs: number): void {
    for (let left = spanMs; left >= 0; left--) {
      this.#tick();
      if (left > 0) this.#nowMs++;
    }
  }

  /** A new process: what waits is asked again, what is under way is held. */
  restart(): void {
    const { startSpacingMs, startDurationMs } = this.limits;
    const waiting = [...this.#queue.queue()];
    this.#queue = new StartQueue(this.limits, this.#nowMs + startSpacingMs + startDurationMs);
    for (const [key, { node }] of this.#under)
      this.#queue.hold({ key, node, owed: false }, this.#nowMs);
    for (const one of waiting) this.#queue.add(one);
  }

  /** All that waits goes, if the nodes that run are switched off one after the other. */
  finish(): void {
    for (let turn = 0; turn < 60 && this.left.length > 0; turn++) {
      for (const node of this.#on) {
        if (!this.#isStarting(node)) this.#switchOff(node);
      }
      this.pass(800);
    }
  }

  #switchOff(node: NodeId): void {
    this.#on.delete(node);
    this.#offSeenMs.set(node, this.#nowMs + 0.5);
  }

  #isStarting(node: NodeId): boolean {
    if ((this.#startsUntilMs.get(node) ?? 0) > this.#nowMs) return true;
    return [...this.#under.values()].some((one) => one.node === node);
  }

  #tick(): void {
    for (const [key, { node, endsMs }] of this.#under) {
      if (endsMs > this.#nowMs) continue;
      this.#under.delete(key);
      const asked = this.#asked.get(key);
      this.#asked.delete(key);
      const succeeds = asked?.succeeds ?? true;
      this.#queue.ended({ key, node, owed: false }, succeeds, this.#nowMs);
      if (!succeeds) continue;
      this.#lastEndMs = this.#nowMs;
      this.#on.add(node);
      this.#offSeenMs.delete(node);
      this.#startsUntilMs.set(node, this.#nowMs + this.limits.startDurationMs);
    }
    for (;;) {
      const next = this.#queue.next(this.#nowMs, {
        nodes,
        runningWatts: () => 10,
        startingWatts: () => 15,
        offSinceMs: (node) => (this.#on.has(node) ? undefined : (this.#offSeenMs.get(node) ?? 0)),
      });
      if (next.kind !== "go") return;
      this.#went(next.start);
    }
  }

  /** What must hold in the world whenever a start goes. */
  #went({ key, node, owed }: Start): void {
    const { startSpacingMs, concurrentStarts, wattBudget, oneAgent } = this.limits;
    this.#must(this.#nowMs - this.#lastGoMs >= startSpacingMs, "spacing");
    if (!oneAgent && startSpacingMs > 0) {
      this.#must(this.#under.size === 0, "one at a time");
      this.#must(this.#nowMs - this.#lastEndMs >= startSpacingMs, "spacing after the last end");
    }
    this.#lastGoMs = this.#nowMs;
    const takesMs = this.#asked.get(key)?.takesMs ?? 0;
    this.#under.set(key, { node, endsMs: this.#nowMs + takesMs });
    const starting = nodes.filter((one) => this.#isStarting(one));
    this.#must(starting.length <= (concurrentStarts ?? nodes.length), "concurrency");
    const running = nodes.filter((one) => this.#on.has(one) && !starting.includes(one));
    const watts = starting.length * 15 + running.length * 10;
    // What runs and is owed its start has its watts, but for the surge.
    const surge = owed && this.#on.has(node) && starting.length === 1 ? 5 : 0;
    this.#must(watts <= (wattBudget ?? watts) + surge, "watts");
  }

  #must(holds: boolean, what: string): void {
    if (!holds) this.broken.push(`${what} at ${this.#nowMs} ms`);
  }
}
