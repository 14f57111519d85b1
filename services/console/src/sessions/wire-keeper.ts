import type { WireSettings } from "@outrider/console-link/console-stream";
import { ActRefused } from "./act-refused.js";
import type { Console } from "./console.js";
import { lineText } from "./line-settings.js";
import type { Place } from "./place.js";

/**
 * Who has set the wire to something else than the site declares. When the last of them has left, it has what is
 * declared again: a client that wanted another speed for a while leaves no console behind that nobody can read. So it is with DTR and RTS.
 */
export class WireKeeper {
  readonly #setters = new Set<Place>();
  /** It is to be set back, and could not be yet: also where this service has died under whoever had set it. */
  #isOwed: boolean;
  /** Who has set DTR or RTS. */
  readonly #switchers = new Set<Place>();
  #isRestOwed: boolean;

  constructor(private readonly console: Console) {
    const { line, control } = console.parts.wires.of(console.node);
    this.#isOwed = line;
    this.#isRestOwed = control;
  }

  /** Present and declared settings, while they differ. */
  get change(): { readonly present: WireSettings; readonly declared: WireSettings } | undefined {
    const { line: present, declaredLine: declared } = this.console.far.condition ?? {};
    if (!present || !declared || lineText(present) === lineText(declared)) return undefined;
    return { present, declared };
  }

  /**
   * The wire was set. Resolves when that would be remembered if this service died.
   * @param place undefined: by somebody who is not attached, and wants it to stay so
   */
  async set(place: Place | undefined): Promise<void> {
    this.#isOwed = false;
    if (!place || !this.change) {
      this.#setters.clear();
      return this.#remember();
    }
    this.#setters.add(place);
    await this.#remember();
    // They left while it was being done.
    if (place.ended) this.left(place);
  }

  /** DTR or RTS were set by somebody. Resolves as {@link set}. */
  async switched(place: Place): Promise<void> {
    this.#isRestOwed = false;
    this.#switchers.add(place);
    await this.#remember();
    if (place.ended) this.left(place);
  }

  left(place: Place): void {
    if (this.#setters.delete(place) && this.#setters.size === 0) this.#isOwed = true;
    if (this.#switchers.delete(place) && this.#switchers.size === 0) this.#isRestOwed = true;
    this.look();
  }

  /** The far end may have come back. */
  look(): void {
    if (this.#isRestOwed && this.console.far.problem === undefined) {
      this.#isRestOwed = false;
      void this.#rest();
    }
    if (!this.#isOwed || this.console.far.problem !== undefined) return;
    const { change } = this;
    this.#isOwed = false;
    if (change) void this.#setBack(change.declared);
    else void this.#remember();
  }

  async #setBack(declared: WireSettings): Promise<void> {
    const { acts, parts } = this.console;
    try {
      await acts.line("declared");
      void this.#remember();
      const text = `the line has ${lineText(declared)} again, as the site declares, because who changed it has left`;
      this.console.mark(text);
      this.console.tellAll({ told: "notice", text });
    } catch (error) {
      if (!(error instanceof ActRefused)) return parts.defect(error);
      this.#isOwed = true;
      parts.log.warn({ node: this.console.node, err: error }, "a line could not be set back");
    }
  }

  async #rest(): Promise<void> {
    const { acts, parts, node } = this.console;
    try {
      await acts.rest();
      void this.#remember();
    } catch (error) {
      if (!(error instanceof ActRefused)) return parts.defect(error);
      // An agent that is too old for it would not do it later either.
      this.#isRestOwed = error.code !== "unsupported";
      void this.#remember();
      parts.log.warn({ node, err: error }, "DTR and RTS could not be set back");
    }
  }

  #remember(): Promise<void> {
    const { node, parts } = this.console;
    const line = this.#setters.size > 0 || this.#isOwed;
    const control = this.#switchers.size > 0 || this.#isRestOwed;
    return parts.wires.keep(node, { line, control });
  }
}
