import type { DesiredDomain, DesiredEndpoint } from "@outrider/contracts/agent";
import { milliseconds, minutes, seconds } from "@outrider/contracts/clock";
import { endpointId, nodeId, type EndpointId } from "@outrider/contracts/ids";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { assert, asyncProperty, integer, record } from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { StartGate } from "./start-gate.js";

const DOMAIN: DesiredDomain = { domain: "psu", startSpacingMs: 100, startDurationMs: 1000 };
const forever = new AbortController().signal;
const id = (n: number): EndpointId => endpointId(`n${n}`, "power");

function desired(n: number, rest: Partial<DesiredEndpoint> = {}): DesiredEndpoint {
  return {
    endpoint: id(n),
    node: nodeId(`n${n}`),
    port: "power",
    driver: "model",
    options: {},
    restore: "None",
    dwellMs: 1000,
    sampleEveryMs: 1000,
    staleAfterMs: 10_000,
    domain: "psu",
    ...rest,
  };
}

describe("the gate for starts", () => {
  let clock: VirtualClock;
  let gate: StartGate;
  let grants: [number, number][];

  beforeEach(() => {
    clock = new VirtualClock();
    gate = new StartGate(clock);
    grants = [];
  });

  function configure(count: number, limits: Partial<DesiredDomain> = {}): void {
    const endpoints = Array.from({ length: count }, (_, n) => desired(n + 1));
    gate.configure({ endpoints, domains: [{ ...DOMAIN, ...limits }] });
    for (const { endpoint } of endpoints) gate.seen(endpoint, "Off");
  }

  /** A start whose device answers after 5 ms and is seen on after 20 ms. */
  async function start(
    n: number,
    options: Partial<Parameters<StartGate["pass"]>[1]> = {},
    signal = forever,
  ): Promise<string> {
    const passed = await gate.pass(id(n), { priority: "commanded", ...options }, signal);
    if (passed.kind === "no") return passed.detail;
    grants.push([n, clock.monotonicMs() - 1_000_000]);
    await clock.sleep(milliseconds(5));
    passed.start.asked();
    await clock.sleep(milliseconds(15));
    gate.seen(id(n), "On");
    passed.start.over(true);
    return "on";
  }

  it("lets everything through where there is no domain", async () => {
    gate.configure({ endpoints: [desired(1, { domain: "none" })] });
    const passed = await gate.pass(id(1), { priority: "restore" }, forever);
    expect(passed).toMatchObject({ kind: "go", start: { waited: false } });
  });

  it("keeps quiet after the agent's start, then spaces starts from the device's answer", async () => {
    configure(3);
    const all = [start(1), start(2), start(3)];
    await clock.advance(1099);
    expect(grants).toEqual([]);
    await clock.advance(1000);
    await Promise.all(all);
    expect(grants).toEqual([
      [1, 1100],
      [2, 1205],
      [3, 1310],
    ]);
  });

  it("takes what a cycle owes before commands, and commands before policies; then whoever came first", async () => {
    configure(5);
    const all = [
      start(1, { priority: "restore" }),
      start(2, { priority: "commanded" }),
      start(3, { priority: "restore" }),
      start(4, { priority: "owed" }),
      start(5, { priority: "commanded" }),
    ];
    await clock.advance(3000);
    await Promise.all(all);
    expect(grants.map(([n]) => n)).toEqual([4, 2, 5, 1, 3]);
  });

  it("ends the wait of a command when its time to start is over, and says what kept it", async () => {
    configure(2, { concurrentStarts: 1 });
    await clock.advance(1100);
    const first = start(1);
    const told: string[] = [];
    const second = start(2, {
      startByMs: clock.monotonicMs() + 500,
      waiting: (detail) => told.push(detail),
    });
    await clock.advance(500);
    expect(await first).toBe("on");
    expect(await second).toMatch(/1 of its nodes are starting.*nothing was done/);
    expect(told).toHaveLength(2);
    expect(grants).toHaveLength(1);
    const third = start(2);
    await clock.advance(2000);
    expect(await third).toBe("on");
  });

  it("gives up waiting when its signal is aborted, and holds up nobody", async () => {
    configure(2);
    const stop = new AbortController();
    const first = start(1, {}, stop.signal);
    const second = start(2);
    stop.abort(new Error("a command took its place"));
    await expect(first).rejects.toThrow("took its place");
    await clock.advance(1200);
    expect(await second).toBe("on");
  });

  it("grants room that a node leaves when it is seen off", async () => {
    configure(2, { wattBudget: 20 });
    gate.remember(id(1), { runningWatts: 12 });
    gate.remember(id(2), { runningWatts: 12 });
    gate.seen(id(1), "Unknown");
    await clock.advance(1100);
    const second = start(2);
    await clock.advance(10_000);
    expect(grants).toEqual([]);
    gate.seen(id(1), "Off");
    await clock.advance(100);
    expect(await second).toBe("on");
  });

  it("keeps the watts of a node in the middle of a cycle for it", async () => {
    configure(2, { wattBudget: 20 });
    gate.remember(id(1), { runningWatts: 12 });
    gate.remember(id(2), { runningWatts: 12 });
    await clock.advance(1100);
    const watts = await gate.pass(id(1), { priority: "commanded", what: "watts" }, forever);
    const other = start(2);
    await clock.advance(1000);
    expect(grants).toEqual([]);
    const owed = start(1, { priority: "owed" });
    await clock.advance(100);
    expect(await owed).toBe("on");
    if (watts.kind === "go") watts.start.over(true);
    gate.seen(id(1), "Off");
    await clock.advance(2000);
    expect(await other).toBe("on");
  });

  it("P4: keeps the watts of a node that was stopped gracefully from policies, until it starts, is commanded off, or time is over", async () => {
    configure(2, { wattBudget: 20 });
    gate.remember(id(1), { runningWatts: 12 });
    gate.remember(id(2), { runningWatts: 12 });
    await clock.advance(1100);
    const held = async (release: () => Promise<void> | void): Promise<void> => {
      gate.commanded(id(1), "PushPowerButton");
      const policy = start(2, { priority: "restore" });
      await clock.advance(minutes(14));
      expect(grants).toEqual([]);
      await release();
      await clock.advance(seconds(10));
      expect(await policy).toBe("on");
      expect(grants.shift()?.[0]).toBe(2);
      gate.seen(id(2), "Off");
    };
    await held(() => clock.advance(minutes(1)));
    await held(() => gate.commanded(id(1), "ForceOff"));
    await held(async () => {
      const own = start(1, { priority: "commanded" });
      await clock.advance(100);
      expect(await own).toBe("on");
      expect(grants.shift()?.[0]).toBe(1);
      gate.seen(id(1), "Off");
    });
  });

  it("refuses a start that no room could ever be made for, and lets a policy's wait without holding up others", async () => {
    configure(2, { wattBudget: 20 });
    const declared = [desired(1, { startingWatts: 21 }), desired(2)];
    gate.configure({ endpoints: declared, domains: [{ ...DOMAIN, wattBudget: 20 }] });
    await clock.advance(1100);
    expect(await start(1, { startByMs: clock.monotonicMs() + 10_000 })).toMatch(/20 W.*21 W/);
    const policy = start(1, { priority: "restore" });
    const other = start(2, { priority: "restore" });
    await clock.advance(100);
    expect(await other).toBe("on");
    gate.configure({ endpoints: declared, domains: [{ ...DOMAIN, wattBudget: 200 }] });
    await clock.advance(5000);
    expect(await policy).toBe("on");
  });

  it("remembers starts when the configuration changes, in whichever domain the endpoint is then", async () => {
    configure(2);
    await clock.advance(1100);
    const first = start(1);
    await clock.advance(30);
    await first;
    configure(2, { startSpacingMs: 400 });
    const second = start(2);
    await clock.advance(374);
    expect(grants).toHaveLength(1);
    await clock.advance(21);
    expect(await second).toBe("on");
  });

  it("moves whoever waits with its endpoint to another domain", async () => {
    configure(2, { startSpacingMs: 10_000 });
    const waiting = start(1);
    gate.configure({
      endpoints: [desired(1, { domain: "other" }), desired(2)],
      domains: [DOMAIN, { domain: "other", startSpacingMs: 0, startDurationMs: 0 }],
    });
    await clock.advance(50);
    expect(await waiting).toBe("on");
  });

  it("learns the draw while starting and while running apart, and only what is more", async () => {
    configure(1);
    gate.seen(id(1), "On");
    await clock.advance(1000);
    // One reading may be the tail of a surge; what two agree on is the draw.
    expect(gate.measured(id(1), 30, clock.monotonicMs())).toBeUndefined();
    expect(gate.measured(id(1), 8, clock.monotonicMs())).toEqual({ runningWatts: 8 });
    expect(gate.measured(id(1), 7, clock.monotonicMs())).toBeUndefined();
    gate.seen(id(1), "Off");
    const starting = start(1);
    await clock.advance(200);
    await starting;
    expect(gate.measured(id(1), 12, clock.monotonicMs())).toEqual({
      runningWatts: 8,
      startingWatts: 12,
    });
    await clock.advance(1000);
    expect(gate.measured(id(1), 9, clock.monotonicMs())).toBeUndefined();
    expect(gate.measured(id(1), 9, clock.monotonicMs())).toEqual({
      runningWatts: 9,
      startingWatts: 12,
    });
  });

  it("does not believe a measurement above the budget or far above the declared draw, and says so once", async () => {
    const doubts: EndpointId[] = [];
    gate = new StartGate(clock, (endpoint) => doubts.push(endpoint));
    // A former process had believed it.
    gate.remember(id(1), { runningWatts: 8, startingWatts: 500 });
    const endpoints = [desired(1), desired(2, { startingWatts: 12 })];
    gate.configure({ endpoints, domains: [{ ...DOMAIN, wattBudget: 100 }] });
    gate.seen(id(2), "On");
    await clock.advance(1100);
    for (const watts of [300, 300, 49, 49]) {
      expect(gate.measured(id(2), watts, clock.monotonicMs())).toBeUndefined();
    }
    expect(gate.measured(id(1), 12, clock.monotonicMs() - 1100)).toEqual({
      runningWatts: 8,
      startingWatts: 12,
    });
    expect(doubts).toEqual([id(1), id(2)]);
    expect(gate.measured(id(2), 13, clock.monotonicMs())).toBeUndefined();
    expect(gate.measured(id(2), 13, clock.monotonicMs())).toEqual({ runningWatts: 13 });
  });

  it("forgets what was measured when the draw is declared anew, and only then", () => {
    const domains = [{ ...DOMAIN, wattBudget: 20 }];
    const configured = (runningWatts: number, rest: Partial<DesiredEndpoint> = {}) =>
      gate.configure({ endpoints: [desired(1, { runningWatts, ...rest })], domains });
    gate.remember(id(1), { runningWatts: 18 });
    expect(configured(8)).toEqual([]);
    expect(configured(8, { restore: "AlwaysOn" })).toEqual([]);
    expect(configured(9)).toEqual([id(1)]);
    expect(configured(9)).toEqual([]);
  });

  it("P10: whatever is asked for and whatever fails, starts obey spacing, concurrency and watts", async () => {
    await assert(
      asyncProperty(
        record({
          spacing: integer({ min: 0, max: 300 }),
          duration: integer({ min: 0, max: 900 }),
          atOnce: integer({ min: 1, max: 4 }),
          budget: integer({ min: 12, max: 100 }),
          seed: integer(),
        }),
        async ({ spacing, duration, atOnce, budget, seed }) => {
          const world = new World(seed);
          const breaches = await world.run({ spacing, duration, atOnce, budget });
          expect(breaches).toEqual([]);
          expect(world.starts, "something was started").toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const RUNNING = 8;
const STARTING = 12;

/** Devices that obey late, refuse or stay silent, and nodes that are switched off at any time. */
class World {
  readonly clock = new VirtualClock();
  readonly gate = new StartGate(this.clock);
  readonly #edges: number[] = [];
  readonly #breaches: string[] = [];
  readonly #on = new Map<number, number>();
  #random: number;

  constructor(seed: number) {
    this.#random = seed >>> 0;
  }

  async run(limits: {
    spacing: number;
    duration: number;
    atOnce: number;
    budget: number;
  }): Promise<readonly string[]> {
    const { spacing, duration, atOnce, budget } = limits;
    const endpoints = Array.from({ length: 12 }, (_, n) =>
      desired(n + 1, { runningWatts: RUNNING, startingWatts: STARTING }),
    );
    this.gate.configure({
      endpoints,
      domains: [
        {
          domain: "psu",
          startSpacingMs: spacing,
          startDurationMs: duration,
          concurrentStarts: atOnce,
          wattBudget: budget,
        },
      ],
    });
    for (const { endpoint } of endpoints) this.gate.seen(endpoint, "Off");
    const stop = new AbortController();
    const all = Promise.allSettled(
      endpoints.map((_, n) => this.#live(n + 1, duration, limits, stop.signal)),
    );
    await this.clock.advance(10_000);
    stop.abort(new Error("enough"));
    await this.clock.advance(1000);
    for (const result of await all) {
      if (result.status === "rejected" && result.reason !== stop.signal.reason) throw result.reason;
    }
    return this.#breaches;
  }

  get starts(): number {
    return this.#edges.length;
  }

  async #live(
    n: number,
    duration: number,
    limits: { spacing: number; atOnce: number; budget: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, gate } = this;
    for (;;) {
      await clock.sleep(milliseconds(this.#next(500)), signal);
      const priority = (["owed", "commanded", "restore"] as const)[this.#next(3)] ?? "owed";
      const bounded = priority === "commanded" && this.#next(2) === 0;
      const startByMs = bounded ? clock.monotonicMs() + this.#next(2000) : undefined;
      const passed = await gate.pass(id(n), { priority, startByMs }, signal);
      if (passed.kind === "no") continue;
      const { start } = passed;
      await clock.sleep(milliseconds(this.#next(30)));
      if (this.#next(5) === 0) {
        start.over(false);
        continue;
      }
      this.#edge(n, duration, limits);
      await clock.sleep(milliseconds(this.#next(30)));
      start.asked();
      await clock.sleep(milliseconds(this.#next(100)));
      gate.seen(id(n), "On");
      start.over(true);
      await clock.sleep(milliseconds(this.#next(4000)), signal);
      this.#on.delete(n);
      await clock.sleep(milliseconds(this.#next(50)));
      gate.seen(id(n), "Off");
    }
  }

  #edge(
    n: number,
    duration: number,
    { spacing, atOnce, budget }: { spacing: number; atOnce: number; budget: number },
  ): void {
    const nowMs = this.clock.monotonicMs();
    const last = this.#edges.at(-1);
    if (last !== undefined && nowMs - last < spacing) {
      this.#breaches.push(`${nowMs - last} ms between two starts`);
    }
    this.#edges.push(nowMs);
    this.#on.set(n, nowMs);
    const starting = [...this.#on.values()].filter((at) => nowMs < at + duration || at === nowMs);
    if (starting.length > atOnce) this.#breaches.push(`${starting.length} at once`);
    const watts = starting.length * STARTING + (this.#on.size - starting.length) * RUNNING;
    if (watts > budget) this.#breaches.push(`${watts} W`);
  }

  #next(below: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * below);
  }
}
