import type { IBufferCell, Terminal } from "@xterm/headless";

const ESC = "\u001b";

/** Each line without attributes, with no white space at its end. */
export function screenText(terminal: Terminal): string {
  const { active } = terminal.buffer;
  const lines: string[] = [];
  for (let row = 0; row < terminal.rows; row += 1) {
    lines.push(active.getLine(active.baseY + row)?.translateToString(true) ?? "");
  }
  return lines.join("\n");
}

/** What draws the screen anew on any terminal, the cursor where it is. */
export function screenAnsi(terminal: Terminal): string {
  const { active } = terminal.buffer;
  const { modes } = terminal;
  const out: string[] = [`${ESC}[!p`];
  if (active.type === "alternate") out.push(`${ESC}[?1049h`);
  out.push(`${ESC}[0m${ESC}[H${ESC}[2J`);
  const cell = active.getNullCell();
  let attributes = "0";
  for (let row = 0; row < terminal.rows; row += 1) {
    const line = active.getLine(active.baseY + row);
    if (!line) continue;
    const used = usedColumns(terminal, row);
    if (used === 0) continue;
    out.push(`${ESC}[${row + 1};1H`);
    for (let column = 0; column < used; column += 1) {
      const one = line.getCell(column, cell);
      if (!one || one.getWidth() === 0) continue;
      const wanted = attributesOf(one);
      if (wanted !== attributes) out.push(`${ESC}[${wanted}m`);
      attributes = wanted;
      out.push(one.getChars() === "" ? " " : one.getChars());
    }
  }
  out.push(`${ESC}[0m${ESC}[${active.cursorY + 1};${active.cursorX + 1}H`);
  if (modes.applicationCursorKeysMode) out.push(`${ESC}[?1h`);
  if (modes.applicationKeypadMode) out.push(`${ESC}=`);
  if (modes.bracketedPasteMode) out.push(`${ESC}[?2004h`);
  return out.join("");
}

/** Columns up to the last that shows something. */
function usedColumns(terminal: Terminal, row: number): number {
  const { active } = terminal.buffer;
  const line = active.getLine(active.baseY + row);
  if (!line) return 0;
  const cell = active.getNullCell();
  for (let column = terminal.cols - 1; column >= 0; column -= 1) {
    const one = line.getCell(column, cell);
    if (one && (one.getChars() !== "" || !one.isBgDefault() || one.isInverse() !== 0)) {
      return column + 1;
    }
  }
  return 0;
}

/** As SGR takes them, from a clean start. */
function attributesOf(cell: IBufferCell): string {
  const on: (number | string)[] = [0];
  if (cell.isBold()) on.push(1);
  if (cell.isDim()) on.push(2);
  if (cell.isItalic()) on.push(3);
  if (cell.isUnderline()) on.push(4);
  if (cell.isBlink()) on.push(5);
  if (cell.isInverse()) on.push(7);
  if (cell.isInvisible()) on.push(8);
  if (cell.isStrikethrough()) on.push(9);
  if (!cell.isFgDefault()) on.push(colour(38, cell.isFgRGB(), cell.getFgColor()));
  if (!cell.isBgDefault()) on.push(colour(48, cell.isBgRGB(), cell.getBgColor()));
  return on.join(";");
}

function colour(which: number, isRgb: boolean, value: number): string {
  if (!isRgb) return `${which};5;${value}`;
  return `${which};2;${(value >> 16) & 255};${(value >> 8) & 255};${value & 255}`;
}
