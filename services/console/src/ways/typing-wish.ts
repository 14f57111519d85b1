import type { Clock } from "@outrider/contracts/clock";
import type { Attachment } from "../sessions/attachment.js";

const ASK_AGAIN_MS = 1000;

/**
 * For ways that have no words to ask with: somebody who types while nobody else does becomes the one who types. Asked
 * once a second at most, and never of a person who is typing.
 */
export class TypingWish {
  readonly #clock: Clock;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before each input. */
  async before(attachment: Attachment): Promise<void> {
    if (attachment.writes) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#askedAtMs < ASK_AGAIN_MS) return;
    this.#askedAtMs = nowMs;
    await attachment.ask({ ask: "write" });
  }
}
