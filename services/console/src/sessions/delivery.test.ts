import type { ConsoleTold } from "@outrider/contracts/console-attach";
import { describe, expect, it } from "vitest";
import type { Viewer } from "./attachment.js";
import { BACKLOG_BYTES, Delivery } from "./delivery.js";

/** Takes what it is given until it is told to stop, and says when it takes more. */
class Slow implements Viewer {
  readonly got: (string | ConsoleTold)[] = [];
  full = false;
  #drained: (() => void) | undefined;

  bytes(chunk: Uint8Array): boolean {
    this.got.push(Buffer.from(chunk).toString());
    return !this.full;
  }
  onDrain(callback: () => void): void {
    this.#drained = callback;
  }
  told(told: ConsoleTold): void {
    this.got.push(told);
  }
  drain(): void {
    this.full = false;
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}

describe("bytes on their way to a viewer", () => {
  it("come in order, also after a while in which it took nothing", () => {
    const slow = new Slow();
    const delivery = new Delivery(slow);
    delivery.bytes(Buffer.from("a"));
    slow.full = true;
    for (const one of "bcd") delivery.bytes(Buffer.from(one));
    delivery.between({ told: "gap" });
    delivery.bytes(Buffer.from("e"));
    expect(slow.got).toEqual(["a", "b"]);
    slow.drain();
    expect(slow.got).toEqual(["a", "b", "c", "d", { told: "gap" }, "e"]);
    expect(delivery.skippedBytes).toBe(0);
  });

  it("are left out when it takes too long, which it is told with the number, and then go on", () => {
    const slow = new Slow();
    const delivery = new Delivery(slow);
    slow.full = true;
    delivery.bytes(Buffer.from("first"));
    const piece = Buffer.alloc(BACKLOG_BYTES / 4, "x");
    for (let n = 0; n < 100; n += 1) delivery.bytes(piece);
    expect(slow.got).toEqual(["first"]);
    slow.drain();
    const skipped = 96 * piece.length;
    expect(slow.got.slice(1, 5)).toEqual([0, 1, 2, 3].map(() => piece.toString()));
    expect(slow.got[5]).toMatchObject({ told: "skipped", bytes: skipped });
    expect(delivery.skippedBytes).toBe(skipped);
    delivery.bytes(Buffer.from("now"));
    expect(slow.got.at(-1)).toBe("now");
  });

  it("stop when it is over, and whoever waits for room goes on", async () => {
    const slow = new Slow();
    const delivery = new Delivery(slow);
    slow.full = true;
    delivery.bytes(Buffer.from("a"));
    const room = delivery.room();
    delivery.end();
    await room;
    delivery.bytes(Buffer.from("b"));
    expect(slow.got).toEqual(["a"]);
  });
});
