import type { WireLines, WireSettings } from "@outrider/console-link/console-stream";
import { LinkError } from "@outrider/console-link/link-error";
import type { ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import type { ConsoleSession } from "@outrider/contracts/console";
import type { Right } from "@outrider/contracts/identity";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Action } from "@outrider/contracts/power";
import { may } from "@outrider/identity/subject";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { readLogQuery } from "../http/log-query.js";
import { aboutConsole } from "./about-console.js";
import { ActRefused } from "./act-refused.js";
import type { AttachOptions, Attachment, Viewer, Visitor } from "./attachment.js";
import { BREAK_MS } from "./break-sequence.js";
import type { Console } from "./console.js";
import { Delivery } from "./delivery.js";
import { replay } from "./replay.js";
import { readReplay } from "./replay-start.js";
import { seemly } from "./seemly.js";

/** The same answer to somebody who keeps typing where they cannot is given this often, in milliseconds. */
const REPEAT_MS = 5000;
const INTERRUPT = 0x03;
const LONGEST_BREAK_MS = 10_000;
/** The longest key of a keyboard sends a few bytes. */
const PASTE_BYTES = 32;
/** So much goes on its way before the machine has taken what was typed before: each key at once, not after the last. */
const AT_ONCE_BYTES = 1024;
/** Typed and not yet taken by the machine; ways in hold back long before. */
const MAX_TYPING_BYTES = 4 * 1024 * 1024;

/** Somebody's place at a console. */
export class Place implements Attachment {
  readonly session: CommandId = mintCommandId();
  readonly node: NodeId;
  readonly delivery: Delivery;
  readonly since = new Date();
  /** Whether it takes part in what comes, or is still shown the past. */
  live = false;
  readonly #ended = new AbortController();
  #replaying: AbortController | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #toldWhy = "";
  #activeMs: number;
  #breakSinceMs: number | undefined;
  /** What was typed goes one after another; the far end keeps the order of what is little and under way. */
  #typing: Promise<void> = Promise.resolve();
  /** Pieces that wait for those before them, or go slowly. */
  #queued = 0;
  #typingBytes = 0;
  #pasting = new AbortController();
  /** Aborted when they type no more: what they typed and the machine has not yet taken is then not typed. */
  #turn = new AbortController();

  constructor(
    private readonly console: Console,
    readonly visitor: Visitor,
    readonly options: AttachOptions,
    readonly viewer: Viewer,
  ) {
    this.node = console.node;
    this.delivery = new Delivery(viewer);
    this.#activeMs = this.#nowMs();
  }

