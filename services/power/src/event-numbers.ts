/**
 * What of one agent's numbered events has been heard, in one of its sessions. Pure state, no I/O.
 *
 * A number acknowledges everything up to it, and the agent then forgets that. So nothing is acknowledged before it is
 * certain where the agent's list begins: what was sent before this service listened is missing. The agent sends its
 * list again when nothing is acknowledged; a number that does not rise shows that it began anew. (On a connection
 * that stands, a broker leaves out nothing in the middle.)
 */
export class EventNumbers {
  #epoch: string | undefined;
  /** The highest number up to which nothing is missing. */
  #complete: number | undefined;
  #last = 0;
  readonly #heard = new Set<number>();

  /**
   * @returns whether the event is to be handled (it is new), and up to which number may be acknowledged once it has
   * been; undefined while that is not known, or would hide a gap
   */
  judge(
    epoch: string,
    seq: number,
  ): { readonly handle: boolean; readonly acknowledge: number | undefined } {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#complete = undefined;
      this.#last = 0;
      this.#heard.clear();
    }
    const handle = !this.#heard.has(seq) && seq > (this.#complete ?? 0);
    if (this.#complete === undefined && seq <= this.#last) this.#complete = seq - 1;
    this.#last = seq;
    this.#heard.add(seq);
    if (this.#complete === undefined) return { handle, acknowledge: undefined };
    if (seq === this.#complete + 1) this.#complete = seq;
    for (const one of this.#heard) if (one <= this.#complete) this.#heard.delete(one);
    return { handle, acknowledge: seq <= this.#complete ? this.#complete : undefined };
  }
}
