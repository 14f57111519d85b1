/** Does one thing at a time, in order; one that fails does not stop the next. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();

  async run(work: () => Promise<void>): Promise<void> {
    const earlier = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = turn.promise;
    await earlier;
    try {
      await work();
    } finally {
      turn.resolve();
    }
  }
}
