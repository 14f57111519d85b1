import { ActRefused } from "./act-refused.js";
import { auditEntry, type Actor } from "./console-audit.js";
import type { Console } from "./console.js";
import type { Place } from "./place.js";
import { seemly } from "./seemly.js";

/** Somebody who is not attached does something in the place of whoever types. */
interface Borrowing {
  readonly who: Actor;
  /** Who types again afterwards. */
  lender: Place | undefined;
  /** Aborted when somebody else takes the console meanwhile. */
  readonly over: AbortController;
}

/** Who types at a console, and how that changes hands: written down before it does, and told to everybody. */
export class Turn {
  #writer: Place | undefined;
  #borrowing: Borrowing | undefined;

  constructor(private readonly console: Console) {}

  get writer(): Place | undefined {
    return this.#writer;
  }

  /** Types if nobody else does. @throws ActRefused `busy` */
  async write(place: Place): Promise<string> {
    if (place.writes) return "you type already";
    if (this.holder) throw new ActRefused("busy", this.whyNot());
    await this.console.note(auditEntry(place.visitor, "write", this.console.node));
    // Recording took a moment, in which others may have come.
    if (this.holder) throw new ActRefused("busy", this.whyNot());
    this.#checkTaker(place);
    this.give(place, undefined);
    return "you type now";
  }

  /** Types from now on; whoever did is told by whom they lost it. @throws ActRefused */
  async take(place: Place): Promise<string> {
    if (place.writes) return "you type already";
    let from: string | undefined;
    while (this.isOthers(from)) from = await this.recordTake(place.visitor);
    this.#checkTaker(place);
    const loser = this.#writer;
    this.give(place, loser);
    return loser ? `you type now; ${loser.visitor.actor} looks on` : "you type now";
  }

  /**
   * Lets somebody who is not attached do something in the place of whoever types, who types again when it is done.
   * @param take whether also while somebody types
   * @param act its signal is aborted when somebody else takes the console meanwhile
   * @throws ActRefused
   */
  async borrow(
    who: Actor,
    take: boolean,
    act: (turn: AbortSignal) => Promise<string>,
  ): Promise<string> {
    const holder = this.holder;
    if (holder !== undefined && !take) throw new ActRefused("busy", `${holder} types there`);
    let from: string | undefined;
    while (this.isOthers(from)) from = await this.recordTake(who);
    const lender = this.#writer ?? this.#borrowing?.lender;
    const borrowing: Borrowing = { who, lender, over: new AbortController() };
    this.#borrowing?.over.abort();
    this.#borrowing = borrowing;
    if (this.#writer) {
      const text = `${who.actor} does something here; you look on until it is done`;
      this.release(this.#writer, text);
    }
    try {
      return await act(borrowing.over.signal);
    } finally {
      this.#giveBack(borrowing);
    }
  }

  /** Looks on from now on. @param why for the person */
  release(place: Place, why: string): void {
    if (!place.writes) return;
    this.#writer = undefined;
    this.console.acts.interruptPaste();
    place.endTurn();
    place.told({ told: "mode", writes: false, text: why });
    this.#tellOthers(place, `${nameOf(place)} does not type any more; nobody does`);
    this.console.changed();
  }

  /** @param place whose place it is, where it may be that they are not allowed to */
  whyNot(place?: Place): string {
    const verdict = place?.may("console-write") ?? true;
    if (verdict !== true) return `you look on: ${verdict}`;
    const writer = this.#writer;
    if (this.#borrowing) {
      return `you look on while ${this.#borrowing.who.actor} does something here; try again in a moment`;
    }
    return writer
      ? `you look on; ${describe(writer)} types (idle ${Math.round(writer.idleMs / 1000)} s): take the console to type`
      : "you look on; ask to write to type";
  }

  /** Whose turn it is, if it is anybody's. */
  get holder(): string | undefined {
    return this.#borrowing?.who.actor ?? this.#writer?.visitor.actor;
  }

  /** Whether they may still have the turn that was written down as theirs. @throws ActRefused */
  #checkTaker(place: Place): void {
    if (place.ended) throw new ActRefused("aborted", "you have left");
    const verdict = place.may("console-write");
    if (verdict !== true) throw new ActRefused("not-allowed", verdict);
  }

  /** Whether somebody has the turn from whom it was not yet written down that it is taken. */
  isOthers(recorded: string | undefined): boolean {
    return this.holder !== undefined && this.holder !== recorded;
  }

  /** Writes down from whom somebody takes the console. @returns from whom @throws ActRefused `not-recorded` */
  async recordTake(who: Actor): Promise<string | undefined> {
    const from = this.holder;
    await this.console.record(auditEntry(who, "take", this.console.node, { data: { from } }));
    return from;
  }

  #giveBack(borrowing: Borrowing): void {
    if (this.#borrowing !== borrowing) return;
    this.#borrowing = undefined;
    const { lender, who } = borrowing;
    if (!lender || lender.ended || lender.may("console-write") !== true)
      return this.console.changed();
    this.give(lender, undefined, () =>
      lender.told({ told: "mode", writes: true, text: `${who.actor} is done; you type now` }),
    );
  }

  give(
    place: Place,
    loser: Place | undefined,
    tell: () => void = () => place.told({ told: "mode", writes: true }),
  ): void {
    this.console.acts.interruptPaste();
    this.#borrowing?.over.abort();
    this.#borrowing = undefined;
    loser?.endTurn();
    this.#writer = place;
    if (loser && loser !== place) {
      const text = `${describe(place)} has taken the console; you look on`;
      loser.told({ told: "mode", writes: false, text });
      this.console.mark(`${place.visitor.actor} took the console from ${loser.visitor.actor}`);
      this.console.parts.happened(this.console.node, {
        severity: "notice",
        kind: "console-taken",
        message: `${place.visitor.actor} took the console from ${loser.visitor.actor}`,
        data: { actor: place.visitor.actor, from: loser.visitor.actor, way: place.visitor.way },
      });
    }
    tell();
    for (const one of this.console.places) {
      if (one !== place && one !== loser) {
        one.told({ told: "notice", text: `${describe(place)} types now` });
      }
    }
    this.console.changed();
  }

  #tellOthers(place: Place, text: string): void {
    for (const one of this.console.places) if (one !== place) one.told({ told: "notice", text });
  }

  /** The one who types has left. @returns whether it was they */
  left(place: Place): boolean {
    if (this.#writer !== place) return false;
    this.#writer = undefined;
    this.console.acts.interruptPaste();
    return true;
  }

  /** Somebody came who would type, if nobody else did: they do once that is over. */
  wait(place: Place): void {
    if (this.#borrowing) this.#borrowing.lender ??= place;
  }

  /** Everything ends. */
  end(): void {
    this.console.acts.interruptPaste();
    this.#borrowing?.over.abort();
  }
}

const nameOf = (place: Place): string => place.visitor.actor;

function describe({ visitor: { actor, way, from } }: Place): string {
  return `${actor} (${way}${from === undefined ? "" : `, from ${seemly(from, 100)}`})`;
}
