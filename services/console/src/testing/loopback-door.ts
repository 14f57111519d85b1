import type { AttachMode, ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import { isNodeId, type NodeId } from "@outrider/contracts/ids";
import type { WireLines, WireSettings } from "@outrider/console-link/console-stream";
import { may } from "@outrider/identity/subject";
import {
  AttachRefused,
  type AttachOptions,
  type Attachment,
  type ConsoleDoor,
  type Viewer,
  type Visitor,
} from "../sessions/attachment.js";

/** What stands at the far end of a loopback console. */
export class FarEnd {
  /** What was typed at it. */
  readonly typed: number[] = [];
  readonly did: string[] = [];
  /** Says everything that is typed back. */
  echo = true;
  /** No wire with settings: a network console. */
  line: WireSettings | undefined = {
    baudRate: 115_200,
    dataBits: 8,
    parity: "none",
    stopBits: 1,
    flowControl: "none",
  };
  /** Fastest that it can. */
  maxBaudRate = 4_000_000;
  modem: WireLines | undefined;
  past: Uint8Array = new Uint8Array();
  /** Resolves when typed bytes are taken; for a device that does not take any. */
  taking: Promise<void> = Promise.resolve();
  /** What is asked is done only after a while, and notes what was typed by then. */
  actsSlowly = false;
  /** Called before each piece that it takes; what waits goes with whoever typed it. Missing: it takes all at once. */
  pace: (() => Promise<unknown>) | undefined;
  readonly seats: Seat[] = [];

  constructor(readonly node: NodeId) {}

  says(bytes: Uint8Array | string): void {
    const chunk = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    for (const seat of this.seats) seat.show(chunk);
  }

  raises(modem: WireLines): void {
    this.modem = modem;
    for (const { viewer } of this.seats) viewer.modem?.(modem);
  }

  breaks(): void {
    for (const { viewer } of this.seats) viewer.broke?.();
  }

  typedText(): string {
    return Buffer.from(this.typed).toString("latin1");
  }

  get writer(): Seat | undefined {
    return this.seats.find(({ writes }) => writes);
  }
}

const PIECE_BYTES = 1024;

/** One place at a loopback console. */
export class Seat implements Attachment {
  static #count = 0;
  readonly session = `loopback-${++Seat.#count}`;
  readonly node: NodeId;
  readonly breakNames = ["double"];
  readonly actions = [];
  writes = false;
  #waiting: Uint8Array[] | undefined;
  #typing: Promise<void> = Promise.resolve();

  constructor(
    readonly far: FarEnd,
    readonly visitor: Visitor,
    readonly viewer: Viewer,
  ) {
    this.node = far.node;
  }

  /** What was asked of its log is among what was done. */
  async *readLog(query: URLSearchParams): AsyncGenerator<Buffer> {
    this.far.did.push(`log ${query.toString()}`);
    yield Buffer.from(this.far.past);
  }

  get whoTypes(): "you" | "nobody" | "somebody" {
    if (this.writes) return "you";
    return this.far.writer ? "somebody" : "nobody";
  }

  get about(): readonly string[] {
    return [`the console of ${this.node} in memory`];
  }

  get isFree(): boolean {
    return this.far.writer === undefined;
  }
  get line(): WireSettings | undefined {
    return this.far.line;
  }
  get modem(): WireLines | undefined {
    return this.far.modem;
  }

  /** What waits until the viewer takes it. */
  get heldBytes(): number {
    return (this.#waiting ?? []).reduce((all, { length }) => all + length, 0);
  }

  show(bytes: Uint8Array): void {
    if (this.#waiting) {
      this.#waiting.push(bytes);
      return;
    }
    if (this.viewer.bytes(bytes)) return;
    this.#waiting = [];
    this.viewer.onDrain(() => {
      const held = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const one of held) this.show(one);
    });
  }

  async input(bytes: Uint8Array): Promise<void> {
    if (!this.writes) return;
    if (!this.far.pace) return this.#take(bytes);
    await (this.#typing = this.#typing.then(() => this.#takeSlowly(bytes)));
  }

  async #takeSlowly(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      await this.far.pace?.();
      if (!this.far.seats.includes(this)) return;
      await this.#take(bytes.subarray(at, at + PIECE_BYTES));
    }
  }

  async #take(bytes: Uint8Array): Promise<void> {
    this.far.typed.push(...bytes);
    if (this.far.echo) this.far.says(bytes.slice());
    await this.far.taking;
  }

  async ask(ask: ConsoleAsk): Promise<ConsoleTold> {
    switch (ask.ask) {
      case "write":
      case "take":
        return this.#write(ask.ask);
      case "who":
        return {
          told: "who",
          sessions: this.far.seats.map((seat) => ({
            id: seat.session as never,
            node: seat.node,
            actor: seat.visitor.actor,
            way: seat.visitor.way,
            writes: seat.writes,
            since: "2026-01-01T00:00:00.000Z",
            idleMs: 0,
          })),
        };
      case "break":
        return this.#does(`break ${ask.name ?? ask.ms ?? ""}`.trim());
      case "sysrq":
        return this.#does(`sysrq ${(ask.keys ?? []).join(",")}`);
      case "line":
        await this.#slowly();
        return this.#setLine(ask.settings ?? "");
      default:
        return this.#does(ask.ask);
    }
  }

  async control(lines: { readonly dtr?: boolean; readonly rts?: boolean }): Promise<ConsoleTold> {
    return this.#does(`control ${JSON.stringify(lines)}`);
  }
  async holdBreak(on: boolean): Promise<ConsoleTold> {
    await this.#slowly();
    return this.#does(`break ${on ? "on" : "off"}`);
  }
  async purge(what: "receive" | "transmit" | "both"): Promise<ConsoleTold> {
    return this.#does(`purge ${what}`);
  }

  detach(): void {
    const at = this.far.seats.indexOf(this);
    if (at >= 0) this.far.seats.splice(at, 1);
  }

  #write(how: "write" | "take"): ConsoleTold {
    const before = this.far.writer;
    if (before && before !== this && how === "write") {
      return { told: "refused", code: "busy", text: `${before.visitor.actor} is typing` };
    }
    if (before && before !== this) {
      before.writes = false;
      before.viewer.told({ told: "mode", writes: false, text: `taken by ${this.visitor.actor}` });
    }
    this.writes = true;
    return { told: "done" };
  }

  #does(what: string): ConsoleTold {
    if (!this.writes) return { told: "refused", code: "not-writer", text: "you only look on" };
    this.far.did.push(this.far.actsSlowly ? `${what} after ${this.far.typedText()}` : what);
    return { told: "done", text: what };
  }

  async #slowly(): Promise<void> {
    for (let turns = 0; this.far.actsSlowly && turns < 3; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #setLine(settings: string): ConsoleTold {
    if (!this.writes) return { told: "refused", code: "not-writer", text: "you only look on" };
    const match = /^(\d+),(\d)([noems])(1|1\.5|2),(none|rts-cts|xon-xoff)$/.exec(settings);
    if (!match || !this.far.line || Number(match[1]) > this.far.maxBaudRate) {
      return { told: "refused", code: "invalid", text: `${settings} cannot be set` };
    }
    const parities = { n: "none", o: "odd", e: "even", m: "mark", s: "space" } as const;
    this.far.line = {
      baudRate: Number(match[1]),
      dataBits: Number(match[2]) as 8,
      parity: parities[match[3] as "n"],
      stopBits: Number(match[4]) as 1,
      flowControl: match[5] as "none",
    };
    return this.#does(`line ${settings}`);
  }
}

