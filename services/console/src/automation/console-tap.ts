import type { ConsoleState } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { TextLine } from "../log/console-log.js";
import type { LogItem } from "../log/log-format.js";
import type { StageFinding } from "../stages/stage-tracker.js";

/**
 * Listens to all consoles, for what watches them. Called on the way of every byte: cheap, and never throws. What is
 * left out is not called.
 */
export interface ConsoleTap {
  /** What the log of a console took, in order. */
  bytes?(node: NodeId, items: readonly LogItem[]): void;
  /** A line of the cleaned text has ended. */
  line?(node: NodeId, line: TextLine): void;
  /** What stands on the line that has not ended, when nothing has come for a while. */
  prompt?(node: NodeId, line: TextLine): void;
  /** A stage, a boot, a sign or a fact was recognised. */
  finding?(node: NodeId, finding: StageFinding): void;
  /** What is published of a console has changed. */
  state?(node: NodeId, state: ConsoleState): void;
}

/** Everybody who listens to all consoles. */
export class ConsoleTaps {
  #taps: readonly ConsoleTap[] = [];

  add(tap: ConsoleTap): Disposable {
    this.#taps = [...this.#taps, tap];
    return {
      [Symbol.dispose]: () => {
        this.#taps = this.#taps.filter((one) => one !== tap);
      },
    };
  }

  bytes(node: NodeId, items: readonly LogItem[]): void {
    for (const tap of this.#taps) tap.bytes?.(node, items);
  }
  line(node: NodeId, line: TextLine): void {
    for (const tap of this.#taps) tap.line?.(node, line);
  }
  prompt(node: NodeId, line: TextLine): void {
    for (const tap of this.#taps) tap.prompt?.(node, line);
  }
  finding(node: NodeId, finding: StageFinding): void {
    for (const tap of this.#taps) tap.finding?.(node, finding);
  }
  state(node: NodeId, state: ConsoleState): void {
    for (const tap of this.#taps) tap.state?.(node, state);
  }
}
