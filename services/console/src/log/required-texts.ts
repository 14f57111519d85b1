import { foldCase } from "./trigram-filter.js";

/** A shorter one has no trigram, and says little. */
const SHORTEST = 3;

/**
 * Texts that every line must hold, case aside, which a regular expression matches: for each alternative those that it
 * cannot do without. Looks at the top level only, and knows nothing where it is in doubt.
 * @returns undefined when some alternative needs no text that is long enough
 */
export function requiredTexts(regex: string): string[][] | undefined {
  const branches = splitBranches(regex);
  if (!branches) return undefined;
  const required: string[][] = [];
  for (const branch of branches) {
    const texts = textsOf(branch);
    if (!texts || texts.length === 0) return undefined;
    required.push(texts);
  }
  return required;
}

/** One thing of an expression that a quantifier can follow: a character, or something that is none. */
type Atom = { readonly text: string | undefined; readonly end: number };

/** Cuts at each `|` that is in no group. */
function splitBranches(regex: string): string[] | undefined {
  const branches: string[] = [];
  let from = 0;
  for (let at = 0; at < regex.length;) {
    if (regex[at] === "|") {
      branches.push(regex.slice(from, at));
      from = ++at;
      continue;
    }
    const atom = atomAt(regex, at);
    if (!atom) return undefined;
    at = atom.end;
  }
  return [...branches, regex.slice(from)];
}

function textsOf(branch: string): string[] | undefined {
  const texts: string[] = [];
  let run = "";
  const endRun = (): void => {
    if (run.length >= SHORTEST) texts.push(foldCase(run));
    run = "";
  };
  for (let at = 0; at < branch.length;) {
    const atom = atomAt(branch, at);
    if (!atom) return undefined;
    const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(branch.slice(atom.end))?.[0] ?? "";
    at = atom.end + quantifier.length;
    if (atom.text === undefined || /^(?:[*?]|\{0)/.test(quantifier)) {
      endRun();
      continue;
    }
    run += atom.text;
    if (quantifier !== "") endRun();
  }
  endRun();
  return texts;
}

function atomAt(regex: string, at: number): Atom | undefined {
  const character = regex[at] as string;
  switch (character) {
    case "\\":
      return escapeAt(regex, at);
    case "(":
      return groupAt(regex, at);
    case "[":
      return classAt(regex, at);
    case ".":
    case "^":
    case "$":
    case "*":
    case "+":
    case "?":
    case "{":
      return { text: undefined, end: at + 1 };
  }
  // Beyond ASCII, letters that are the same but for case are not always what lower case says.
  return { text: character <= "~" ? character : undefined, end: at + 1 };
}

function escapeAt(regex: string, at: number): Atom | undefined {
  const next = regex[at + 1];
  if (next === undefined || next === "Q" || next === "E") return undefined;
  if (/[^A-Za-z0-9]/.test(next)) return { text: next <= "~" ? next : undefined, end: at + 2 };
  const long = /^\\(?:[pP]\{[^}]*\}|[pP].|x\{[^}]*\}|x..|[0-7]{1,3})/.exec(regex.slice(at));
  return { text: undefined, end: at + (long?.[0].length ?? 2) };
}

function groupAt(regex: string, at: number): Atom | undefined {
  for (let inside = at + 1; inside < regex.length;) {
    if (regex[inside] === ")") return { text: undefined, end: inside + 1 };
    if (regex[inside] === "|") {
      inside++;
      continue;
    }
    const atom = atomAt(regex, inside);
    if (!atom) return undefined;
    inside = atom.end;
  }
  return undefined;
}

function classAt(regex: string, at: number): Atom | undefined {
  let inside = at + 1;
  if (regex[inside] === "^") inside++;
  // A bracket that comes first is one of the class.
  if (regex[inside] === "]") inside++;
  for (; inside < regex.length; inside++) {
    const rest = regex.slice(inside);
    const named = /^\[:\^?\w+:\]/.exec(rest)?.[0];
    if (named) inside += named.length - 1;
    else if (rest.startsWith("\\Q")) return undefined;
    else if (rest.startsWith("\\")) inside++;
    else if (rest.startsWith("]")) return { text: undefined, end: inside + 1 };
  }
  return undefined;
}