  get writes(): boolean {
    return this.console.writer === this;
  }
  get isFree(): boolean {
    return this.console.isFree;
  }
  get line(): WireSettings | undefined {
    return this.console.far.condition?.line;
  }
  get modem(): WireLines | undefined {
    return this.console.far.condition?.modem;
  }
  readLog(query: URLSearchParams, signal: AbortSignal): AsyncIterable<Buffer> {
    const { log } = this.console;
    const { range, format, follow } = readLogQuery(query, log);
    return log.export(range, format, { follow, signal });
  }
  get about(): readonly string[] {
    return aboutConsole(this.console, this);
  }
  get breakNames(): readonly string[] {
    return this.console.acts.breakNames;
  }
  get actions(): readonly Action[] {
    return this.console.declared.actions;
  }
  /** Aborted once they type no more. */
  get turn(): AbortSignal {
    return this.#turn.signal;
  }
  get ended(): boolean {
    return this.#ended.signal.aborted;
  }
  /** Since they last typed or asked for something, in milliseconds. */
  get idleMs(): number {
    return Math.max(0, Math.round(this.#nowMs() - this.#activeMs));
  }

  get whoTypes(): "you" | "nobody" | "somebody" | "never-you" {
    if (this.writes) return "you";
    if (this.may("console-write") !== true) return "never-you";
    return this.console.isFree ? "nobody" : "somebody";
  }

  /** Whether they may do something, as things stand now. */
  may(right: Right): true | string {
    const subject = this.visitor.subject();
    return subject ? may(subject, right, this.node) : "whoever this was has no rights any more";
  }

  describe(): ConsoleSession {
    const { actor, way, from } = this.visitor;
    const { skippedBytes } = this.delivery;
    return {
      id: this.session,
      node: this.node,
      actor,
      way,
      writes: this.writes,
      since: this.since.toISOString(),
      idleMs: this.idleMs,
      ...(from === undefined ? {} : { from: from.slice(0, 200) }),
      ...(skippedBytes === 0 ? {} : { skippedBytes }),
    };
  }

  /** Shows the past, then what comes. */
  async show(from: string): Promise<void> {
    const { parts, log } = this.console;
    const wish = readReplay(from, parts.clock.now().getTime() * 1000);
    if (!wish) this.live = true;
    if (!wish) throw new ActRefused("invalid", `${seemly(from, 100)} is no part of the past`);
    this.#replaying?.abort();
    const replaying = (this.#replaying = new AbortController());
    this.live = false;
    const live = (): void => {
      if (!this.ended && this.#replaying === replaying) this.live = true;
    };
    try {
      await replay(wish, {
        log,
        delivery: this.delivery,
        raw: this.#seesExactPast,
        signal: AbortSignal.any([replaying.signal, this.#ended.signal]),
        screen: () => parts.screens.replay(log),
        live,
      });
    } catch (error) {
      // The log is on a disk, and a console goes on without it.
      live();
      if (replaying.signal.aborted || this.ended) return;
      parts.log.error({ node: this.node, err: error }, "a console's log could not be read");
      throw new ActRefused("failed", "the log cannot be read now; what comes is shown", {
        cause: error,
      });
    }
  }

  async input(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.ended) return;
    this.#activeMs = this.#nowMs();
    if (!this.writes) return this.#mention(this.console.whyNotWriting(this), "not-writing");
    const verdict = this.may("console-write");
    if (verdict !== true) {
      this.console.release(this, verdict);
      return;
    }
    if (bytes.includes(INTERRUPT)) this.#interrupt();
    if (this.#typingBytes + bytes.length > MAX_TYPING_BYTES) {
      return this.#mention("the machine takes nothing; what you typed was not sent", "busy");
    }
    this.#typingBytes += bytes.length;
    const pasting = this.#pasting.signal;
    const turn = this.#turn.signal;
    if (this.#queued === 0 && this.#typingBytes <= AT_ONCE_BYTES && !this.#isPaste(bytes)) {
      const sent = this.#send(bytes, turn, pasting);
      this.#typing = Promise.all([this.#typing, sent]).then(() => undefined);
      return sent;
    }
    this.#queued += 1;
    this.#typing = this.#typing
      .then(() => this.#send(bytes, turn, pasting))
      .finally(() => (this.#queued -= 1));
    await this.#typing;
  }

  /** What comes in one piece and is longer than anybody types. */
  #isPaste(bytes: Uint8Array): boolean {
    return bytes.length >= PASTE_BYTES && !this.options.raw && this.console.acts.isPaced;
  }

  ask(ask: ConsoleAsk): Promise<ConsoleTold> {
    return this.#answer(ask.ref, () => this.console.asks.do(this, ask));
  }

  control(lines: { readonly dtr?: boolean; readonly rts?: boolean }): Promise<ConsoleTold> {
    return this.#answer(undefined, () => this.console.asks.control(this, lines));
  }

  /** The break is sent when it ends, as long as it was asked to be: devices take it in one piece. */
  holdBreak(on: boolean): Promise<ConsoleTold> {
    return this.#answer(undefined, async () => {
      const since = this.#breakSinceMs;
      this.#breakSinceMs = on ? this.#nowMs() : undefined;
      if (on || since === undefined) return "the break lasts until it is switched off";
      const ms = Math.max(1, Math.min(LONGEST_BREAK_MS, Math.round(this.#nowMs() - since)));
      return this.console.asks.do(this, { ask: "break", ms: Math.max(ms, BREAK_MS / 10) });
    });
  }

  purge(what: "receive" | "transmit" | "both"): Promise<ConsoleTold> {
    return this.#answer(undefined, () => this.console.asks.purge(this, what));
  }

  detach(reason?: string): void {
    this.console.leave(this, reason ?? "detached");
  }

  /** They do not type any more: nothing of theirs that waits may follow what the next one types. */
  endTurn(): void {
    this.#turn.abort();
    this.#turn = new AbortController();
  }

  /** Something for the person, unless they are gone. */
  told(told: ConsoleTold): void {
    if (!this.ended) this.viewer.told(told);
  }

  /** Nothing is said to them any more; the last is why. */
  end(bye?: { readonly code: string; readonly text: string }): void {
    if (this.ended) return;
    if (bye) this.viewer.told({ told: "bye", ...bye });
    this.#ended.abort();
    this.endTurn();
    this.delivery.end();
  }

  async #answer(ref: number | undefined, act: () => Promise<string>): Promise<ConsoleTold> {
    this.#activeMs = this.#nowMs();
    const mine = ref === undefined ? {} : { ref };
    try {
      const text = seemly(await act(), 2000);
      return { told: "done", ...mine, text };
    } catch (error) {
      if (error instanceof ActRefused) {
        return { told: "refused", ...mine, code: error.code, text: seemly(error.message, 2000) };
      }
      this.console.parts.defect(error);
      return { told: "refused", ...mine, code: "failed", text: "a defect in the console service" };
    }
  }

  /** A terminal would answer what a machine asked long ago, and type the answer. Only who looks on is shown all bytes. */
  get #seesExactPast(): boolean {
    return this.options.raw === true && this.options.mode === "spy" && !this.writes;
  }

  async #send(bytes: Uint8Array, turn: AbortSignal, pasting: AbortSignal): Promise<void> {
    const { acts, far } = this.console;
    try {
      if (turn.aborted) return;
      if (this.#isPaste(bytes))
        await acts.type(Buffer.from(bytes), AbortSignal.any([turn, pasting]));
      else await far.write(bytes, turn);
    } catch (error) {
      if (!(error instanceof ActRefused)) return this.console.parts.defect(error);
      if (error.code === "aborted") return;
      // A device that said no in the middle may have taken some of it; of a lost agent the sentence says so.
      const isSaid = error.cause instanceof LinkError && error.cause.code === "gone";
      const fate =
        error.code === "failed"
          ? "nobody knows how much of what you typed arrived"
          : "what you typed was not sent";
      this.#mention(isSaid ? error.message : `${error.message}; ${fate}`, error.code);
    } finally {
      this.#typingBytes -= bytes.length;
    }
  }

  /** Ends what is being pasted, by whichever way. */
  #interrupt(): void {
    this.console.acts.interruptPaste();
    this.#pasting.abort();
    this.#pasting = new AbortController();
  }

  /** @param why of which another one is told at once */
  #mention(text: string, why: string): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#toldMs < REPEAT_MS && why === this.#toldWhy) return;
    this.#toldMs = nowMs;
    this.#toldWhy = why;
    this.told({ told: "notice", code: why, text });
  }

  #nowMs(): number {
    return this.console.parts.clock.monotonicMs();
  }
}
