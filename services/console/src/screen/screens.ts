import { Worker } from "node:worker_threads";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import type { ConsoleLog } from "../log/console-log.js";
import type { ConsoleScreens, ScreenReplay } from "../sessions/console-parts.js";
import { DisplaySafe } from "../sessions/display-safe.js";
import type { FromScreens, Screen, ToScreens } from "./screen-messages.js";

/**
 * A flood: nobody reads a screen that scrolls so fast, and drawing it would cost more than all else that is done with
 * the bytes. A console that says twice what a line of 115,200 baud carries is one after a few seconds; so is any that
 * has this much under way to the worker.
 */
const MAX_UNDER_WAY_BYTES = 128 * 1024;
const STEADY_BYTES_PER_MS = 24;
/**
 * Whoever asks for a screen has what was gathered drawn first, so that nobody sees it late; and a message to a worker
 * costs as much as thousands of bytes, and somebody who types a core that their echo needs.
 */
const GATHER = milliseconds(250);
/** Of the end of the log a screen is made of. */
const REBUILT_FROM_BYTES = 64 * 1024;

interface Kept {
  underWayBytes: number;
  /** Of a bucket that leaks as fast as a screen is followed. */
  floodBytes: number;
  fedAtMs: number;
  /** Bytes were left out: the next who asks has it made anew from the log. */
  isBehind: boolean;
}

/**
 * The screen of each console as it stands now: a headless terminal each, all in one worker. Exact while a console says
 * no more than the worker takes; after a flood made anew from the end of the log when somebody asks.
 */
export class Screens implements ConsoleScreens {
  readonly #kept = new Map<NodeId, Kept>();
  /** Not yet sent to the worker. */
  readonly #gathered = new Map<NodeId, Buffer[]>();
  #stopGathering: (() => void) | undefined;
  readonly #asked = new Map<number, PromiseWithResolvers<Screen>>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  constructor(
    private readonly log: Log,
    private readonly clock: Pick<Clock, "monotonicMs" | "every">,
  ) {}

  /** A console is there. @param isNew its log is empty, and so is its screen */
  open(node: NodeId, isNew: boolean): void {
    const fedAtMs = this.clock.monotonicMs();
    this.#kept.set(node, { underWayBytes: 0, floodBytes: 0, fedAtMs, isBehind: !isNew });
  }

  forget(node: NodeId): void {
    if (this.#kept.delete(node)) this.#send({ kind: "forget", node });
  }

  wants(node: NodeId): boolean {
    const kept = this.#kept.get(node);
    if (!kept || kept.isBehind) return false;
    if (Math.max(kept.underWayBytes, kept.floodBytes) <= MAX_UNDER_WAY_BYTES) return true;
    kept.isBehind = true;
    return false;
  }

  feed(node: NodeId, bytes: Buffer): boolean {
    if (!this.wants(node)) return false;
    const kept = this.#kept.get(node);
    if (kept) {
      const nowMs = this.clock.monotonicMs();
      const leaked = (nowMs - kept.fedAtMs) * STEADY_BYTES_PER_MS;
      kept.floodBytes = Math.max(0, kept.floodBytes - leaked) + bytes.length;
      kept.fedAtMs = nowMs;
    }
    if (kept) kept.underWayBytes += bytes.length;
    const gathered = this.#gathered.get(node);
    if (gathered) gathered.push(bytes);
    else this.#gathered.set(node, [bytes]);
    this.#stopGathering ??= this.clock.every(GATHER, () => this.#tick());
    return true;
  }

  #tick(): void {
    if (this.#gathered.size > 0) return this.#flush();
    this.#stopGathering?.();
    this.#stopGathering = undefined;
  }

  #flush(): void {
    const all = [...this.#gathered];
    this.#gathered.clear();
    for (const [node, parts] of all) {
      this.#post({ kind: "feed", node, bytes: Buffer.concat(parts) });
    }
  }

  /** @throws Error when the log cannot be read */
  async of(log: ConsoleLog): Promise<{ readonly screen: Screen; readonly position: number }> {
    const { node } = log;
    const kept = this.#kept.get(node);
    if (!kept || kept.isBehind || !this.#worker) {
      const from = Math.max(log.first, log.next - REBUILT_FROM_BYTES);
      const end = log.next;
      const bytes = await safeBytes(log, from, end);
      if (kept && this.#kept.get(node) === kept) {
        kept.isBehind = end !== log.next;
        kept.floodBytes = 0;
      }
      if (kept) kept.underWayBytes += bytes.length;
      this.#send({ kind: "rebuild", node, bytes, approximate: from > 0 });
      return { screen: await this.#ask(node), position: end };
    }
    const position = log.next;
    return { screen: await this.#ask(node), position };
  }

  async replay(log: ConsoleLog): Promise<ScreenReplay> {
    const { screen, position } = await this.of(log);
    return { bytes: Buffer.from(screen.ansi), position };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopGathering?.();
    this.#fail(new Error("the console service stops"));
    await this.#worker?.terminate();
  }

  #ask(node: NodeId): Promise<Screen> {
    const id = (this.#lastId += 1);
    const asked = Promise.withResolvers<Screen>();
    this.#asked.set(id, asked);
    this.#send({ kind: "ask", id, node });
    return asked.promise;
  }

  /** After everything that was said before it. */
  #send(message: ToScreens): void {
    this.#flush();
    this.#post(message);
  }

  #post(message: ToScreens): void {
    if (this.#closed) return;
    this.#worker ??= this.#start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./screen-worker.js", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    worker.unref();
    worker.on("message", (message: FromScreens) => this.#heard(message));
    worker.on("error", (error) => {
      this.log.error({ err: error }, "the worker that keeps screens failed; it is started anew");
      if (this.#worker === worker) this.#worker = undefined;
      for (const kept of this.#kept.values())
        Object.assign(kept, { underWayBytes: 0, floodBytes: 0, isBehind: true });
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    });
    return worker;
  }

  #heard(message: FromScreens): void {
    if (message.kind === "screen") {
      this.#asked.get(message.id)?.resolve(message.screen);
      this.#asked.delete(message.id);
      return;
    }
    const kept = this.#kept.get(message.node as NodeId);
    if (kept) kept.underWayBytes = Math.max(0, kept.underWayBytes - message.bytes);
  }

  #fail(error: Error): void {
    for (const asked of this.#asked.values()) asked.reject(error);
    this.#asked.clear();
  }
}

/** A part of the log as a terminal that answers nothing may be shown it. */
async function safeBytes(log: ConsoleLog, from: number, end: number): Promise<Buffer> {
  if (from >= end) return Buffer.alloc(0);
  const safe = new DisplaySafe();
  const parts: Buffer[] = [];
  for await (const item of log.read({ from: { position: from }, untilPosition: end })) {
    if (item.kind === "bytes") parts.push(safe.push(item.bytes).viewers);
  }
  return Buffer.concat(parts);
}
