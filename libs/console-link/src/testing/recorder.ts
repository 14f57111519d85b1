import { nextAfter, type StreamItem } from "../console-stream.js";
import type { LinkedConsole } from "../linked-console.js";

/** A service that stores what consoles say, and goes on after what it has, as the real one does. */
export class Recorder {
  readonly #stored = new Map<string, { next: number; items: StreamItem[] }>();
  /** Connected now, by node. */
  readonly consoles = new Map<string, LinkedConsole>();
  /** How often each node was announced. */
  readonly announced = new Map<string, number>();
  readonly gone: string[] = [];
  /** Nothing more is taken while this is pending. */
  gate: Promise<void> | undefined;
  acknowledges = true;

  readonly take = (console: LinkedConsole): void => {
    const { node } = console.address;
    this.consoles.set(node, console);
    this.announced.set(node, (this.announced.get(node) ?? 0) + 1);
    console.onGone((reason) => {
      this.gone.push(reason);
      if (this.consoles.get(node) === console) this.consoles.delete(node);
    });
    const key = `${node} ${console.stream}`;
    const stored = this.#stored.get(key) ?? { next: -1, items: [] };
    this.#stored.set(key, stored);
    console.onItems((items) => {
      for (const item of items) {
        const kept = item.kind === "bytes" ? { ...item, bytes: Buffer.from(item.bytes) } : item;
        stored.items.push(kept);
        stored.next = nextAfter(item);
      }
      if (this.acknowledges) console.acknowledge(stored.next);
      return this.gate;
    });
    console.resume(stored.next < 0 ? undefined : stored.next);
  };

  items(node: string, stream = `stream-${node}`): readonly StreamItem[] {
    return this.#stored.get(`${node} ${stream}`)?.items ?? [];
  }

  /** All bytes in order. */
  bytes(node: string, stream = `stream-${node}`): Buffer {
    return Buffer.concat(
      this.items(node, stream).flatMap((item) => (item.kind === "bytes" ? [item.bytes] : [])),
    );
  }

  /** Numbers that follow on without a hole: throws where one is. */
  assertWhole(node: string, stream = `stream-${node}`): void {
    let next: number | undefined;
    for (const item of this.items(node, stream)) {
      if (next !== undefined && item.kind !== "gap" && item.offset !== next)
        throw new Error(`after ${next} comes ${item.offset}`);
      next = nextAfter(item);
    }
  }
}
