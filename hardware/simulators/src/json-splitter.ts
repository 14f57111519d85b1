const OPEN = new Set(["{", "["]);
const CLOSE = new Set(["}", "]"]);

/**
 * Cuts a stream of JSON objects into texts. QMP puts objects one after the other, and clients need not
 * send line ends (QEMU docs/interop/qmp-spec: "the Server reads JSON objects from a stream").
 */
export class JsonSplitter {
  #text = "";
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** @param limit most characters of one object */
  constructor(private readonly limit = 1_048_576) {}

  /**
   * Takes what has come and gives the objects that are complete.
   * @throws Error when something other than an object comes, or one grows over the limit: the stream is lost
   */
  push(chunk: string): string[] {
    this.#text += chunk;
    const found: string[] = [];
    let start = 0;
    for (let at = this.#scanned; at < this.#text.length; at += 1) {
      const end = this.#step(this.#text.charAt(at));
      if (!end) continue;
      found.push(this.#text.slice(start, at + 1));
      start = at + 1;
    }
    this.#text = this.#text.slice(start);
    this.#scanned = this.#text.length;
    if (this.#text.length > this.limit)
      throw new Error(`A JSON object is longer than ${this.limit} characters.`);
    return found;
  }

  /** True when the character ends an object. */
  #step(char: string): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (char === "\\") this.#escaped = true;
      else if (char === '"') this.#inString = false;
      return false;
    }
    if (OPEN.has(char)) this.#depth += 1;
    else if (this.#depth === 0 && !/\s/.test(char)) throw new Error("Expected a JSON object.");
    else if (char === '"') this.#inString = true;
    else if (CLOSE.has(char)) return --this.#depth === 0;
    return false;
  }
}
