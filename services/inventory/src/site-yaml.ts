import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from "yaml";
import { pathText, type SitePath, type SiteProblem } from "./site-problem.js";

/** A larger file is not a site file. */
const MAXIMUM_LENGTH = 8 * 1024 * 1024;

/** A YAML file as plain values that know their lines. */
export interface SiteYaml {
  readonly value: unknown;
  /** Line of the deepest step of the path that the file has. */
  lineOf(path: SitePath): number;
}

/** Reads YAML 1.2. @returns the problems when it is none */
export function parseSiteYaml(text: string): SiteYaml | SiteProblem[] {
  if (text.length > MAXIMUM_LENGTH)
    return [{ line: 1, path: "", message: "the file is larger than 8 MiB" }];
  const counter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    // Found below: the library compares every key with every other one of its map.
    uniqueKeys: false,
  });
  const problems = [...document.errors, ...document.warnings].map(({ code, pos, message }) => ({
    line: counter.linePos(pos[0]).line || 1,
    path: pathText(pathAt(document.contents, pos[0])),
    message:
      code === "MULTIPLE_DOCS"
        ? "another document begins here; expected one in the file"
        : withoutSource(message),
  }));
  if (problems.length > 0) return problems;
  const unsound = unsoundParts(document, counter);
  if (unsound.length > 0) return unsound;
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // Aliases that unfold without end.
    return [{ line: 1, path: "", message: error instanceof Error ? error.message : String(error) }];
  }
  return { value, lineOf: (path) => counter.linePos(offsetOf(document, path)).line || 1 };
}

/** What of the file stands at the end of a message may be a secret: one that begins with `!`, `>` or `]`. */
function withoutSource(message: string): string {
  return message.replace(/: [^ ].*$/su, "; put text that begins with such a sign in quotes");
}

/** Keys that stand twice in a map, and aliases of nothing. */
function unsoundParts(document: Document.Parsed, counter: LineCounter): SiteProblem[] {
  const problems: SiteProblem[] = [];
  const report = (offset: number, message: string): void =>
    void problems.push({
      line: counter.linePos(offset).line || 1,
      path: pathText(pathAt(document.contents, offset)),
      message,
    });
  visit(document, {
    Map: (_, map) => {
      const keys = new Set<string>();
      for (const { key } of map.items) {
        const text = keyText(key);
        if (keys.has(text)) {
          report(start(key) ?? 0, "this key stands here a second time; expected it once");
        }
        keys.add(text);
      }
    },
    Alias: (_, alias) => {
      if (alias.resolve(document)) return;
      // Not by its name, which may be a secret that nobody put in quotes.
      const message =
        "this alias has no anchor; expected an & and its name before it, or quotes around text that begins with *";
      report(alias.range?.[0] ?? 0, message);
    },
  });
  return problems;
}

/** Where the last step of the path begins, its key where it has one. */
function offsetOf(document: Document.Parsed, path: SitePath): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of path) {
    const next = child(resolved(node, document), step);
    if (!next) break;
    ({ node, offset } = next);
  }
  return offset;
}

function child(
  node: unknown,
  step: string | number,
): { node: unknown; offset: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => keyText(key) === String(step));
    return pair && { node: pair.value, offset: start(pair.key) ?? 0 };
  }
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    const offset = start(item);
    return offset === undefined ? undefined : { node: item, offset };
  }
  return undefined;
}

/** The steps that lead to an offset of the file. */
function pathAt(node: unknown, offset: number): SitePath {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      if (covers(key, offset)) return [keyText(key)];
      if (covers(value, offset)) return [keyText(key), ...pathAt(value, offset)];
    }
  }
  if (isSeq(node)) {
    const index = node.items.findIndex((item) => covers(item, offset));
    if (index >= 0) return [index, ...pathAt(node.items[index], offset)];
  }
  return [];
}

function resolved(node: unknown, document: Document.Parsed): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : "";
}

function start(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}

function covers(node: unknown, offset: number): boolean {
  const range = isNode(node) ? (node as Node).range : undefined;
  return !!range && range[0] <= offset && offset < range[2];
}
