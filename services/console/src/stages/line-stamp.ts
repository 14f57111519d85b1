const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const LONGEST_STAMP = 24;

/**
 * A line without white space and times before it: `[    1.234567] ` and `[    1.234567][    T1] ` of Linux, `<6>` of its
 * log levels, `  5.12 ` of the Raspberry Pi's bootloader. By hand, because every line of every console comes through here.
 */
export function withoutStamp(text: string): string {
  let at = skipSpaces(text, 0);
  if (text.charCodeAt(at) === 0x3c && text.charCodeAt(at + 2) === 0x3e) at += 3;
  for (let stamps = 0; stamps < 2; stamps++) {
    const end = bracketEnd(text, at);
    if (end < 0) break;
    at = end;
  }
  at = skipSpaces(text, at);
  const seconds = secondsEnd(text, at);
  return text.slice(seconds < 0 ? at : skipSpaces(text, seconds));
}

/** Whether a text begins with the time of a kernel's message. */
export function isStamped(text: string): boolean {
  return bracketEnd(text, skipSpaces(text, 0)) >= 0;
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === SPACE) at++;
  return at;
}

/** After `[    1.234567]` or `[    T1]`; -1 where there is neither. */
function bracketEnd(text: string, from: number): number {
  if (text.charCodeAt(from) !== 0x5b) return -1;
  let digits = 0;
  for (let at = from + 1; at < from + LONGEST_STAMP; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5d) return digits > 0 ? at + 1 : -1;
    if (code >= DIGIT_0 && code <= DIGIT_9) digits++;
    // A thread or a processor: T1, C0.
    else if (code !== SPACE && code !== 0x2e && code !== 0x54 && code !== 0x43) return -1;
  }
  return -1;
}

/** After `5.12 `; -1 where there is none. */
function secondsEnd(text: string, from: number): number {
  let at = from;
  while (at < from + 8 && isDigit(text.charCodeAt(at))) at++;
  if (at === from || text.charCodeAt(at) !== 0x2e) return -1;
  const isStamp =
    isDigit(text.charCodeAt(at + 1)) &&
    isDigit(text.charCodeAt(at + 2)) &&
    text.charCodeAt(at + 3) === SPACE;
  return isStamp ? at + 4 : -1;
}

const isDigit = (code: number): boolean => code >= DIGIT_0 && code <= DIGIT_9;
