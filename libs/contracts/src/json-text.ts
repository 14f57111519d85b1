import { parse as parseSafely } from "secure-json-parse";

/** JSON as it may come from anybody. Nothing here throws on input, and no answer repeats it. */

export type JsonRead = { readonly value: unknown } | { readonly problem: string };

/**
 * Parses JSON that is what it seems: not too deep, no property twice, no `__proto__`, nothing that a database would
 * not keep. The work is linear in the length of the text.
 */
export function readJson(text: string, maxDepth: number): JsonRead {
  const outline = outlineOf(text, maxDepth);
  if (!outline) return { problem: `the payload is nested deeper than ${maxDepth} levels` };
  let value: unknown;
  try {
    value = parseSafely(text, null, { protoAction: "error", constructorAction: "error" });
  } catch (error) {
    // The parser's own words repeat the input, so they are not passed on.
    return {
      problem:
        (error as Error).message === FORBIDDEN
          ? "the payload has a forbidden property (__proto__ or constructor)"
          : "the payload is not valid JSON",
    };
  }
  // Unescaped, JSON has no NUL: only where something is escaped is there text to look at.
  const { members, problem } = surveyed(value, text.includes("\\u") || !text.isWellFormed());
  if (problem !== undefined) return { problem };
  // JSON.parse keeps the last of two properties of one name; others keep the first, and act otherwise.
  if (members !== outline.members) return { problem: "the payload names a property twice" };
  return { value };
}

/** Whether JSON is nested deeper than `limit`, told without parsing it. */
export function isDeeper(text: string, limit: number): boolean {
  return outlineOf(text, limit) === undefined;
}

/** JSON that {@link readJson} accepts: U+FFFD takes the place of NUL and of half a character. */
export function writeJson(value: object): string {
  const text = JSON.stringify(value);
  if (!ESCAPED_UNSTORABLE.test(text)) return text;
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "string" ? one.toWellFormed().replaceAll("\0", "\uFFFD") : one,
  );
}

/** The message of secure-json-parse, which has no code of its own. A parse error never has just these words. */
const FORBIDDEN = "Object contains forbidden prototype property";

/** How JSON.stringify writes NUL and half a surrogate pair. An escaped backslash before it matches too, harmlessly. */
const ESCAPED_UNSTORABLE = /\\u(?:0000|d[89a-f])/;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 as text; undefined when it is not. */
export function textOf(bytes: Uint8Array | string): string | undefined {
  if (typeof bytes === "string") return bytes.isWellFormed() ? bytes : undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Members that a JSON text spells out, counted without parsing it; undefined when it is too deep to be parsed. */
function outlineOf(text: string, maxDepth: number): { readonly members: number } | undefined {
  let depth = 0;
  let members = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x3a) members++;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth) return undefined;
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return { members };
}

/** Members of a parsed value, and what of it no schema would notice and no database would keep. */
function surveyed(
  value: unknown,
  escaped: boolean,
): { readonly members: number; readonly problem?: string } {
  let members = 0;
  const left = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one === "number" && !Number.isFinite(one)) {
      return { members, problem: "the payload has a number beyond ±1.8e308" };
    }
    if (typeof one === "string" && escaped && !isStorable(one)) {
      return { members, problem: UNSTORABLE };
    }
    if (typeof one !== "object" || one === null) continue;
    if (Array.isArray(one)) {
      for (const element of one as unknown[]) left.push(element);
      continue;
    }
    for (const name of Object.keys(one)) {
      if (escaped && !isStorable(name)) return { members, problem: UNSTORABLE };
      members++;
      left.push((one as Record<string, unknown>)[name]);
    }
  }
  return { members };
}

const UNSTORABLE = "the payload has text with a NUL or with half a character (a lone surrogate)";

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
