/**
 * What is to be done with a batch.
 * - `next`: the one that is waited for
 * - `stored`: it was stored before
 * - `under-way`: it is being stored
 * - `early`: others before it are missing
 */
export type Place = "next" | "stored" | "under-way" | "early";

/** How far the batches of one spool of an agent are stored. They are stored in the order of their numbers. Pure. */
export class SpoolOrder {
  #stored: number;
  #accepted: number;

  /** @param stored the highest number up to which all are stored, or known never to come */
  constructor(stored: number) {
    this.#stored = stored;
    this.#accepted = stored;
  }

  get stored(): number {
    return this.#stored;
  }

  /**
   * Where a batch stands.
   * @param oldest the lowest number that its agent still keeps: what is lower and not stored never comes
   */
  judge(seq: number, oldest: number | undefined): Place {
    const never = Math.min(oldest ?? 1, seq) - 1;
    if (never > this.#accepted) {
      // What was under way before is stored or fails by itself; nobody can send it again.
      this.#accepted = never;
      this.#stored = never;
    }
    if (seq <= this.#stored) return "stored";
    if (seq <= this.#accepted) return "under-way";
    return seq === this.#accepted + 1 ? "next" : "early";
  }

  /** The next one is being stored. */
  accept(): number {
    return ++this.#accepted;
  }

  /** @returns whether there is more to acknowledge than before */
  kept(seq: number): boolean {
    if (seq <= this.#stored) return false;
    this.#stored = seq;
    return true;
  }

  /** One that was under way is not stored; it is waited for again, with all after it. */
  failed(seq: number): void {
    if (seq > this.#stored)
      this.#accepted = Math.min(this.#accepted, Math.max(seq - 1, this.#stored));
  }
}
