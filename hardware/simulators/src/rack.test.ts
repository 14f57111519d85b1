import { mkdtempSync, readFileSync, rmSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EdgeLog } from "./edge-log.js";
import { Rack } from "./rack.js";
import { VirtualClock } from "./sim-clock.js";
import { DEFAULT_SIMULATED_SLOT, type SimulatedFlavour } from "./simulated-slot.js";

let dir: string;
let clock: VirtualClock;
let edges: EdgeLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rack-"));
  clock = new VirtualClock();
  edges = new EdgeLog(dir, clock);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A rack with one slot of the flavour: boots in 1,000 ms, shuts down in 500 ms. */
function rackOf(flavour: SimulatedFlavour = "normal"): Rack {
  const spec = {
    ...DEFAULT_SIMULATED_SLOT,
    flavour,
    bootMs: 1000,
    shutdownMs: 500,
    haltAfterMs: 5000,
  };
  return new Rack([spec], edges, clock);
}

const seen = (): string[] => edges.after(0).map((e) => `${e.edge}/${e.cause}@${e.monotonicMs}`);

describe("draw", () => {
  test("is more while a machine starts, and each edge says what all slots draw together", async () => {
    const spec = {
      ...DEFAULT_SIMULATED_SLOT,
      runningWatts: 8,
      startingWatts: 12,
      startingMs: 300,
      haltedWatts: 1,
    };
    const rack = new Rack([spec, spec], edges, clock);
    await rack.setSupply(1, true);
    clock.advance(300);
    expect(rack.view(1).drawWatts).toBe(8);
    await rack.setSupply(2, true);
    expect(rack.view(2).drawWatts).toBe(12);
    clock.advance(100);
    await rack.setSupply(2, false);
    clock.advance(1000);
    await rack.setSupply(2, true);
    clock.advance(300);
    await rack.guest(1, "halt");
    await rack.setSupply(1, false);
    expect(edges.after(0).map(({ totalWatts }) => totalWatts)).toEqual([12, 20, 8, 20, 9, 8]);
  });
});

describe("mains", () => {
  test("takes all supplies in one instant, and they stay off when it is back", async () => {
    const rack = new Rack(
      Array.from({ length: 1000 }, () => DEFAULT_SIMULATED_SLOT),
      edges,
      clock,
    );
    await Promise.all([1, 500, 1000].map((slot) => rack.setSupply(slot, true)));
    clock.advance(1000);
    const before = edges.seq;
    await rack.setMains(false);
    expect(rack.mains).toBe(false);
    await rack.setMains(true);
    const lost = edges.after(before);
    expect(lost.map(({ slot, edge, cause }) => `${slot} ${edge} ${cause}`)).toEqual([
      "1 brown-out outside",
      "500 brown-out outside",
      "1000 brown-out outside",
    ]);
    expect(new Set(lost.map(({ monotonicMs }) => monotonicMs)).size).toBe(1);
    expect(rack.slots().every(({ supply }) => supply === "off")).toBe(true);
  });
});

describe("supply", () => {
  test("switches on and off with one edge per change, none per request", async () => {
    const rack = rackOf();
    await rack.setSupply(1, false);
    expect(await rack.setSupply(1, true)).toMatchObject({
      supply: "on",
      host: "running",
      bootId: "boot-1",
    });
    await rack.setSupply(1, true);
    expect(await rack.setSupply(1, false)).toEqual({
      slot: 1,
      supply: "off",
      host: "off",
      flavour: "normal",
      drawWatts: 0,
    });
    await rack.setSupply(1, false);
    expect(seen()).toEqual(["supply-on/api@0", "supply-off/api@0"]);
  });

  test("a brown-out leaves the relay off until somebody switches it on", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    expect(await rack.brownOut(1)).toMatchObject({ supply: "off", host: "off" });
    await rack.brownOut(1);
    clock.advance(60_000);
    await rack.setSupply(1, true);
    expect(seen()).toEqual(["supply-on/api@0", "brown-out/outside@0", "supply-on/api@60000"]);
  });

  test("refuses the next n power-ons, then obeys", async () => {
    const rack = rackOf();
    rack.setFaults(1, { refuseOn: 2 });
    await expect(rack.setSupply(1, true)).rejects.toMatchObject({ code: "refused" });
    await expect(rack.setSupply(1, true)).rejects.toMatchObject({ code: "refused" });
    await rack.setSupply(1, true);
    expect(seen()).toEqual(["supply-on/api@0"]);
  });

  test("a welded relay says yes and stays on", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    rack.setFaults(1, { stuckOn: true });
    expect(await rack.setSupply(1, false)).toMatchObject({ supply: "on", host: "running" });
    rack.setFaults(1, {});
    expect(await rack.setSupply(1, false)).toMatchObject({ supply: "off" });
  });

  test("a delayed slot acts when the delay is over, not before", async () => {
    const rack = rackOf();
    rack.setFaults(1, { delayMs: 300 });
    const done = rack.setSupply(1, true);
    clock.advance(299);
    expect(seen()).toEqual([]);
    clock.advance(1);
    await done;
    expect(seen()).toEqual(["supply-on/api@300"]);
  });
});

