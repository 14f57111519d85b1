import type { Numbered, Outbox } from "../outbox.js";

/** An outbox that does not outlive its process. For tests of the sender; the agent's journal is a real one. */
export class MemoryOutbox<E> implements Outbox<E> {
  #events: Numbered<E>[] = [];
  #seq = 0;

  get kept(): number[] {
    return this.#events.map(({ seq }) => seq);
  }

  async append(event: E): Promise<number> {
    const seq = ++this.#seq;
    this.#events.push({ seq, event });
    return seq;
  }

  async unacknowledged(from: number, limit: number): Promise<readonly Numbered<E>[]> {
    return this.#events.filter(({ seq }) => seq >= from).slice(0, limit);
  }

  async acknowledge(seq: number): Promise<void> {
    this.#events = this.#events.filter((one) => one.seq > seq);
  }
}
