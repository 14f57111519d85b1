import type { WireSettings } from "@outrider/console-link/console-stream";
import { ActRefused } from "./act-refused.js";
import type { Console } from "./console.js";
import { lineText } from "./line-settings.js";
import type { Place } from "./place.js";

/**
 * Who has set the wire to something else than the site declares. When the last of them has left, it has what is
 * declared again: a client that wanted another speed for a while leaves no console behind that nobody can read.
 */
export class WireKeeper {
  readonly #setters = new Set<Place>();
  /** It is to be set back, and could not be yet: also where this service has died under whoever had set it. */
  #isOwed: boolean;

  constructor(private readonly console: Console) {
    this.#isOwed = console.parts.wires.of(console.node).line;
  }

  /** Present and declared settings, while they differ. */
  get change(): { readonly present: WireSettings; readonly declared: WireSettings } | undefined {
    const { line: present, declaredLine: declared } = this.console.far.condition ?? {};
    if (!present || !declared || lineText(present) === lineText(declared)) return undefined;
    return { present, declared };
  }

  /** The wire was set. @param place undefined: by somebody who is not attached, and wants it to stay so */
  set(place: Place | undefined): void {
    this.#isOwed = false;
    if (!place || !this.change) {
      this.#setters.clear();
      return this.#remember();
    }
    this.#setters.add(place);
    this.#remember();
    // They left while it was being done.
    if (place.ended) this.left(place);
  }

  left(place: Place): void {
    if (!this.#setters.delete(place) || this.#setters.size > 0) return;
    this.#isOwed = true;
    this.look();
  }

  /** The far end may have come back. */
  look(): void {
    if (!this.#isOwed || this.console.far.problem !== undefined) return;
    const { change } = this;
    this.#isOwed = false;
    if (change) void this.#setBack(change.declared);
    else this.#remember();
  }

  async #setBack(declared: WireSettings): Promise<void> {
    const { acts, parts } = this.console;
    try {
      await acts.line("declared");
      this.#remember();
      const text = `the line has ${lineText(declared)} again, as the site declares, because who changed it has left`;
      this.console.mark(text);
      this.console.tellAll({ told: "notice", text });
    } catch (error) {
      if (!(error instanceof ActRefused)) return parts.defect(error);
      this.#isOwed = true;
      parts.log.warn({ node: this.console.node, err: error }, "a line could not be set back");
    }
  }

  #remember(): void {
    const { node, parts } = this.console;
    const line = this.#setters.size > 0 || this.#isOwed;
    parts.wires.keep(node, { ...parts.wires.of(node), line });
  }
}
