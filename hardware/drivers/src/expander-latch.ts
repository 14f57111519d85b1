/**
 * The outputs of a part without directions, which cannot be read: what is read are wires, and somebody else may hold one
 * low whose output is high. What is not known yet is taken to be as its wire.
 */
export class Latch {
  #value = 0;
  #known = 0;

  /** The outputs, now that the wires have been read. A wire is high only where its output is. */
  seen(levels: number): number {
    this.#value = levels | (this.#value & this.#known);
    this.#known = 0xff;
    return this.#value;
  }

  /** Whether it was written is unknown when that fails. */
  async written(value: number, write: () => Promise<void>): Promise<void> {
    this.#known &= ~(this.#value ^ value);
    await write();
    this.#value = value;
    this.#known = 0xff;
  }
}