/** Consoles in memory that say back what is typed at them, for tests of the ways in. */
export class LoopbackDoor implements ConsoleDoor {
  readonly ends: ReadonlyMap<string, FarEnd>;
  readonly attached: {
    readonly actor: string;
    readonly mode: AttachMode;
    readonly from?: string;
  }[] = [];

  /** Nobody is let in before. */
  admitting: Promise<unknown> = Promise.resolve();

  constructor(...nodes: NodeId[]) {
    this.ends = new Map(nodes.map((node) => [node, new FarEnd(node)]));
  }

  far(node: string): FarEnd {
    const end = this.ends.get(node);
    if (!end) throw new Error(`the test has no ${node}`);
    return end;
  }

  async attach(
    node: string,
    visitor: Visitor,
    { mode, replay }: AttachOptions,
    viewer: Viewer,
  ): Promise<Attachment> {
    await this.admitting;
    const subject = visitor.subject();
    const far = isNodeId(node) ? this.ends.get(node) : undefined;
    if (!subject || !far) throw new AttachRefused("not-found", `there is no console ${node}`);
    const allowed = may(subject, "console-read", node);
    if (allowed !== true) throw new AttachRefused("not-allowed", allowed);
    const seat = new Seat(far, visitor, viewer);
    if (mode !== "spy" && may(subject, "console-write", node) === true)
      await seat.ask({ ask: mode });
    far.seats.push(seat);
    this.attached.push({
      actor: visitor.actor,
      mode,
      ...(visitor.from !== undefined && { from: visitor.from }),
    });
    viewer.told({ told: "attached", session: seat.session, writes: seat.writes });
    if (replay !== "none") {
      viewer.told({ told: "replay" });
      seat.show(far.past);
    }
    viewer.told({ told: "live" });
    return seat;
  }

  async act(node: string, visitor: Visitor, ask: ConsoleAsk, take: boolean): Promise<ConsoleTold> {
    const far = this.ends.get(node);
    const subject = visitor.subject();
    if (!subject || !far) throw new AttachRefused("not-found", `there is no console ${node}`);
    const allowed = may(subject, "console-write", node);
    if (allowed !== true) throw new AttachRefused("not-allowed", allowed);
    const { writer } = far;
    if (writer && !take) return { told: "refused", code: "busy", text: "somebody types there" };
    const lent = new Seat(far, visitor, { bytes: () => true, onDrain: () => {}, told: () => {} });
    lent.writes = true;
    return lent.ask(ask);
  }

  has(node: string, visitor?: Visitor): boolean {
    if (!this.ends.has(node)) return false;
    return !visitor || this.visibleTo(visitor).some((one) => one.node === node);
  }

  visibleTo(visitor: Visitor): { node: NodeId; name: string; summary: string }[] {
    const subject = visitor.subject();
    if (!subject) return [];
    return [...this.ends.keys()]
      .filter((node) => may(subject, "console-read", node) === true)
      .map((node) => ({ node: node as NodeId, name: node, summary: "loopback" }));
  }
}
