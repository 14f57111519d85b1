import type { NodeId } from "@outrider/contracts/ids";
import type { Bar } from "./admission.js";

/** A rung that switches a supply on. */
export interface Start {
  /** Of its run: a run has at most one start at a time. */
  readonly key: string;
  readonly node: NodeId;
  /** Whether it finishes what was begun; such starts go first. */
  readonly owed: boolean;
  /** Whether the supply is switched off first: such a start takes its time, and its On has no deadline. */
  readonly cycles?: boolean | undefined;
}

/** Whoever asks for starts. */
export interface Starters {
  /** A start that waited may go: its slot is taken. */
  slotGranted(start: Start): void;
  /** A start that waited will never be made: what it draws is more than the whole budget, as `why` says. */
  neverFits(start: Start, why: string): void;
  /** What a start waits for, at most once a second. */
  waits(start: Start, why: string): void;
  /** Whether a command under way on a node has yet to bring it back: what the node draws is kept for it. */
  owesStart(node: NodeId): boolean;
}

/** What paces the starts of power domains. */
export interface Starts {
  /** Tells this one what becomes of starts that wait. */
  follow(starters: Starters): void;
  /**
   * Takes a slot, or a place in the queue of the node's domain. Repeating it changes nothing.
   * @returns what it waits for; undefined when the start may go now, its slot being taken
   */
  request(start: Start): string | undefined;
  /** A start that is under way already: it holds a slot, whatever the limits say. */
  hold(start: Start): void;
  /**
   * The rung of a start is over.
   * @param started whether the supply may have been switched on: its slot is then held for the domain's start duration
   */
  ended(key: string, started: boolean): void;
  /** A start that was not and will not be made. */
  withdraw(key: string): void;
  /** Why the domain could never have room for a start of this node. */
  refusal(node: NodeId): Bar | undefined;
}
