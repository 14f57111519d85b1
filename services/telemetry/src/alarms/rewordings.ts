/** Alarms at once: thousands may become others in the same minute, and none of that is news. */
const MOST = 100;

/** Alarms whose words have changed, until that is said and written; by their keys. */
export class Rewordings {
  readonly #unsaid = new Set<string>();
  readonly #unwritten = new Set<string>();

  add(key: string): void {
    this.#unsaid.add(key);
    this.#unwritten.add(key);
  }

  /** It has turned, which is said and written anyway. */
  delete(key: string): void {
    this.#unsaid.delete(key);
    this.#unwritten.delete(key);
  }

  /** The next few that are to be said. */
  toSay(): string[] {
    return someOf(this.#unsaid);
  }

  /** The next few that are to be written. */
  toWrite(): string[] {
    return someOf(this.#unwritten);
  }
}

/** Takes the first few out. */
function someOf(keys: Set<string>): string[] {
  const some: string[] = [];
  for (const key of keys) {
    if (some.length >= MOST) break;
    keys.delete(key);
    some.push(key);
  }
  return some;
}
