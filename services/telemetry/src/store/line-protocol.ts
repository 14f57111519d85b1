import { NAME_LIMIT } from "./store.js";

/**
 * InfluxDB's line protocol. A series key (`measurement,tag=value,…` with its tags in order) also names series inside
 * this process: it is the same for the same measurement and tags, and can be read again.
 */

const CONTROLS = /[\u0000-\u001f\u007f]/;
const IN_MEASUREMENT = /[, ]/g;
const IN_NAME = /[,= ]/g;
const NEEDS_ESCAPE = /[,= ]/;

/** A backslash that would be taken for part of an escape. */
const BEFORE_SPECIAL = /\\(?:[,= ]|$)/;

function isText(text: string): boolean {
  return (
    text.length > 0 && text.length <= NAME_LIMIT && !CONTROLS.test(text) && text.isWellFormed()
  );
}

/**
 * Whether the protocol can carry the name of a measurement, tag or field. It has no way to say a line break, nor a
 * backslash that InfluxDB reads the same in each of them; `time` is the column of the time.
 */
export function isName(text: string): boolean {
  return isText(text) && !text.includes("\\") && text !== "time";
}

/** Whether the protocol can carry the value of a tag. */
export function isValue(text: string): boolean {
  return isText(text) && !(text.includes("\\") && BEFORE_SPECIAL.test(text));
}

/** @returns undefined when a name cannot be carried. A tag without a value is none. */
export function seriesKey(
  measurement: string,
  tags: Readonly<Record<string, string>>,
): string | undefined {
  if (!isName(measurement) || measurement.startsWith("#")) return undefined;
  let key = measurement.replace(IN_MEASUREMENT, "\\$&");
  const names = Object.keys(tags);
  if (names.length > 1) names.sort();
  for (const name of names) {
    const value = tags[name];
    if (value === undefined || value === "") continue;
    if (!isName(name) || !isValue(value)) return undefined;
    key += `,${escapeName(name)}=${escapeName(value)}`;
  }
  return key;
}

export function escapeName(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replace(IN_NAME, "\\$&") : text;
}

/** @param key what {@link seriesKey} gave */
export function readSeriesKey(key: string): {
  readonly measurement: string;
  readonly tags: Record<string, string>;
} {
  const [measurement = "", ...pairs] = splitAt(key, ",");
  const tags: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const pair of pairs) {
    const [name = "", value = ""] = splitAt(pair, "=");
    tags[unescape(name)] = unescape(value);
  }
  return { measurement: unescape(measurement), tags };
}

/** One line. @param fields already looked at by {@link isName} */
export function lineOf(
  key: string,
  fields: readonly (readonly [string, number])[],
  atMs: number,
  text: string | undefined,
): string {
  let line = `${key} `;
  let first = true;
  for (const [name, value] of fields) {
    line += `${first ? "" : ","}${escapeName(name)}=${value}`;
    first = false;
  }
  if (text !== undefined) line += `${first ? "" : ","}${TEXT_FIELD}="${quoted(text)}"`;
  return `${line} ${atMs}\n`;
}

/** The field that a text is kept in. */
export const TEXT_FIELD = "message";

/** Lines as {@link lineOf} makes them, without their texts; lines with nothing else are left out. */
export function withoutTexts(lines: string): string {
  let rest = "";
  for (const line of lines.split("\n")) {
    const end = line.lastIndexOf(" ");
    // Numbers end in no quotation mark, and within a text each has a backslash before it.
    if (line[end - 1] !== '"') rest += line === "" ? "" : `${line}\n`;
    else {
      const at = line.lastIndexOf(`${TEXT_FIELD}="`);
      if (line[at - 1] === ",") rest += `${line.slice(0, at - 1)}${line.slice(end)}\n`;
    }
  }
  return rest;
}

/** A line break in a text would not hurt the protocol, but whoever counts lines. */
function quoted(text: string): string {
  return text
    .toWellFormed()
    .replace(/["\\]/g, "\\$&")
    .replace(/[\r\n]+/g, " ");
}

function splitAt(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== separator || text[at - 1] === "\\") continue;
    parts.push(text.slice(from, at));
    from = at + 1;
    if (separator === "=") break;
  }
  parts.push(text.slice(from));
  return parts;
}

function unescape(text: string): string {
  return text.includes("\\") ? text.replace(/\\([,= ])/g, "$1") : text;
}
