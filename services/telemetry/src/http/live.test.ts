import { seconds } from "@outrider/contracts/clock";
import type { EventsAsked, LoggedEvent } from "@outrider/contracts/telemetry-pages";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { LiveChanges, liveEvents, liveSensors, type LiveLines } from "./live.js";

const read = (node: string): never => ({ node }) as never;

/** The next line, however long it takes by the clock. */
async function next(lines: LiveLines, clock: VirtualClock): Promise<Record<string, unknown>> {
  const line = lines.next();
  let isThere = false;
  void line.finally(() => (isThere = true)).catch(() => undefined);
  for (let turn = 0; turn < 200; turn++) {
    await clock.advance(seconds(0.1));
    if (isThere) break;
  }
  const { value } = await line;
  return JSON.parse(value) as Record<string, unknown>;
}

describe("what sensors say, as it comes", () => {
  it("is every node once, then those of which something was read, each once", async () => {
    const clock = new VirtualClock();
    const changes = new LiveChanges();
    let reads = 0;
    const latest = {
      latest: (node: string) => ({ node, sensors: [], heartbeats: [], reads: ++reads }) as never,
    };
    const ended = new AbortController();
    const lines = liveSensors(["n2", "n1"], { latest, changes, clock }, ended.signal);
    expect([await next(lines, clock), await next(lines, clock)]).toMatchObject([
      { node: "n2" },
      { node: "n1" },
    ]);
    const waiting = next(lines, clock);
    changes.sensorRead(read("n3"));
    changes.logged();
    changes.sensorRead(read("n1"));
    changes.heartbeatRead(read("n1"));
    expect(await waiting).toMatchObject({ node: "n1" });
    expect(reads).toBe(3);
    expect(await next(lines, clock)).toEqual({});
    const last = lines.next();
    ended.abort(new Error("the reader has gone"));
    await expect(last).rejects.toThrow("gone");
  });
});

describe("the event log, as it is written", () => {
  it("begins with the newest, and goes on after the last that was told", async () => {
    const clock = new VirtualClock();
    const changes = new LiveChanges();
    const log: LoggedEvent[] = [1, 2, 3].map((seq) => ({ seq }) as LoggedEvent);
    const events = {
      // Newest first, as the log has it, and never more than two at once.
      events: ({ after = 0, before = Infinity, limit }: EventsAsked) => {
        const found = log.filter(({ seq }) => seq > after && seq < before).toReversed();
        const some = found.slice(0, Math.min(limit, 2));
        const more = found.length > some.length ? { next: some.at(-1)?.seq ?? 0 } : {};
        return Promise.resolve({ events: some, ...more });
      },
    };
    const ended = new AbortController();
    const lines = liveEvents({ limit: 2 }, { events, changes, clock }, ended.signal);
    const told = [await next(lines, clock), await next(lines, clock)];
    const waiting = next(lines, clock);
    for (const seq of [4, 5, 6]) log.push({ seq } as LoggedEvent);
    changes.logged();
    told.push(await waiting, await next(lines, clock), await next(lines, clock));
    expect(told.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6]);
    const again = liveEvents({ limit: 2, after: 4 }, { events, changes, clock }, ended.signal);
    expect([await next(again, clock), await next(again, clock)]).toEqual([{ seq: 5 }, { seq: 6 }]);
    expect(await next(again, clock)).toEqual({});
    ended.abort();
  });
});
