import { OPTION, type Verb } from "./telnet-codes.js";

/** On whose side an option is in force: `us` (WILL, WONT) or `them` (DO, DONT). */
export type Side = "us" | "them";

/** What came of a verb that was received, or of a wish. */
export interface Negotiated {
  /** To be sent, if anything. */
  readonly send?: { readonly verb: Verb; readonly option: number };
  /** The option was switched; on our side only once the far end agreed too. */
  readonly changed?: { readonly side: Side; readonly option: number; readonly on: boolean };
}

/** The queue of RFC 1143: at most one wish, the opposite of the one that is under way. */
type QState = "no" | "yes" | "want-no" | "want-no-opposite" | "want-yes" | "want-yes-opposite";

const NOTHING: Negotiated = {};

/**
 * Which options are in force on each side of one connection, by the Q method of RFC 1143: whatever the far end says,
 * each verb is answered with one at most, a state that holds is never confirmed, and no two ends can loop.
 */
export class OptionNegotiation {
  readonly #states = { us: new Map<number, QState>(), them: new Map<number, QState>() };
  readonly #agreeable: Readonly<Record<Side, ReadonlySet<number>>>;

  /** @param agreeable what is agreed to when the far end wants it; all else is refused */
  constructor(
    agreeable: { readonly us?: Iterable<number>; readonly them?: Iterable<number> } = {},
  ) {
    this.#agreeable = { us: new Set(agreeable.us), them: new Set(agreeable.them) };
  }

  /** Whether both ends agreed that the option is on. */
  isOn(side: Side, option: number): boolean {
    return this.#state(side, option) === "yes";
  }

  /** Whether it was asked for and the far end has not yet answered. */
  isPending(side: Side, option: number): boolean {
    return this.#state(side, option).startsWith("want");
  }

  /** This end wants an option on or off. Sends nothing when it is so already or is being asked for. */
  want(side: Side, option: number, on: boolean): Negotiated {
    const state = this.#state(side, option);
    switch (state) {
      case "no":
        if (!on) return NOTHING;
        return this.#asked(side, option, on);
      case "yes":
        if (on) return NOTHING;
        return this.#asked(side, option, on);
      case "want-no":
      case "want-no-opposite":
        return this.#set(side, option, on ? "want-no-opposite" : "want-no");
      case "want-yes":
      case "want-yes-opposite":
        return this.#set(side, option, on ? "want-yes" : "want-yes-opposite");
    }
  }

  /** The far end has said something. */
  receive(verb: Verb, option: number): Negotiated {
    const side: Side = verb === "do" || verb === "dont" ? "us" : "them";
    const on = verb === "do" || verb === "will";
    // RFC 860: a mark in the stream that is answered each time, and never a state.
    if (option === OPTION.TIMING_MARK) {
      return verb === "do" ? { send: { verb: "will", option } } : NOTHING;
    }
    return on ? this.#on(side, option) : this.#off(side, option);
  }

  #on(side: Side, option: number): Negotiated {
    switch (this.#state(side, option)) {
      case "no":
        if (!this.#agreeable[side].has(option)) {
          return { send: { verb: verbOf(side, false), option } };
        }
        this.#set(side, option, "yes");
        return { send: { verb: verbOf(side, true), option }, changed: { side, option, on: true } };
      case "yes":
        return NOTHING;
      case "want-no":
        // An answer that is none (RFC 1143: "DONT answered by WILL"); off it is.
        return this.#set(side, option, "no", false);
      case "want-no-opposite":
        return this.#set(side, option, "yes", true);
      case "want-yes":
        return this.#set(side, option, "yes", true);
      case "want-yes-opposite":
        this.#set(side, option, "want-no");
        return { send: { verb: verbOf(side, false), option } };
    }
  }

  #off(side: Side, option: number): Negotiated {
    switch (this.#state(side, option)) {
      case "no":
        return NOTHING;
      case "yes":
        this.#set(side, option, "no");
        return {
          send: { verb: verbOf(side, false), option },
          changed: { side, option, on: false },
        };
      case "want-no":
        return this.#set(side, option, "no", false);
      case "want-no-opposite":
        this.#set(side, option, "want-yes");
        return { send: { verb: verbOf(side, true), option }, changed: { side, option, on: false } };
      case "want-yes":
      case "want-yes-opposite":
        return this.#set(side, option, "no", false);
    }
  }

  #asked(side: Side, option: number, on: boolean): Negotiated {
    this.#set(side, option, on ? "want-yes" : "want-no");
    return { send: { verb: verbOf(side, on), option } };
  }

  #set(side: Side, option: number, state: QState, on?: boolean): Negotiated {
    this.#states[side].set(option, state);
    return on === undefined ? NOTHING : { changed: { side, option, on } };
  }

  #state(side: Side, option: number): QState {
    return this.#states[side].get(option) ?? "no";
  }
}

/** How this end says that it wants, or agrees to, an option on or off. */
function verbOf(side: Side, on: boolean): Verb {
  if (side === "us") return on ? "will" : "wont";
  return on ? "do" : "dont";
}
