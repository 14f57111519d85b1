import { createServer, type AddressInfo, type Socket } from "node:net";
import type { StreamItem } from "@outrider/console-link/console-stream";

/** Width of a number that a device says, so that a place in its words can be told from any piece of them. */
const WORD = 10;

/** Consoles that count aloud, without a hole, whoever reads them. What nobody takes is held by the socket. */
export class CountingDevice implements AsyncDisposable {
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #sockets = new Map<string, Socket>();
  /** The next number of each. */
  readonly said = new Map<string, number>();

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  get nodes(): readonly string[] {
    return [...this.#sockets.keys()];
  }

  /** Says so many numbers. Where nobody listens they are not said. */
  say(node: string, count: number): void {
    const socket = this.#sockets.get(node);
    if (!socket?.writable) return;
    const first = this.said.get(node) ?? 0;
    let text = "";
    for (let number = first; number < first + count; number++) {
      text += `${String(number).padStart(WORD - 1, "0")}\n`;
    }
    this.said.set(node, first + count);
    socket.write(text);
  }

  #accept(socket: Socket): void {
    socket.on("error", () => undefined);
    socket.once("data", (text: Buffer) => {
      const node = text.toString().trim();
      this.#sockets.set(node, socket);
      socket.once("close", () => {
        if (this.#sockets.get(node) === socket) this.#sockets.delete(node);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

export interface Heard {
  /** Numbers that are missing at a gap. */
  readonly missing: number;
  readonly gaps: readonly (StreamItem & { kind: "gap" })[];
  /** The number after the last one that was heard whole. */
  readonly next: number;
  /** How many bytes were heard. */
  readonly bytes: number;
}

/**
 * Judges what was stored of a counting console.
 * @throws Error where something is missing, twice or wrong without a gap
 */
export function judge(items: readonly StreamItem[]): Heard {
  const gaps: (StreamItem & { kind: "gap" })[] = [];
  let missing = 0;
  let next = 0;
  let bytes = 0;
  let run = "";
  let afterGap = false;
  const settle = (): void => {
    const at = afterGap ? run.indexOf("\n") + 1 : 0;
    const words = run.slice(at).split("\n");
    // The last one may be cut by the gap that follows.
    for (const word of words.slice(0, -1)) {
      const number = Number(word);
      if (word.length !== WORD - 1) throw new Error(`a number is torn without a gap: ${word}`);
      if (number !== next && !(afterGap && number > next)) {
        throw new Error(`after ${next - 1} comes ${word}${afterGap ? " at a gap" : ""}`);
      }
      missing += number - next;
      afterGap = false;
      next = number + 1;
    }
    run = "";
  };
  for (const item of items) {
    if (item.kind === "bytes") {
      bytes += item.bytes.length;
      run += Buffer.from(item.bytes).toString("latin1");
    } else if (item.kind === "gap") {
      settle();
      afterGap = true;
      gaps.push(item);
    }
  }
  settle();
  return { missing, gaps, next, bytes };
}
