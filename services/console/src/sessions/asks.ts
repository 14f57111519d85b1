import type { ConsoleAct } from "@outrider/contracts/audit";
import type { ConsoleAsk } from "@outrider/contracts/console-attach";
import type { Right } from "@outrider/contracts/identity";
import { may } from "@outrider/identity/subject";
import { ActRefused } from "./act-refused.js";
import type { Visitor } from "./attachment.js";
import type { Console } from "./console.js";
import { auditEntry, type Actor } from "./console-audit.js";
import { readLineSettings } from "./line-settings.js";
import type { Place } from "./place.js";
import { seemly } from "./seemly.js";
import { spanText } from "./span-text.js";

/** What is done to the machine, as records and marks name it. */
type Deed = "break" | "sysrq" | "pulse" | "line" | "purge" | "control" | "paste" | "close" | "open";

/** Somebody who is not attached acts in the place of whoever types. */
export interface Borrowed {
  /** Whether also while somebody types. */
  readonly take: boolean;
  /** Asked once more after it was written down; missing: whoever sent it has checked. */
  readonly may?: (() => true | string) | undefined;
}

interface Lent extends Pick<Borrowed, "may"> {
  readonly turn: AbortSignal;
}

/** How long a console is closed when nobody says for how long. */
const CLOSED_MS = 1_800_000;

/** What people at a console ask for: who may, that it is written down, and then that it is done. Throws ActRefused. */
export class Asks {
  constructor(private readonly console: Console) {}

  /** @returns what was done, as a sentence */
  async do(place: Place, ask: ConsoleAsk): Promise<string> {
    switch (ask.ask) {
      case "write":
        await this.#right(place, "console-write", "write");
        return this.console.write(place);
      case "take":
        await this.#right(place, "console-write", "take");
        return this.console.take(place);
      case "release":
        this.console.release(place, "you look on now");
        return "you look on now";
      case "who":
        place.told({ told: "who", ...ref(ask), sessions: this.console.sessions().slice(0, 1000) });
        return "these are here";
      case "message":
        return this.#message(place, ask.text);
      case "replay":
        await place.show(ask.from ?? "lines:20");
        return "that was it";
      case "disconnect":
        return this.#disconnect(place, ask);
      case "power":
        return this.#power(place, ask);
      default:
        return this.#deed(place, place.visitor, ask);
    }
  }

  /**
   * Something done by somebody who is not attached; whoever sent it has checked that they may.
   * @param borrowed whether they act in the place of whoever types; what may be done beside them says nothing
   */
  async from(who: Actor, ask: ConsoleAsk, borrowed?: Borrowed): Promise<string> {
    if (ask.ask === "message") return this.#say(who.actor, ask.text);
    if (ask.ask === "power") throw new ActRefused("invalid", "power has an operation of its own");
    if (!borrowed) return this.#deed(undefined, who, ask);
    const { take, ...lent } = borrowed;
    // Nobody loses their turn for what cannot be done.
    this.#check(ask, take);
    return this.console.borrow(who, take, (turn) =>
      this.#deed(undefined, who, ask, { ...lent, turn }),
    );
  }

  /** As {@link from}, for somebody who has come by a way in: asks whether they may. */
  async visit(visitor: Visitor, ask: ConsoleAsk, take: boolean): Promise<string> {
    const { node } = this.console;
    const held = (): true | string => {
      const subject = visitor.subject();
      if (!subject) return "whoever this was has no rights any more";
      return may(subject, "console-write", node);
    };
    const verdict = held();
    if (verdict !== true) {
      await this.#note(visitor, ask.ask, { refused: "not-allowed" });
      throw new ActRefused("not-allowed", verdict);
    }
    return this.from(visitor, ask, { take, may: held });
  }