describe("button, reset and NMI", () => {
  test("a short press shuts a booted guest down; the next one wakes it as a new boot", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    clock.advance(1000);
    expect(await rack.button(1, 0)).toMatchObject({ host: "running" });
    clock.advance(500);
    expect(rack.slots()[0]).toMatchObject({ supply: "on", host: "halted", drawWatts: 0.8 });
    expect(await rack.button(1, 0)).toMatchObject({ host: "running", bootId: "boot-4" });
    expect(seen()).toEqual([
      "supply-on/api@0",
      "press/api@1000",
      "halted/guest@1500",
      "press/api@1500",
    ]);
  });

  test("a press during the boot takes effect after it", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    await rack.button(1, 0);
    clock.advance(1499);
    expect(rack.slots()[0]?.host).toBe("running");
    clock.advance(1);
    expect(rack.slots()[0]?.host).toBe("halted");
  });

  test("without supply there is nothing to press, reset or interrupt", async () => {
    const rack = rackOf();
    await rack.button(1, 0);
    await rack.reset(1);
    await rack.nmi(1);
    expect(seen()).toEqual([]);
  });

  test("a guest that ignores its button still falls to a hold of four seconds", async () => {
    const rack = rackOf("ignores-button");
    await rack.setSupply(1, true);
    clock.advance(1000);
    await rack.button(1, 3999);
    clock.advance(60_000);
    expect(rack.slots()[0]?.host).toBe("running");
    expect(await rack.button(1, 4000)).toMatchObject({ supply: "on", host: "halted" });
    expect(seen().slice(1)).toEqual(["press/api@1000", "press/api@61000", "halted/api@61000"]);
  });

  test("reset starts anew, and ends what the old boot had begun", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    clock.advance(1000);
    await rack.button(1, 0);
    clock.advance(499);
    expect(await rack.reset(1)).toMatchObject({ host: "running", bootId: "boot-3" });
    clock.advance(60_000);
    expect(rack.slots()[0]?.host).toBe("running");
  });

  test("an NMI panics the guest; a panicked guest draws power and hears only reset and hold", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    expect(await rack.nmi(1)).toMatchObject({ supply: "on", host: "panicked", drawWatts: 5 });
    await rack.nmi(1);
    await rack.button(1, 0);
    clock.advance(60_000);
    expect(rack.slots()[0]?.host).toBe("panicked");
    expect(await rack.reset(1)).toMatchObject({ host: "running" });
    expect(seen()).toEqual([
      "supply-on/api@0",
      "nmi/api@0",
      "panicked/guest@0",
      "press/api@0",
      "reset/api@60000",
    ]);
  });

  test("a guest can halt, panic and restart by itself", async () => {
    const rack = rackOf("halts-itself");
    await rack.setSupply(1, true);
    clock.advance(6000);
    expect(rack.slots()[0]?.host).toBe("halted");
    await rack.button(1, 0);
    await rack.guest(1, "reset");
    await rack.guest(1, "panic");
    await rack.guest(1, "halt");
    expect(seen().slice(1)).toEqual([
      "halted/guest@6000",
      "press/api@6000",
      "guest-reset/guest@6000",
      "panicked/guest@6000",
    ]);
  });

  test("the shutdown takes as long as the fault says, or for ever when the button is ignored", async () => {
    const rack = rackOf();
    rack.setFaults(1, { shutdownTakesMs: 90_000 });
    await rack.setSupply(1, true);
    clock.advance(1000);
    await rack.button(1, 0);
    clock.advance(89_999);
    expect(rack.slots()[0]?.host).toBe("running");
    clock.advance(1);
    expect(rack.slots()[0]?.host).toBe("halted");
    await rack.button(1, 0);
    rack.setFaults(1, { ignoreButton: true });
    clock.advance(1000);
    await rack.button(1, 0);
    clock.advance(1_000_000);
    expect(rack.slots()[0]?.host).toBe("running");
  });
});

describe("edge log", () => {
  test("goes on counting after a restart, and books lost supplies as brown-outs", async () => {
    const rack = rackOf();
    await rack.setSupply(1, true);
    appendFileSync(join(dir, "edges.jsonl"), '{"seq":2,"slo');
    const next = new EdgeLog(dir, clock);
    next.settle();
    expect(next.after(0).map((e) => [e.seq, e.edge, e.cause])).toEqual([
      [1, "supply-on", "api"],
      [2, "brown-out", "outside"],
    ]);
    const lines = readFileSync(join(dir, "edges.jsonl"), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(next.after(0));
    const third = new EdgeLog(dir, clock);
    third.settle();
    expect(third.seq).toBe(2);
  });

  test("a wait ends with the first edge of the slot it asks for, with its time, or with its signal", async () => {
    const { signal } = new AbortController();
    const first = edges.wait(0, 2, 10_000, signal);
    edges.add(1, "supply-on", "api");
    edges.add(2, "supply-on", "api");
    expect((await first).map((e) => e.seq)).toEqual([2]);
    const late = edges.wait(2, undefined, 10_000, signal);
    clock.advance(10_000);
    expect(await late).toEqual([]);
    const left = new AbortController();
    const gone = edges.wait(2, undefined, 10_000, left.signal);
    left.abort();
    expect(await gone).toEqual([]);
  });
});
