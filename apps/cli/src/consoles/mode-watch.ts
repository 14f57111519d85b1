/**
 * Modes of a terminal (DEC private modes) that a far end may set and that make a shell unusable when they stay: other
 * screens, mouse reports, bracketed paste, focus reports.
 */
const LASTING = [47, 1047, 1049, 9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004];
// oxlint-disable-next-line no-control-regex -- it is a control sequence that is looked for
const SET = /\u001b\[\?([\d;]{1,40})([hl])/g;
/** Longest sequence that can be cut in two. */
const MEMORY = 48;

/** Sees which modes a console has set in a terminal, so that they can be undone when it is left. */
export class ModeWatch {
  readonly #set = new Set<number>();
  #recent = "";

  saw(bytes: Uint8Array): void {
    const text = this.#recent + Buffer.from(bytes).toString("latin1");
    let end = 0;
    for (const match of text.matchAll(SET)) {
      end = match.index + match[0].length;
      for (const mode of (match[1] ?? "").split(";").map(Number)) {
        if (!LASTING.includes(mode)) continue;
        if (match[2] === "h") this.#set.add(mode);
        else this.#set.delete(mode);
      }
    }
    this.#recent = text.slice(Math.max(end, text.length - MEMORY));
  }

  /** What puts the terminal back: the modes, and with a soft reset (DECSTR) colours, cursor and margins. */
  undo(): string {
    const modes = [...this.#set].map((mode) => `\u001b[?${mode}l`).join("");
    return `${modes}\u001b[!p`;
  }
}
