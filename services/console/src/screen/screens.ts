import { Worker } from "node:worker_threads";
import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import type { ConsoleLog } from "../log/console-log.js";
import type { ConsoleScreens, ScreenReplay } from "../sessions/console-parts.js";
import { DisplaySafe } from "../sessions/display-safe.js";
import type { FromScreens, Screen, ToScreens } from "./screen-messages.js";

/** More than this under way to the worker is a flood: nobody reads a screen that scrolls so fast. */
const MAX_UNDER_WAY_BYTES = 128 * 1024;
/** Of the end of the log a screen is made of. */
const REBUILT_FROM_BYTES = 64 * 1024;

interface Kept {
  underWayBytes: number;
  /** Bytes were left out: the next who asks has it made anew from the log. */
  isBehind: boolean;
}

/**
 * The screen of each console as it stands now: a headless terminal each, all in one worker. Exact while a console says
 * no more than the worker takes; after a flood made anew from the end of the log when somebody asks.
 */
export class Screens implements ConsoleScreens {
  readonly #kept = new Map<NodeId, Kept>();
  readonly #asked = new Map<number, PromiseWithResolvers<Screen>>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  constructor(private readonly log: Log) {}

  /** A console is there. @param isNew its log is empty, and so is its screen */
  open(node: NodeId, isNew: boolean): void {
    this.#kept.set(node, { underWayBytes: 0, isBehind: !isNew });
  }

  forget(node: NodeId): void {
    if (this.#kept.delete(node)) this.#send({ kind: "forget", node });
  }

  wants(node: NodeId): boolean {
    const kept = this.#kept.get(node);
    if (!kept || kept.isBehind) return false;
    if (kept.underWayBytes <= MAX_UNDER_WAY_BYTES) return true;
    kept.isBehind = true;
    return false;
  }

  feed(node: NodeId, bytes: Buffer): boolean {
    if (!this.wants(node)) return false;
    this.#put({ kind: "feed", node, bytes });
    return true;
  }

  /** @throws Error when the log cannot be read */
  async of(log: ConsoleLog): Promise<{ readonly screen: Screen; readonly position: number }> {
    const { node } = log;
    const kept = this.#kept.get(node);
    if (!kept || kept.isBehind || !this.#worker) {
      const from = Math.max(log.first, log.next - REBUILT_FROM_BYTES);
      const end = log.next;
      const bytes = await safeBytes(log, from, end);
      if (kept && this.#kept.get(node) === kept) kept.isBehind = end !== log.next;
      this.#put({ kind: "rebuild", node, bytes, approximate: from > 0 });
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

  #put(message: ToScreens & { readonly bytes: Buffer }): void {
    const kept = this.#kept.get(message.node as NodeId);
    if (kept) kept.underWayBytes += message.bytes.length;
    this.#send(message);
  }

  #send(message: ToScreens): void {
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
        Object.assign(kept, { underWayBytes: 0, isBehind: true });
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
