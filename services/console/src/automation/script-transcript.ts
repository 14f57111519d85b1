/** The beginning is kept up to this, and the end up to as much again. */
const KEPT_CHARACTERS = 60_000;

/** What a script did and what the console said, with times since it began. Bounded: what is in the middle goes. */
export class ScriptTranscript {
  readonly #head: string[] = [];
  readonly #tail: string[] = [];
  #headCharacters = 0;
  #tailCharacters = 0;
  #leftOut = 0;

  add(sinceMs: number, text: string): void {
    const line = `${(sinceMs / 1000).toFixed(3).padStart(9)} ${text}\n`;
    if (this.#headCharacters + line.length <= KEPT_CHARACTERS && this.#tail.length === 0) {
      this.#head.push(line);
      this.#headCharacters += line.length;
      return;
    }
    this.#tail.push(line);
    this.#tailCharacters += line.length;
    while (this.#tailCharacters > KEPT_CHARACTERS) {
      this.#tailCharacters -= (this.#tail.shift() as string).length;
      this.#leftOut += 1;
    }
  }

  get text(): string {
    const gap = this.#leftOut === 0 ? [] : [`[${this.#leftOut} lines are left out here]\n`];
    return [...this.#head, ...gap, ...this.#tail].join("");
  }
}
