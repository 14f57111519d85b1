import { ID_PATTERN } from "./ids.js";
import { LABEL_PATTERN } from "./node.js";
import { byName, foldNames } from "./node-set-fold.js";
import { expandPattern, patternSize } from "./node-set-pattern.js";
import { NodeSetError } from "./node-set-error.js";

export { NodeSetError } from "./node-set-error.js";

/**
 * Node sets, as ClusterShell writes them: `n[01-08,11]`, `n[1-3]r[1-20]`, `n[1-9/2]`, and beside them `@role`,
 * `label=value` (with `*` for any text) and `@all`. Operators, taken from the left to the right: `,` or, `&` and,
 * `!` without, `^` one of both.
 *
 * "All" is never implied: an empty text is an error, and only `@all` names every node.
 */

/** Bounds of what is looked at; beyond them a text is refused before anything is expanded. */
export const NODE_SET_LIMITS = { bytes: 32_768, terms: 5000, nodes: 100_000 } as const;

const OPERATORS = { ",": "or", "&": "and", "!": "without", "^": "xor" } as const;
type Operator = (typeof OPERATORS)[keyof typeof OPERATORS];

type Term =
  | { readonly kind: "all" }
  | { readonly kind: "role"; readonly role: string }
  | { readonly kind: "label"; readonly label: string; readonly value: string }
  | { readonly kind: "names"; readonly pattern: string; readonly column: number };

/** A node set whose text has been read. What it means depends on the nodes that there are. */
export interface NodeSetExpression {
  readonly text: string;
  readonly terms: readonly { readonly operator: Operator; readonly term: Term }[];
}

/** What a node set chooses from. */
export interface NodeUniverse {
  readonly nodes: Iterable<{
    readonly id: string;
    readonly roles: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
  }>;
}

/** @throws NodeSetError with the column, what stood there and what was expected */
export function parseNodeSet(text: string): NodeSetExpression {
  if (Buffer.byteLength(text) > NODE_SET_LIMITS.bytes) {
    throw new NodeSetError(1, `a node set of at most ${NODE_SET_LIMITS.bytes} bytes`);
  }
  const terms: { operator: Operator; term: Term }[] = [];
  let operator: Operator = "or";
  let names = 0;
  for (const { word, column, before } of words(text)) {
    if (before !== undefined) operator = OPERATORS[before];
    const term = termOf(word, column);
    if (term.kind === "names") {
      names += patternSize(term.pattern, column);
      if (names > NODE_SET_LIMITS.nodes) {
        throw new NodeSetError(column, `at most ${NODE_SET_LIMITS.nodes} nodes`);
      }
    }
    if (terms.push({ operator, term }) > NODE_SET_LIMITS.terms) {
      throw new NodeSetError(column, `at most ${NODE_SET_LIMITS.terms} parts`);
    }
  }
  return { text, terms };
}

/**
 * The nodes that an expression names, each once, in the order of their names (numbers count as numbers).
 * May be empty where roles, labels or operators leave nothing.
 * @throws NodeSetError naming nodes that there are not, also where they were to be taken out
 */
export function resolveNodeSet(expression: NodeSetExpression, universe: NodeUniverse): string[] {
  const nodes = new Map([...universe.nodes].map((node) => [node.id, node]));
  const unknown = new Set<string>();
  const members = (term: Term): Set<string> => {
    switch (term.kind) {
      case "all":
        return new Set(nodes.keys());
      case "role":
        return idsWhere(nodes.values(), ({ roles }) => roles.includes(term.role));
      case "label": {
        const fits = matcher(term.value);
        return idsWhere(nodes.values(), ({ labels }) => fits(ownValue(labels, term.label)));
      }
      case "names": {
        const names = expandPattern(term.pattern, term.column);
        for (const name of names) if (!nodes.has(name)) unknown.add(name);
        return new Set(names);
      }
      default:
        return term satisfies never;
    }
  };
  const result = evaluate(expression, members);
  if (unknown.size > 0) {
    const folded = foldNames(unknown);
    const shown = folded.length > 500 ? `${folded.slice(0, 500)}…` : folded;
    const they = unknown.size === 1 ? "there is no node" : `there are no nodes`;
    throw new NodeSetError(1, "nodes of this site", `${they} ${shown}`, [...unknown]);
  }
  return [...result].toSorted(byName);
}

