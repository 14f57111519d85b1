import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { ConsoleCondition } from "@outrider/console-link/console-stream";
import type { LinkedConsole } from "@outrider/console-link/linked-console";
import type { ConsoleTold } from "@outrider/contracts/console-attach";
import type { ConsoleLinkState, ConsoleSession } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import { StorageError } from "@outrider/storage/storage-error";
import type { ConsoleLog } from "../log/console-log.js";
import type { LogItem } from "../log/log-format.js";
import { ActRefused } from "./act-refused.js";
import { Acts } from "./acts.js";
import { Asks } from "./asks.js";
import { AttachRefused, type AttachOptions, type Viewer, type Visitor } from "./attachment.js";
import { auditEntry } from "./console-audit.js";
import { MAX_PLACES, type ConsoleParts, type DeclaredConsole } from "./console-parts.js";
import { FanOut } from "./fan-out.js";
import { FarEnd } from "./far-end.js";
import { Place } from "./place.js";
import { seemly } from "./seemly.js";

/** One console: everybody who is at it, the one who types, and the machine at the far end. */
export class Console {
  readonly node: NodeId;
  readonly far = new FarEnd();
  readonly acts: Acts;
  readonly asks: Asks;
  #places: readonly Place[] = [];
  #writer: Place | undefined;
  readonly #fanOut: FanOut;
  #link: ConsoleLinkState;
  #closed: { readonly code: string; readonly text: string } | undefined;

  constructor(
    public declared: DeclaredConsole,
    readonly log: ConsoleLog,
    readonly parts: ConsoleParts,
    /** Told whenever what others are shown of it has changed. */
    private readonly changed: () => void,
  ) {
    this.node = declared.node;
    this.acts = new Acts(this.far, parts.clock, () => this.declared.policy);
    this.asks = new Asks(this);
    this.#fanOut = new FanOut(declared.node, parts.screens);
    this.#link = this.#linkState();
  }

  get writer(): Place | undefined {
    return this.#writer;
  }
  get places(): readonly Place[] {
    return this.#places;
  }
  get link(): ConsoleLinkState {
    return this.#link;
  }

  sessions(): ConsoleSession[] {
    return this.#places.map((place) => place.describe());
  }

  placeOf(session: string | undefined): Place | undefined {
    return this.#places.find((place) => place.session === session);
  }

