/** A node of the topic tree: the message of the topic that ends here, and the levels below. */
interface Level<M> {
  message: M | undefined;
  readonly below: Map<string, Level<M>>;
}

const leaf = <M>(): Level<M> => ({ message: undefined, below: new Map() });

/**
 * The last retained message of each topic, found by filter without looking at the others, so that a client that
 * subscribes costs what it receives and not what the site holds.
 */
export class RetainedMessages<M extends object> {
  readonly #root: Level<M> = leaf();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  set(topic: string, message: M): void {
    let at = this.#root;
    for (const level of topic.split("/")) {
      let next = at.below.get(level);
      if (!next) at.below.set(level, (next = leaf()));
      at = next;
    }
    if (!at.message) this.#size++;
    at.message = message;
  }

  get(topic: string): M | undefined {
    let at: Level<M> | undefined = this.#root;
    for (const level of topic.split("/")) at = at?.below.get(level);
    return at?.message;
  }

  delete(topic: string): void {
    const path: [Level<M>, string][] = [];
    let at = this.#root;
    for (const level of topic.split("/")) {
      const next = at.below.get(level);
      if (!next) return;
      path.push([at, level]);
      at = next;
    }
    if (!at.message) return;
    at.message = undefined;
    this.#size--;
    // Levels that lead nowhere any more go too, or a site that renames its nodes would grow for ever.
    for (const [parent, level] of path.toReversed()) {
      const child = parent.below.get(level);
      if (child && (child.message || child.below.size > 0)) break;
      parent.below.delete(level);
    }
  }

  /** The messages whose topics a filter matches. A wildcard first never reaches `$` topics (MQTT-4.7.2-1). */
  *matching(filter: string): Generator<M, void> {
    yield* this.#below(this.#root, filter.split("/"), 0);
  }

  *#below(at: Level<M>, filter: readonly string[], depth: number): Generator<M, void> {
    const level = filter[depth];
    if (level === undefined) {
      if (at.message) yield at.message;
    } else if (level === "#") {
      yield* this.#all(at, depth === 0);
    } else if (level === "+") {
      for (const [name, next] of at.below) {
        if (depth > 0 || !name.startsWith("$")) yield* this.#below(next, filter, depth + 1);
      }
    } else {
      const next = at.below.get(level);
      if (next) yield* this.#below(next, filter, depth + 1);
    }
  }

  *#all(at: Level<M>, isRoot: boolean): Generator<M, void> {
    if (at.message) yield at.message;
    for (const [name, next] of at.below) {
      if (!isRoot || !name.startsWith("$")) yield* this.#all(next, false);
    }
  }
}