  async control(
    place: Place,
    lines: { readonly dtr?: boolean; readonly rts?: boolean },
  ): Promise<string> {
    const { acts } = this.console;
    if (lines.dtr !== undefined) acts.check("dtr");
    if (lines.rts !== undefined) acts.check("rts");
    return this.#recorded(place, place.visitor, "control", { ...lines }, async (turn) => {
      const done = await acts.control(lines, turn);
      await this.console.wire.switched(place);
      return done;
    });
  }

  async purge(place: Place, what: "receive" | "transmit" | "both"): Promise<string> {
    const { acts } = this.console;
    acts.check("purge");
    return this.#recorded(place, place.visitor, "purge", { what }, () => acts.purge(what));
  }

  async #deed(place: Place | undefined, who: Actor, ask: ConsoleAsk, lent?: Lent): Promise<string> {
    this.#check(ask, false);
    const { acts } = this.console;
    const { name, ms, keys = [], line = "dtr", settings = "", text = "", forMs = CLOSED_MS } = ask;
    const recorded = (
      deed: Deed,
      asked: Readonly<Record<string, unknown>>,
      act: (turn: AbortSignal | undefined) => Promise<string>,
    ): Promise<string> => this.#recorded(place, who, deed, asked, act, lent);
    switch (ask.ask) {
      case "break":
        return recorded("break", { name, ms }, (turn) => acts.break(name, ms, turn));
      case "sysrq":
        return recorded("sysrq", { keys }, (turn) => acts.sysrq(keys, turn));
      case "pulse":
        return recorded("pulse", { line, ms }, (turn) => acts.pulse(line, ms, turn));
      case "line":
        return recorded("line", { settings }, async (turn) => {
          const done = await acts.line(settings, turn);
          await this.console.wire.set(place);
          return done;
        });
      case "close": {
        const reason = text === "" ? undefined : seemly(text, 300);
        const asked = { for: spanText(forMs), reason };
        return recorded("close", asked, () => acts.close(who.actor, forMs, reason));
      }
      case "open":
        return recorded("open", {}, () => acts.open());
      case "paste": {
        const characters = text.length;
        return recorded("paste", { characters }, (turn) => acts.paste(text, turn));
      }
      default:
        throw new ActRefused("invalid", `${ask.ask} needs somebody who is attached`);
    }
  }

  /**
   * Refuses what could not be done anyway, before anything is written down or taken from anybody.
   * @param take whether whoever types will have stopped by then, and so what they paste
   */
  #check({ ask, name, keys, line, settings, text }: ConsoleAsk, take: boolean): void {
    const { acts, far } = this.console;
    switch (ask) {
      case "break":
        return acts.check("break", name);
      case "sysrq":
        if (!keys?.length) throw new ActRefused("invalid", "name the keys, for example sync");
        return acts.check("sysrq");
      case "pulse":
        if (!line) throw new ActRefused("invalid", "name the line: dtr or rts");
        return acts.check(line);
      case "line":
        if (!settings) throw new ActRefused("invalid", "name the settings, for example 115200,8n1");
        acts.check("line");
        return void readLineSettings(settings, far.condition?.line, far.condition?.declaredLine);
      case "paste":
        if (!text) throw new ActRefused("invalid", "there is nothing to paste");
        if (!take) return acts.check("paste");
        if (far.refusal) throw far.refusal;
        return undefined;
      default:
        return undefined;
    }
  }

  /**
   * Asks whether they may, writes down that they do, asks again because that took a while, does it, and writes down
   * when it failed.
   * @param lent what somebody has who is not attached
   */
  async #recorded(
    place: Place | undefined,
    who: Actor,
    deed: Deed,
    asked: Readonly<Record<string, unknown>>,
    act: (turn: AbortSignal | undefined) => Promise<string>,
    lent?: Lent,
  ): Promise<string> {
    if (place) await this.#writing(place, deed);
    const turn = place?.turn ?? lent?.turn;
    const data = Object.fromEntries(Object.entries(asked).filter(([, one]) => one !== undefined));
    await this.#record(who, deed, data);
    let marked: string | undefined;
    try {
      if (place) this.#still(place, "console-write");
      const verdict = lent?.may?.() ?? true;
      if (verdict !== true) throw new ActRefused("not-allowed", `it was not done: ${verdict}`);
      if (turn?.aborted) throw new ActRefused("not-writing", this.#tooLate());
      // Before it is done: what the machine answers comes after it.
      marked = `${deed} by ${who.actor}${summary(data)}`;
      this.console.mark(marked);
      return await act(turn);
    } catch (error) {
      const failed = error instanceof ActRefused ? error.code : "defect";
      const why = error instanceof ActRefused ? seemly(error.message, 300) : failed;
      if (marked !== undefined) this.console.mark(`${marked} failed: ${why}`);
      await this.#note(who, deed, { ...data, failed });
      throw error;
    }
  }

  async #power(place: Place, { action, text }: ConsoleAsk): Promise<string> {
    if (!action) throw new ActRefused("invalid", "name the action, for example PowerCycle");
    await this.#right(place, "power", "power");
    const reason = text === undefined ? undefined : seemly(text);
    await this.#record(place.visitor, "power", { action, ...(reason ? { reason } : {}) });
    try {
      this.#still(place, "power");
    } catch (error) {
      if (error instanceof ActRefused) {
        await this.#note(place.visitor, "power", { action, failed: error.code });
      }
      throw error;
    }
    return this.console.parts.power(this.console.node, action, place.visitor, reason);
  }

  async #message(place: Place, text: string | undefined): Promise<string> {
    await this.#right(place, "console-read", "message");
    return this.#say(place.visitor.actor, text);
  }

  #say(actor: string, text = ""): string {
    const said = seemly(text, 1000);
    if (said === "") throw new ActRefused("invalid", "the message is empty");
    const heard = this.console.tellAll({ told: "notice", text: `${actor}: ${said}` });
    return `${heard} ${heard === 1 ? "session has" : "sessions have"} been told`;
  }

  async #disconnect(place: Place, { session, text }: ConsoleAsk): Promise<string> {
    const other = this.console.placeOf(session);
    if (!other) throw new ActRefused("not-found", "no such session is at this console");
    if (other.visitor.actor !== place.visitor.actor) {
      await this.#right(place, "console-write", "disconnect");
    }
    return this.disconnect(other, place.visitor, text, () => {
      const isTheirs = other.visitor.actor === place.visitor.actor;
      this.#still(place, isTheirs ? "console-read" : "console-write");
    });
  }

  /** @param still throws ActRefused where it may not be done any more once it is written down */
  async disconnect(
    other: Place,
    by: Actor,
    reason: string | undefined,
    still: () => void = () => undefined,
  ): Promise<string> {
    const why = reason === undefined ? "" : `: ${seemly(reason)}`;
    const data = { session: other.session, whom: other.visitor.actor };
    await this.#record(by, "disconnect", data);
    try {
      still();
    } catch (error) {
      if (error instanceof ActRefused) {
        await this.#note(by, "disconnect", { ...data, failed: error.code });
      }
      throw error;
    }
    this.console.leave(other, `disconnected by ${by.actor}`, {
      code: "disconnected",
      text: `${by.actor} has disconnected you${why}`,
    });
    return `${other.visitor.actor} was disconnected`;
  }

  async #writing(place: Place, deed: Deed): Promise<void> {
    await this.#right(place, "console-write", deed);
    if (!place.writes) throw new ActRefused("not-writing", this.console.whyNotWriting());
  }

  /** Writing something down took a while. @throws ActRefused where it is not theirs to do any more */
  #still(place: Place, right: Right): void {
    if (place.ended) throw new ActRefused("aborted", "it was not done: you have left");
    const verdict = place.may(right);
    if (verdict !== true) throw new ActRefused("not-allowed", `it was not done: ${verdict}`);
  }

  #tooLate(): string {
    return `it was not done, because it is not your turn any more: ${this.console.whyNotWriting()}`;
  }

  async #right(place: Place, right: Right, deed: ConsoleAct): Promise<void> {
    const verdict = place.may(right);
    if (verdict === true) return;
    await this.#note(place.visitor, deed, { refused: "not-allowed" });
    throw new ActRefused("not-allowed", verdict);
  }

  /** @throws ActRefused `not-recorded`: it is not done then */
  #record(who: Actor, deed: ConsoleAct, data: Readonly<Record<string, unknown>>): Promise<void> {
    return this.console.record(auditEntry(who, deed, this.console.node, { data }));
  }

  /** What came of it. That it cannot be written changes nothing any more. */
  async #note(
    who: Actor,
    deed: ConsoleAct,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const entry = auditEntry(who, deed, this.console.node, { stage: "outcome", data });
    await this.console.note(entry);
  }
}

const ref = (ask: ConsoleAsk): { readonly ref?: number } =>
  ask.ref === undefined ? {} : { ref: ask.ref };

function summary(data: Readonly<Record<string, unknown>>): string {
  const parts = Object.values(data).filter((one) => typeof one !== "object" || Array.isArray(one));
  return parts.length === 0 ? "" : ` (${parts.map(String).join(", ")})`;
}
