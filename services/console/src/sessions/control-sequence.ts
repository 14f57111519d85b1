/**
 * Which control sequences (ECMA-48 CSI) a terminal may be shown. What is not listed is not shown: a terminal does
 * much that has nothing to do with showing text.
 */

/**
 * - `show`: moves, erases, colours.
 * - `ask`: the terminal would answer by typing, or type by itself afterwards. Only who types may be shown it.
 * - `drop`: windows, titles, printers, keyboards, and what is not known.
 */
export type Verdict = "show" | "ask" | "drop";

/** What a control sequence is made of: `ESC [`, prefix, numbers, intermediates, final. */
export interface ControlSequence {
  /** One of `<=>?`, or nothing. */
  readonly prefix: string;
  /** Numbers with `;` and `:`. */
  readonly parameters: string;
  readonly intermediates: string;
  readonly final: string;
}

/** Keys: prefix, intermediates, final. */
const SHOWN = new Set([
  ..."@ABCDEFGHIJKLMPSTXZ`abdefgmqrsu",
  "?J",
  "?K",
  "?W",
  " @",
  " A",
  " q",
  "!p",
  '"q',
  "$r",
  "$t",
  "$v",
  "$x",
  "$z",
  "${",
  "'}",
  "'~",
  "*x",
]);

/** Device attributes, status reports, mode requests, version: each is answered as if typed. */
const ASKS = new Set(["c", ">c", "=c", "n", "?n", "x", "$p", "?$p", ">q", "$w"]);

/** Mouse and focus: the terminal then types by itself when the mouse moves or the window is chosen. */
const TYPING_MODES = new Set([9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016]);
/** Columns and their switch; held output; reports of size and colours; keys as Windows codes them. */
const DROPPED_PRIVATE_MODES = new Set([3, 40, 2026, 2031, 2048, 9001]);
/** The keyboard locked, echo by the terminal itself. */
const DROPPED_MODES = new Set([2, 12]);

/** A repetition this often is no text any more, and terminals take their time over it. */
const MANY_DIGITS = /\d{6}/;

/** Reads a whole sequence, without its introducer. Undefined when it is none. */
export function readSequence(text: string): ControlSequence | undefined {
  const match = /^([<-?]?)([0-;]*)([ -/]*)([@-~])$/.exec(text);
  if (!match) return undefined;
  const [, prefix = "", parameters = "", intermediates = "", final = ""] = match;
  return { prefix, parameters, intermediates, final };
}

/** What becomes of a sequence for somebody who types, and for others; undefined: it is not shown. */
export function judge(text: string): { readonly writer?: string; readonly viewers?: string } {
  const sequence = readSequence(text);
  if (!sequence || MANY_DIGITS.test(sequence.parameters)) return {};
  const { prefix, intermediates, final, parameters } = sequence;
  if ((final === "h" || final === "l") && intermediates === "") return modes(sequence);
  const key = `${prefix}${intermediates}${final}`;
  if (SHOWN.has(key)) return { writer: text, viewers: text };
  // `CSI ? 25 n` and the like ask too; a checksum of the screen (`* y`) would type what stands there: never.
  if (ASKS.has(key)) return { writer: `${prefix}${parameters}${intermediates}${final}` };
  return {};
}

function modes({ prefix, parameters, final }: ControlSequence): {
  readonly writer?: string;
  readonly viewers?: string;
} {
  if (prefix !== "" && prefix !== "?") return {};
  const dropped = prefix === "?" ? DROPPED_PRIVATE_MODES : DROPPED_MODES;
  const writer = parameters.split(";").filter((one) => !dropped.has(Number(one)));
  const viewers = prefix === "?" ? writer.filter((one) => !TYPING_MODES.has(Number(one))) : writer;
  const put = (numbers: readonly string[]): string | undefined =>
    numbers.length === 0 ? undefined : `${prefix}${numbers.join(";")}${final}`;
  const [forWriter, forViewers] = [put(writer), put(viewers)];
  return {
    ...(forWriter === undefined ? {} : { writer: forWriter }),
    ...(forViewers === undefined ? {} : { viewers: forViewers }),
  };
}
