import { isTopicLevel, type AnyContract } from "./contract.js";

/** A contract, and what stood for its parameters. */
export interface Found {
  readonly contract: AnyContract;
  readonly parameters: Readonly<Record<string, string>>;
}

interface Level {
  readonly literal: Map<string, Level>;
  any: Level | undefined;
  end: { readonly contract: AnyContract; readonly names: readonly string[] } | undefined;
}

/**
 * Finds the contract of a topic by its levels: what `matchTopic` says of each contract in turn, at the cost of one.
 * A broker asks this for every message.
 */
export class TopicIndex {
  /** By what their topics start with. */
  readonly #roots = new Map<string, Level>();

  /** @throws TypeError when one topic could belong to two of the contracts */
  constructor(contracts: readonly AnyContract[]) {
    for (const contract of contracts) this.#add(contract);
  }

  /** Undefined when the topic is no contract's. */
  find(topic: string): Found | undefined {
    for (const [root, top] of this.#roots) {
      if (!topic.startsWith(root)) continue;
      const values: string[] = [];
      const end = walk(top, topic, root.length, values);
      if (!end) return undefined;
      const parameters: Record<string, string> = {};
      for (let at = 0; at < end.names.length; at++)
        parameters[end.names[at] ?? ""] = values[at] ?? "";
      return { contract: end.contract, parameters };
    }
    return undefined;
  }

  #add(contract: AnyContract): void {
    const top = this.#roots.get(contract.root) ?? level();
    this.#roots.set(contract.root, top);
    const overlapping = overlap(top, contract.template.split("/"));
    if (overlapping) {
      throw new TypeError(`${contract.template} and ${overlapping.template} share topics`);
    }
    let at = top;
    for (const name of contract.template.split("/")) {
      if (name.startsWith("{")) at = at.any ??= level();
      else {
        const next = at.literal.get(name) ?? level();
        at.literal.set(name, next);
        at = next;
      }
    }
    const names = Array.from(contract.template.matchAll(/\{(\w+)\}/g), ([, name]) => name ?? "");
    at.end = { contract, names };
  }
}

function level(): Level {
  return { literal: new Map(), any: undefined, end: undefined };
}

/** As deep as the contracts are and no deeper, however long the topic is. */
function walk(at: Level, topic: string, from: number, values: string[]): Level["end"] {
  const slash = topic.indexOf("/", from);
  const end = slash < 0 ? topic.length : slash;
  const text = topic.slice(from, end);
  const into = (next: Level): Level["end"] =>
    slash < 0 ? next.end : walk(next, topic, end + 1, values);
  const literal = at.literal.get(text);
  const found = literal && into(literal);
  if (found || !at.any || !isTopicLevel(text)) return found;
  values.push(text);
  const other = into(at.any);
  if (!other) values.pop();
  return other;
}

function overlap(at: Level, names: readonly string[]): AnyContract | undefined {
  const [name, ...rest] = names;
  if (name === undefined) return at.end?.contract;
  const literal = at.literal.get(name);
  const nexts = name.startsWith("{") ? [...at.literal.values(), at.any] : [literal, at.any];
  for (const next of nexts) {
    const found = next && overlap(next, rest);
    if (found) return found;
  }
  return undefined;
}
