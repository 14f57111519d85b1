/**
 * Modes of a terminal (DEC private modes) that a far end may set and that make a shell unusable when they stay: other
 * screens, mouse reports, bracketed paste, focus reports.
 */
const LASTING = [47, 1047, 1049, 9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004];
/**
 * With a soft reset (DECSTR) colours, cursor, keypad and margins are as before; terminals that know none (the Linux
 * console) are told what counts: cursor keys and keypad of a shell, lines that wrap, a cursor that shows, no colours.
 */
const RESET = "\u001b[!p\u001b[?1l\u001b>\u001b[?7h\u001b[?25h\u001b[m";
const ESC = "\u001b";
// oxlint-disable-next-line no-control-regex -- it is a control sequence that is looked for
const SET = /\u001b\[\?([\d;]{1,40})([hl])/g;
/** Longest sequence that can be cut in two. */
const MEMORY = 48;

/** Sees which modes a console has set in a terminal, so that they can be undone when it is left. */
export class TerminalModes {
  readonly #set = new Set<number>();
  #recent = "";
  #isTouched = false;

  /** Whether anything was shown since the beginning, or since it was undone, but plain text. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  /** What the terminal is shown, in order, split anywhere. */
  saw(bytes: Uint8Array): void {
    if (this.#recent === "" && !bytes.includes(0x1b)) return;
    this.#isTouched = true;
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
    const last = text.lastIndexOf(ESC);
    this.#recent = last >= end && text.length - last <= MEMORY ? text.slice(last) : "";
  }

  /** What puts the terminal back as it was: nothing is set any more. */
  undo(): string {
    const modes = [...this.#set].map((mode) => `\u001b[?${mode}l`).join("");
    this.#set.clear();
    this.#recent = "";
    this.#isTouched = false;
    return `${modes}${RESET}`;
  }
}
