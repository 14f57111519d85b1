import type { ConsoleListener } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import { ReconnectingLine, type OpenLine } from "./reconnecting-line.js";

const forever = new AbortController().signal;
const gone = (why: string): PortError => new PortError("unreachable", why);
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A line under the test's hand. */
class FakeLine implements OpenLine {
  readonly #ended = Promise.withResolvers<PortError>();
  readonly ended = this.#ended.promise;
  readonly written: string[] = [];
  disposed = false;
  /** Holds writes up as long as it is set. */
  stuck = false;

  write(piece: Uint8Array): Promise<void> {
    if (this.stuck) return new Promise(() => {});
    this.written.push(Buffer.from(piece).toString());
    return Promise.resolve();
  }

  lose(why: string): void {
    this.#ended.resolve(gone(why));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    this.lose("it was closed");
  }
}

function stage() {
  const clock = new ManualClock();
  const story: string[] = [];
  const opens: { resolve(line: FakeLine): void; reject(error: Error): void; at: number }[] = [];
  let listener: ConsoleListener | undefined;
  const line = new ReconnectingLine<FakeLine>({
    clock,
    what: "The line",
    open: (told) => {
      listener = told;
      return new Promise((resolve, reject) => {
        opens.push({ resolve, reject, at: clock.monotonicMs() });
      });
    },
  });
  line.start({
    bytes: (chunk) => story.push(`bytes ${chunk.toString()}`),
    lost: ({ reason }) => story.push(`lost ${reason}`),
    link: ({ up, detail }) => story.push(up ? "up" : `down ${detail}`),
  });
  return { clock, story, opens, line, told: () => listener as ConsoleListener };
}

describe("ReconnectingLine", () => {
  it("tries with growing pauses, five seconds at most, and says each reason once", async () => {
    const { clock, story, opens, line } = stage();
    for (let attempt = 0; attempt < 9; attempt++) {
      await settle();
      opens[attempt]?.reject(gone(attempt < 5 ? "nobody is there" : "it is locked"));
      await settle();
      clock.advance(clock.pendingMs[0] ?? 0);
    }
    await settle();
    const pauses = opens.slice(1).map(({ at }, index) => at - (opens[index]?.at ?? 0));
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
    expect(story).toEqual(["down nobody is there", "down it is locked"]);
    await line[Symbol.asyncDispose]();
  });

  it("says what may be missing before it says that it is up again, and bytes only then", async () => {
    const { clock, story, opens, line, told } = stage();
    const first = new FakeLine();
    told().bytes(Buffer.from("early"));
    opens[0]?.resolve(first);
    await settle();
    first.lose("the cable was pulled");
    await settle();
    clock.advance(250);
    await settle();
    opens[1]?.resolve(new FakeLine());
    await settle();
    expect(story).toEqual([
      "up",
      "bytes early",
      "down the cable was pulled",
      "lost disconnected",
      "up",
    ]);
    await line[Symbol.asyncDispose]();
  });

  it("gives up an opening that hangs, and closes what opens too late", async () => {
    const { clock, story, opens, line } = stage();
    clock.advance(5000);
    await settle();
    expect(story).toEqual(["down The line (open) did not answer within 5000 ms."]);
    const late = new FakeLine();
    opens[0]?.resolve(late);
    await settle();
    expect(late.disposed).toBe(true);
    await line[Symbol.asyncDispose]();
  });

  it("never sends to a new line what was meant for the one before", async () => {
    const { clock, opens, line } = stage();
    const [first, second] = [new FakeLine(), new FakeLine()];
    opens[0]?.resolve(first);
    await settle();
    first.stuck = true;
    const stuck = line.write(Buffer.from("one"), forever).catch((error: PortError) => error.code);
    const behind = line.write(Buffer.from("two"), forever).catch((error: PortError) => error.code);
    first.lose("the cable was pulled");
    await settle();
    clock.advance(250);
    await settle();
    opens[1]?.resolve(second);
    await settle();
    // Neither of them waits for its deadline.
    expect(await stuck).toBe("unreachable");
    expect(await behind).toBe("unreachable");
    await line.write(Buffer.from("three"), forever);
    expect(second.written).toEqual(["three"]);
    await line[Symbol.asyncDispose]();
  });

  it("gives up a write that is stuck, after ten seconds without progress", async () => {
    const { clock, opens, line } = stage();
    const first = new FakeLine();
    opens[0]?.resolve(first);
    await settle();
    first.stuck = true;
    const stuck = line.write(Buffer.from("one"), forever).catch((error: PortError) => error.code);
    await settle();
    clock.advance(10_000);
    expect(await stuck).toBe("timed-out");
    await line[Symbol.asyncDispose]();
  });

  it("ends at once when it is disposed: open, opening, or waiting, with no timer left", async () => {
    const open = stage();
    const line = new FakeLine();
    open.opens[0]?.resolve(line);
    await settle();
    const opening = stage();
    const waiting = stage();
    waiting.opens[0]?.reject(gone("nobody is there"));
    await settle();
    for (const { line: ending, clock, story } of [open, opening, waiting]) {
      const before = story.length;
      await ending[Symbol.asyncDispose]();
      expect(clock.sleeping).toBe(0);
      expect(story.length).toBe(before);
      await expect(ending.write(Buffer.from("x"), forever)).rejects.toMatchObject({
        code: "unreachable",
      });
    }
    expect(line.disposed).toBe(true);
  });
});
