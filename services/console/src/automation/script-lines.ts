import { CleanText } from "../log/clean-text.js";
import type { TextLine } from "../log/console-log.js";
import type { ScriptPattern } from "./script-parser.js";

/** Lines that nothing has asked for yet are kept up to these bounds; then the oldest go. */
const MOST_LINES = 2000;

interface Waiting {
  readonly pattern: ScriptPattern;
  readonly found: PromiseWithResolvers<ScriptFind>;
}

/** Where a pattern was found. */
export interface ScriptFind {
  readonly line: string;
  readonly from: number;
  readonly to: number;
}

/** What a console says while a script runs: cleaned lines, each asked once, and the line that has not ended. */
export class ScriptLines {
  readonly #text = new CleanText({ line: 1 }, (line) => this.#ended(line));
  readonly #unread: string[] = [];
  /** How much of the line that has not ended was consumed. */
  #consumed = "";
  #position = 0;
  #waiting: Waiting | undefined;
  droppedLines = 0;

  constructor(
    /** Told of each line, and of what stands on the one that has not ended. */
    private readonly onLine: (text: string, ended: boolean) => void,
  ) {}

  feed(bytes: Uint8Array): void {
    this.#text.feed(bytes, this.#position, 0);
    this.#position += bytes.length;
    const partial = this.#text.partial?.text;
    if (partial === undefined || partial === "") return;
    this.onLine(partial, false);
    this.#look();
  }

  /** The first place from here on where a pattern fits; what comes before it is not looked at again. */
  async find(pattern: ScriptPattern): Promise<ScriptFind> {
    const waiting = { pattern, found: Promise.withResolvers<ScriptFind>() };
    this.#waiting = waiting;
    this.#look();
    return waiting.found.promise;
  }

  #ended({ text }: TextLine): void {
    this.onLine(text, true);
    this.#unread.push(this.#rest(text));
    this.#consumed = "";
    if (this.#unread.length > MOST_LINES) {
      this.#unread.shift();
      this.droppedLines += 1;
    }
    this.#look();
  }

  #look(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    while (this.#unread.length > 0) {
      const line = this.#unread[0] as string;
      const place = waiting.pattern.query.find(line);
      if (!place) {
        this.#unread.shift();
        continue;
      }
      this.#unread[0] = line.slice(place.to);
      return this.#found(waiting, { line, ...place });
    }
    const partial = this.#text.partial?.text;
    if (partial === undefined) return;
    const rest = this.#rest(partial);
    const place = waiting.pattern.query.find(rest);
    if (!place) return;
    this.#consumed = partial.slice(0, partial.length - rest.length + place.to);
    this.#found(waiting, { line: rest, ...place });
  }

  /** What was overwritten in the meantime is read anew. */
  #rest(text: string): string {
    return text.startsWith(this.#consumed) ? text.slice(this.#consumed.length) : text;
  }

  #found(waiting: Waiting, find: ScriptFind): void {
    this.#waiting = undefined;
    waiting.found.resolve(find);
  }
}
