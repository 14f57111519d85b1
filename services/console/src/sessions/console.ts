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
import { auditEntry, type Actor } from "./console-audit.js";
import { MAX_PLACES, type ConsoleParts, type DeclaredConsole } from "./console-parts.js";
import { FanOut } from "./fan-out.js";
import { FarEnd } from "./far-end.js";
import { lineText } from "./line-settings.js";
import { PassingRecords } from "./passing-records.js";
import { Place } from "./place.js";
import { seemly } from "./seemly.js";
import { Turn } from "./turn.js";
import { WireKeeper } from "./wire-keeper.js";

/** One console: everybody who is at it, the one who types, and the machine at the far end. */
export class Console {
  readonly node: NodeId;
  readonly far = new FarEnd();
  readonly acts: Acts;
  readonly asks: Asks;
  readonly wire: WireKeeper;
  #places: readonly Place[] = [];
  /** Whose coming is a record, so that their going is one. */
  readonly #recorded = new WeakSet<Place>();
  readonly #passing: PassingRecords;
  readonly #turn = new Turn(this);
  readonly #fanOut: FanOut;
  #link: ConsoleLinkState;
  #closed: { readonly code: string; readonly text: string } | undefined;

  constructor(
    public declared: DeclaredConsole,
    readonly log: ConsoleLog,
    readonly parts: ConsoleParts,
    /** Told whenever what others are shown of it has changed. */
    readonly changed: () => void,
  ) {
    this.node = declared.node;
    this.acts = new Acts(this.far, parts.clock, () => this.declared.policy);
    this.asks = new Asks(this);
    this.wire = new WireKeeper(this);
    this.#passing = new PassingRecords(parts.clock, (who, connects) => {
      const data = { connects };
      void this.note(auditEntry(who, "attach", this.node, { stage: "outcome", data }));
    });
    this.#fanOut = new FanOut(declared.node, parts.screens);
    this.#link = this.#linkState();
  }

  get writer(): Place | undefined {
    return this.#turn.writer;
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

  /**
   * Lets somebody in who may see this console.
   * @param admit called when they are about to be let in; throws where there is no room
   * @throws AttachRefused
   */
  async attach(
    visitor: Visitor,
    options: AttachOptions,
    viewer: Viewer,
    admit: () => void = () => undefined,
  ): Promise<Place> {
    const place = new Place(this, visitor, options, viewer);
    const { mode } = options;
    const refusal = this.#refusal(place, mode);
    if (refusal !== undefined) await this.#refuse(visitor, mode, refusal);
    // A console is what mends a full disk: who looks on or types is let in even if that cannot be written down.
    const isRecorded = this.#passing.comes(visitor);
    if (isRecorded) await this.note(auditEntry(visitor, "attach", this.node, { data: { mode } }));
    let notTaken: ActRefused | undefined;
    try {
      let from: string | undefined;
      if (mode === "take") {
        while (this.#turn.isOthers(from)) from = await this.#turn.recordTake(visitor);
      }
    } catch (error) {
      if (!(error instanceof ActRefused)) throw error;
      notTaken = error;
    }
    // All that took a while, in which anything may have changed.
    const late = this.#refusal(place, mode);
    if (late !== undefined) await this.#refuse(visitor, mode, late);
    if (this.#closed) throw new AttachRefused("stopping", this.#closed.text);
    if (this.#places.length >= MAX_PLACES) {
      throw new AttachRefused("too-many", `${MAX_PLACES} are at this console already`);
    }
    admit();
    if (isRecorded) this.#recorded.add(place);
    const mayWrite = place.may("console-write");
    this.#places = [...this.#places, place];
    const greet = (): void => place.told(this.#greeting(place, mayWrite));
    const isTheirs = !this.#turn.holder || (mode === "take" && notTaken === undefined);
    if (mode !== "spy" && mayWrite === true && isTheirs) this.#turn.give(place, this.writer, greet);
    else {
      greet();
      if (mode === "write" && mayWrite === true) this.#turn.wait(place);
      if (notTaken) place.told({ told: "notice", code: notTaken.code, text: notTaken.message });
    }
    this.changed();
    place.show(options.replay).catch((error: unknown) => {
      if (!(error instanceof ActRefused)) return this.parts.defect(error);
      place.told({ told: "notice", code: error.code, text: error.message });
    });
    return place;
  }

  /** Types if nobody else does. @throws ActRefused `busy` */
  write(place: Place): Promise<string> {
    return this.#turn.write(place);
  }

  /** Types from now on; whoever did is told by whom they lost it. @throws ActRefused */
  take(place: Place): Promise<string> {
    return this.#turn.take(place);
  }

  /** As {@link Turn.borrow}. @throws ActRefused */
  borrow(who: Actor, take: boolean, act: (turn: AbortSignal) => Promise<string>): Promise<string> {
    return this.#turn.borrow(who, take, act);
  }

  /** Looks on from now on. @param why for the person */
  release(place: Place, why: string): void {
    this.#turn.release(place, why);
  }

  /** Whether it is nobody's turn. */
  get isFree(): boolean {
    return this.#turn.holder === undefined;
  }

  whyNotWriting(place?: Place): string {
    return this.#turn.whyNot(place);
  }

  leave(
    place: Place,
    reason: string,
    bye?: { readonly code: string; readonly text: string },
  ): void {
    if (!this.#places.includes(place)) return place.end(bye);
    this.#places = this.#places.filter((one) => one !== place);
    const wrote = this.#turn.left(place);
    place.end(bye);
    this.wire.left(place);
    if (this.#recorded.has(place)) {
      void this.note(
        auditEntry(place.visitor, "detach", this.node, {
          stage: "outcome",
          reason,
          data: { session: place.session },
        }),
      );
    }
    if (wrote) {
      this.tellAll({ told: "notice", text: `${place.visitor.actor} has left; nobody types now` });
    }
    this.changed();
  }

  /** @returns how many were told */
  tellAll(told: ConsoleTold): number {
    for (const place of this.#places) place.told(told);
    return this.#places.length;
  }

  /** What the log took, in order; shown to everybody at once. */
  deliver(items: readonly LogItem[]): void {
    this.#fanOut.deliver(items, this.#places, this.writer);
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
    this.wire.look();
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

  /** Writes down what is about to be done. @throws ActRefused `not-recorded`: it must not be done then */
  async record(entry: AuditEntry): Promise<void> {
    try {
      await this.parts.audit(entry);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new ActRefused(
        "not-recorded",
        `it was not done because the audit log cannot be written: ${error.message}`,
        { cause: error },
      );
    }
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
    this.#turn.end();
    for (const place of this.#places) this.leave(place, text, { code, text });
    this.#passing.end();
  }

  /** Why somebody may not come in. */
  #refusal(place: Place, mode: AttachOptions["mode"]): string | undefined {
    const mayRead = place.may("console-read");
    const verdict = mayRead === true && mode === "take" ? place.may("console-write") : mayRead;
    return verdict === true ? undefined : verdict;
  }

  /** @throws AttachRefused */
  async #refuse(who: Actor, mode: AttachOptions["mode"], refusal: string): Promise<never> {
    await this.note(
      auditEntry(who, "attach", this.node, {
        stage: "outcome",
        data: { mode, refused: "not-allowed" },
      }),
    );
    throw new AttachRefused("not-allowed", refusal);
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
    const { change } = this.wire;
    const wire = change
      ? `; the line has ${lineText(change.present)} now, which is not declared`
      : "";
    const text = `${name}: ${what}${wire}${problem === undefined ? "" : `; ${problem}`}`;
    return {
      told: "attached",
      session: place.session,
      writes: place.writes,
      text: text.slice(0, 2000),
      link: this.#link,
    };
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
