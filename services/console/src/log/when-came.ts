import { CleanText, PAUSE_MICROS } from "./clean-text.js";
import type { TextLine } from "./console-log.js";
import { firstWhere, type EntryTable } from "./entry-table.js";
import { timeAt } from "./sealed-file.js";

const LF = 0x0a;

/** A place in a line of text. */
interface Found extends Pick<TextLine, "line" | "position" | "text"> {
  readonly from: number;
  readonly to: number;
}

/**
 * When a part of a line came. A line has the time of its first byte, but for what went on behind a pause: a prompt may
 * have stood there since yesterday when the kernel panics behind it. That line is written once more, pause by pause, to
 * see since when the part has stood there.
 */
export function whenCame(
  found: Found,
  stretch: { readonly first: number; readonly bytes: Buffer },
  times: Pick<EntryTable, "positions" | "micros">,
): number {
  const { first, bytes } = stretch;
  const feed = bytes.indexOf(LF, found.position - first);
  const end = feed < 0 ? first + bytes.length : first + feed + 1;
  const began = timeAt(times, found.position);
  const resumed = pauses(times, found.position, end);
  if (resumed.length === 0) return began;
  let text = "";
  const line = new CleanText({ line: found.line }, (whole) => (text ||= whole.text));
  const wanted = found.text.slice(found.from, found.to);
  const stands = (): boolean =>
    (text || (line.partial?.text ?? "")).slice(found.from, found.to) === wanted;
  let at = found.position;
  let micros = began;
  let since: number | undefined;
  for (const next of [...resumed, { position: end, micros: 0 }]) {
    line.feed(bytes.subarray(at - first, next.position - first), at, 0);
    if (!stands()) since = undefined;
    else since ??= micros;
    // A piece that is full: what follows is of another one.
    if (text !== "") break;
    at = next.position;
    micros = next.micros;
  }
  return since ?? micros;
}

/** Where in a stretch something came after a pause. */
function pauses(
  { positions, micros }: Pick<EntryTable, "positions" | "micros">,
  after: number,
  before: number,
): { readonly position: number; readonly micros: number }[] {
  const found = [];
  for (let index = firstWhere(positions, (at) => at > after); ; index++) {
    const position = positions[index];
    const at = micros[index];
    const last = micros[index - 1];
    if (position === undefined || at === undefined || position >= before) return found;
    if (last !== undefined && at - last > PAUSE_MICROS) found.push({ position, micros: at });
  }
}