  /** Lets somebody in who may see this console. @throws AttachRefused */
  async attach(visitor: Visitor, options: AttachOptions, viewer: Viewer): Promise<Place> {
    const place = new Place(this, visitor, options, viewer);
    const allowed = place.may("console-read");
    const { mode } = options;
    const mayWrite = place.may("console-write");
    if (allowed !== true || (mode === "take" && mayWrite !== true)) {
      const why = allowed === true ? mayWrite : allowed;
      await this.note(
        auditEntry(visitor, "attach", this.node, {
          stage: "outcome",
          data: { mode, refused: "not-allowed" },
        }),
      );
      throw new AttachRefused("not-allowed", String(why));
    }
    // A console is what mends a full disk: who looks on or types is let in even if that cannot be written down.
    await this.note(auditEntry(visitor, "attach", this.node, { data: { mode } }));
    if (this.#closed) throw new AttachRefused("stopping", this.#closed.text);
    if (this.#places.length >= MAX_PLACES) {
      throw new AttachRefused("too-many", `${MAX_PLACES} are at this console already`);
    }
    const loser = mode === "take" ? this.#writer : undefined;
    if (loser) await this.#recordTake(place, loser);
    this.#places = [...this.#places, place];
    const greet = (): void => place.told(this.#greeting(place, mayWrite));
    if (mode !== "spy" && mayWrite === true && (!this.#writer || mode === "take")) {
      this.#give(place, this.#writer, greet);
    } else greet();
    this.changed();
    place.show(options.replay).catch((error: unknown) => {
      if (!(error instanceof ActRefused)) return this.parts.defect(error);
      place.told({ told: "notice", code: error.code, text: error.message });
    });
    return place;
  }

  /** Types if nobody else does. @throws ActRefused `busy` */
  async write(place: Place): Promise<string> {
    if (place.writes) return "you type already";
    if (this.#writer) throw new ActRefused("busy", this.whyNotWriting());
    await this.note(auditEntry(place.visitor, "write", this.node));
    // Recording took a moment, in which others may have come.
    if (this.#writer) throw new ActRefused("busy", this.whyNotWriting());
    if (place.ended) throw new ActRefused("aborted", "you have left");
    this.#give(place, undefined);
    return "you type now";
  }

  /** Types from now on; whoever did is told by whom they lost it. */
  async take(place: Place): Promise<string> {
    if (place.writes) return "you type already";
    const loser = this.#writer;
    if (loser) await this.#recordTake(place, loser);
    if (place.ended) throw new ActRefused("aborted", "you have left");
    this.#give(place, this.#writer);
    return loser ? `you type now; ${loser.visitor.actor} looks on` : "you type now";
  }

  /** Looks on from now on. @param why for the person */
  release(place: Place, why: string): void {
    if (!place.writes) return;
    this.#writer = undefined;
    this.acts.interruptPaste();
    place.endTurn();
    place.told({ told: "mode", writes: false, text: why });
    this.#tellOthers(place, `${nameOf(place)} does not type any more; nobody does`);
    this.changed();
  }

  leave(
    place: Place,
    reason: string,
    bye?: { readonly code: string; readonly text: string },
  ): void {
    if (!this.#places.includes(place)) return place.end(bye);
    this.#places = this.#places.filter((one) => one !== place);
    const wrote = this.#writer === place;
    if (wrote) {
      this.#writer = undefined;
      this.acts.interruptPaste();
    }
    place.end(bye);
    void this.note(
      auditEntry(place.visitor, "detach", this.node, {
        stage: "outcome",
        reason,
        data: { session: place.session },
      }),
    );
    if (wrote) this.#tellOthers(place, `${nameOf(place)} has left; nobody types now`);
    this.changed();
  }

  whyNotWriting(): string {
    const writer = this.#writer;
    return writer
      ? `you look on; ${describe(writer)} types (idle ${Math.round(writer.idleMs / 1000)} s): take the console to type`
      : "you look on; ask to write to type";
  }

  /** @returns how many were told */
  tellAll(told: ConsoleTold): number {
    for (const place of this.#places) place.told(told);
    return this.#places.length;
  }

  /** What the log took, in order; shown to everybody at once. */
  deliver(items: readonly LogItem[]): void {
    this.#fanOut.deliver(items, this.#places, this.#writer);
  }

  /** The far end sent a break. */
  broke(): void {
    for (const place of this.#places) place.viewer.broke?.();
  }

  /** The agent announced it, or what it says of the device has changed. */
  linked(linked: LinkedConsole, before?: ConsoleCondition): void {
    if (this.far.linked !== linked) this.far.connect(linked);
    const { line, modem } = linked.condition;
    for (const { viewer } of this.#places) {
      if (line && JSON.stringify(line) !== JSON.stringify(before?.line)) viewer.line?.(line);
      if (modem && JSON.stringify(modem) !== JSON.stringify(before?.modem)) viewer.modem?.(modem);
    }
    this.#tellLink();
  }

  unlinked(why: string): void {
    this.far.disconnect(why);
    this.#tellLink();
  }

  /** Ends idle sessions and those of people who may not be here any more. */
  look(): void {
    const { writerIdleMs, sessionIdleMs } = this.declared.policy;
    for (const place of this.#places) {
      const verdict = place.may("console-read");
      if (verdict !== true) this.leave(place, verdict, { code: "not-allowed", text: verdict });
      else if (sessionIdleMs > 0 && place.idleMs >= sessionIdleMs) {
        const text = `nothing was typed or asked for ${Math.round(sessionIdleMs / 1000)} s`;
        this.leave(place, text, { code: "idle", text });
      } else if (place.writes) {
        const mayWrite = place.may("console-write");
        if (mayWrite !== true) this.release(place, mayWrite);
        else if (writerIdleMs > 0 && place.idleMs >= writerIdleMs) {
          this.release(place, `you look on now: you typed nothing for ${writerIdleMs / 1000} s`);
        }
      }
    }
  }

  /** Something happened here that the log is to tell of. */
  mark(text: string): void {
    this.deliver([this.log.mark(seemly(text), this.parts.clock.now().getTime() * 1000)]);
  }

  /** A record whose failure changes nothing. */
  async note(entry: AuditEntry): Promise<void> {
    try {
      await this.parts.audit(entry);
    } catch (error) {
      if (!(error instanceof StorageError)) return this.parts.defect(error);
      const { act, actor } = entry;
      this.parts.log.error(
        { node: this.node, act, actor, err: error },
        "what happened at a console could not be recorded; free disk space or mend the database",
      );
    }
  }

  close(code: string, text: string): void {
    this.#closed = { code, text };
    this.acts.interruptPaste();
    for (const place of this.#places) this.leave(place, text, { code, text });
  }

  async #recordTake(place: Place, loser: Place): Promise<void> {
    await this.note(
      auditEntry(place.visitor, "take", this.node, { data: { from: loser.visitor.actor } }),
    );
  }

  #give(
    place: Place,
    loser: Place | undefined,
    tell: () => void = () => place.told({ told: "mode", writes: true }),
  ): void {
    this.acts.interruptPaste();
    loser?.endTurn();
    this.#writer = place;
    if (loser && loser !== place) {
      const text = `${describe(place)} has taken the console; you look on`;
      loser.told({ told: "mode", writes: false, text });
      this.mark(`${place.visitor.actor} took the console from ${loser.visitor.actor}`);
      this.parts.happened(this.node, {
        severity: "notice",
        kind: "console-taken",
        message: `${place.visitor.actor} took the console from ${loser.visitor.actor}`,
        data: { actor: place.visitor.actor, from: loser.visitor.actor, way: place.visitor.way },
      });
    }
    tell();
    for (const one of this.#places) {
      if (one !== place && one !== loser) {
        one.told({ told: "notice", text: `${describe(place)} types now` });
      }
    }
    this.changed();
  }

  #greeting(place: Place, mayWrite: true | string): ConsoleTold {
    const name = seemly(this.declared.name, 200);
    const what = place.writes
      ? "you type"
      : place.options.mode === "spy"
        ? "you look on"
        : mayWrite === true
          ? this.whyNotWriting()
          : `you look on: ${mayWrite}`;
    const { problem } = this.far;
    const text = `${name}: ${what}${problem === undefined ? "" : `; ${problem}`}`;
    return {
      told: "attached",
      session: place.session,
      writes: place.writes,
      text: text.slice(0, 2000),
      link: this.#link,
    };
  }

  #tellOthers(place: Place, text: string): void {
    for (const one of this.#places) if (one !== place) one.told({ told: "notice", text });
  }

  #tellLink(): void {
    const link = this.#linkState();
    if (link.value === this.#link.value && link.detail === this.#link.detail) return;
    this.#link = {
      ...link,
      since: link.value === this.#link.value ? this.#link.since : link.since,
    };
    const text = link.value === "Up" ? "the console can be reached again" : (link.detail ?? "");
    this.tellAll({ told: "link", link: this.#link, text });
    this.changed();
  }

  #linkState(): ConsoleLinkState {
    const { linked, problem } = this.far;
    const since = this.parts.clock.now().toISOString();
    if (problem === undefined) return { value: "Up", since };
    return { value: linked ? "Down" : "Unknown", since, detail: seemly(problem) };
  }
}

const nameOf = (place: Place): string => place.visitor.actor;

function describe({ visitor: { actor, way, from } }: Place): string {
  return `${actor} (${way}${from === undefined ? "" : `, from ${seemly(from, 100)}`})`;
}
