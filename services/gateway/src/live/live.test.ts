import type { PowerResult } from "@outrider/contracts/power";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { ageOf } from "../mirror/node-record.js";
import { Results } from "../mirror/results.js";
import type { Admitted } from "../people/people.js";
import { Happenings } from "./happenings.js";
import { Tickets, TICKET_MS } from "./tickets.js";

const SOMEBODY: Admitted = { subject: { kind: "person", name: "a", rights: [] }, by: "session" };

describe("happenings", () => {
  const add = (happenings: Happenings, count: number): void => {
    for (let n = 0; n < count; n++) happenings.add({ kind: "event", data: { n } });
  };

  it("are told to who comes back from where it was", () => {
    const happenings = new Happenings(new VirtualClock(), 5);
    add(happenings, 3);
    const { lastId } = happenings;
    add(happenings, 2);
    expect(happenings.since(lastId)?.map(({ seq }) => seq)).toEqual([4, 5]);
    expect(happenings.since(happenings.lastId)).toEqual([]);
  });

  it("that are no more, or of another start, are said to be missed", () => {
    const happenings = new Happenings(new VirtualClock(), 5);
    const { lastId } = happenings;
    add(happenings, 5);
    expect(happenings.since(lastId)).toHaveLength(5);
    add(happenings, 1);
    expect(happenings.since(lastId)).toBeUndefined();
    expect(happenings.since("other.1")).toBeUndefined();
    expect(happenings.since("nonsense")).toBeUndefined();
    expect(happenings.all().map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6]);
  });
});

describe("tickets", () => {
  it("are good once, and for a while", async () => {
    const clock = new VirtualClock();
    const tickets = new Tickets(clock);
    const [one, late] = [tickets.issue(SOMEBODY), tickets.issue(SOMEBODY)];
    expect(tickets.redeem(one)).toBe(SOMEBODY);
    expect(() => tickets.redeem(one)).toThrow(/used/);
    await clock.advance(TICKET_MS + 1);
    expect(() => tickets.redeem(late)).toThrow(/too old/);
  });
});

describe("P9: an age", () => {
  const observed = { observedAt: "2026-01-01T00:00:00.000Z", staleAfterMs: 1000 };
  const at = Date.parse(observed.observedAt);

  it("is by the calendar for what lay about, and by our clock when the calendar is behind", () => {
    expect(ageOf(observed, 0, { calendarMs: at + 5000, monotonicMs: 10 })).toEqual({
      ageMs: 5000,
      stale: true,
    });
    expect(ageOf(observed, 0, { calendarMs: at - 60_000, monotonicMs: 2000 })).toEqual({
      ageMs: 2000,
      stale: true,
    });
    expect(ageOf(observed, 0, { calendarMs: at + 100, monotonicMs: 900 })).toEqual({
      ageMs: 900,
      stale: false,
    });
  });
});

describe("results", () => {
  const result = (seq: number, terminal: boolean): PowerResult => ({
    id: "c1" as never,
    seq,
    status: terminal ? "Succeeded" : "Accepted",
    terminal,
    actor: "person:a",
    via: "rest",
    startedAt: "2026-01-01T00:00:00.000Z",
  });

  it("wake who waits for the end, which may have come first", async () => {
    const results = new Results();
    using waiting = results.terminal("n1", "c1");
    results.take("n1", result(1, true));
    results.take("n1", result(0, false));
    expect((await waiting.result).status).toBe("Succeeded");
    expect(results.find("n1", "c1")?.seq).toBe(1);
  });

  it("are forgotten, the oldest first", () => {
    const results = new Results(2);
    for (const node of ["n1", "n2", "n3"]) results.take(node, result(0, true));
    expect(results.find("n1", "c1")).toBeUndefined();
    expect(results.find("n3", "c1")).toBeDefined();
  });
});