/**
 * The ids that plain names and ranges stand for, whether or not there are such nodes.
 * @throws NodeSetError also for roles, labels and `@all`, which depend on the nodes that there are
 */
export function expandNodes(text: string): string[] {
  const names = (term: Term): Set<string> => {
    if (term.kind === "names") return new Set(expandPattern(term.pattern, term.column));
    throw new NodeSetError(1, "names and ranges only; roles and labels need a site");
  };
  return [...evaluate(parseNodeSet(text), names)].toSorted(byName);
}

/** The shortest usual writing of a set of ids: `n[1-3,7]`. Empty for none. */
export function foldNodes(ids: Iterable<string>): string {
  return foldNames(ids);
}

function evaluate({ terms }: NodeSetExpression, members: (term: Term) => Set<string>): Set<string> {
  let result = new Set<string>();
  for (const { operator, term } of terms) {
    const other = members(term);
    switch (operator) {
      case "or":
        // In place: a long list of names must not be copied for each of them.
        for (const id of other) result.add(id);
        break;
      case "and":
        result = new Set([...result].filter((id) => other.has(id)));
        break;
      case "without":
        for (const id of other) result.delete(id);
        break;
      case "xor":
        for (const id of other) if (!result.delete(id)) result.add(id);
        break;
      default:
        operator satisfies never;
    }
  }
  return result;
}

interface Word {
  readonly word: string;
  /** Of its first character, from 1. */
  readonly column: number;
  readonly before: keyof typeof OPERATORS | undefined;
}

/** Cuts a text at its operators, which mean nothing inside brackets and quotes. */
function words(text: string): Word[] {
  const found: Word[] = [];
  let from = 0;
  let before: keyof typeof OPERATORS | undefined;
  let depth = 0;
  let quoted = false;
  const take = (to: number): void => {
    const raw = text.slice(from, to);
    const word = raw.trim();
    const column = from + 1 + (raw.length - raw.trimStart().length);
    if (word === "")
      throw new NodeSetError(Math.min(column, to + 1), "a node, a range, @role or label=value");
    found.push({ word, column, before });
  };
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') quoted = !quoted;
    if (quoted) continue;
    if (character === "[") depth += 1;
    if (character === "]") depth -= 1;
    if (depth > 1 || depth < 0)
      throw new NodeSetError(at + 1, "brackets in pairs, none inside another");
    if (depth > 0 || !isOperator(character)) continue;
    take(at);
    before = character;
    from = at + 1;
  }
  if (quoted) throw new NodeSetError(text.length + 1, 'a closing "');
  if (depth > 0) throw new NodeSetError(text.length + 1, "a closing ]");
  take(text.length);
  return found;
}

function isOperator(character: string): character is keyof typeof OPERATORS {
  return Object.hasOwn(OPERATORS, character);
}

function termOf(word: string, column: number): Term {
  if (word === "@all") return { kind: "all" };
  if (word.startsWith("@")) {
    const role = word.slice(1);
    if (!ID_PATTERN.test(role)) throw new NodeSetError(column + 1, "the id of a role");
    return { kind: "role", role };
  }
  const equals = word.indexOf("=");
  if (equals < 0) return { kind: "names", pattern: word, column };
  const label = word.slice(0, equals);
  if (!LABEL_PATTERN.test(label)) throw new NodeSetError(column, "the key of a label before =");
  const given = word.slice(equals + 1);
  const quoted = /^"([^"]*)"$/.exec(given);
  const value = quoted?.[1] ?? given;
  if (!quoted && (value === "" || /["\s]/.test(value)))
    throw new NodeSetError(column + equals + 1, 'a value, in "…" where it has spaces or operators');
  return { kind: "label", label, value };
}

function idsWhere<T extends { readonly id: string }>(
  nodes: Iterable<T>,
  fits: (node: T) => boolean,
): Set<string> {
  const ids = new Set<string>();
  for (const node of nodes) if (fits(node)) ids.add(node.id);
  return ids;
}

function ownValue(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** Whether a label's value is the asked one; `*` stands for any text. Linear, whatever the value is. */
function matcher(asked: string): (value: string | undefined) => boolean {
  const [first = "", ...rest] = asked.split("*");
  const last = rest.pop();
  if (last === undefined) return (value) => value === asked;
  return (value) => {
    if (value === undefined || !value.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = value.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return value.length - at >= last.length && value.endsWith(last);
  };
}
