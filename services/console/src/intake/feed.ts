import type { ConsoleCondition, StreamItem } from "@outrider/console-link/console-stream";
import type { LinkedConsole } from "@outrider/console-link/linked-console";

/** Who an announced console belongs to. */
export interface FeedOwner {
  /** Number from which its items are wanted; undefined: from the first that there is. */
  wanted(linked: LinkedConsole): number | undefined;
  take(linked: LinkedConsole, items: readonly StreamItem[]): void | Promise<void>;
  condition(linked: LinkedConsole, before: ConsoleCondition): void;
  gone(linked: LinkedConsole, reason: string): void;
}

/**
 * A console that an agent announced, and whose it is: nobody's until the site says so. What comes while it is nobody's
 * is neither taken nor acknowledged, so that the agent keeps it.
 */
export class Feed {
  #owner: FeedOwner | undefined;
  #resumed = false;
  #owned: PromiseWithResolvers<void> | undefined;
  #gone = false;

  /** @param onGone its agent has taken it away or is not connected any more */
  constructor(
    readonly linked: LinkedConsole,
    onGone: () => void,
  ) {
    let { condition } = linked;
    linked.onCondition((next) => {
      const before = condition;
      condition = next;
      this.#owner?.condition(linked, before);
    });
    linked.onGone((reason) => {
      this.#gone = true;
      this.#owned?.resolve();
      onGone();
      this.#owner?.gone(linked, reason);
    });
  }

  /** It is gone, or will be in a moment: nothing of it counts any more. */
  get over(): boolean {
    return this.#gone;
  }

  get owner(): FeedOwner | undefined {
    return this.#owner;
  }

  /** It is somebody's from now on. */
  give(owner: FeedOwner): void {
    this.#owner = owner;
    this.#owned?.resolve();
    this.#owned = undefined;
    if (this.#resumed) return;
    this.#resumed = true;
    const { linked } = this;
    linked.onItems((items) => (this.#owner ? this.#owner.take(linked, items) : this.#hold(items)));
    linked.resume(owner.wanted(linked));
  }

  /** It is nobody's again. */
  withdraw(): void {
    this.#owner = undefined;
  }

  /** Nothing of it is taken any more; its agent announces it anew, to be resumed where its owner wants it then. */
  again(): void {
    this.#owner = undefined;
    this.#gone = true;
    this.#owned?.resolve();
    this.linked.again();
  }

  /** While it is nobody's; the agent waits meanwhile. */
  async #hold(items: readonly StreamItem[]): Promise<void> {
    while (!this.#owner && !this.#gone) {
      this.#owned ??= Promise.withResolvers();
      await this.#owned.promise;
    }
    await this.#owner?.take(this.linked, items);
  }
}
