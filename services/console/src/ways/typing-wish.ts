import type { Clock } from "@outrider/contracts/clock";
import type { Attachment } from "../sessions/attachment.js";

const ASK_AGAIN_MS = 1000;

/**
 * For ways that have no words to ask with: somebody who types while nobody else does becomes the one who types. Never
 * asked of a person who is typing, and once a second at most of somebody who may not.
 */
export class TypingWish {
  readonly #clock: Clock;
  #refusedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before each input. */
  async before(attachment: Pick<Attachment, "writes" | "isFree" | "ask">): Promise<void> {
    if (attachment.writes || !attachment.isFree) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#refusedAtMs < ASK_AGAIN_MS) return;
    const { told, code } = await attachment.ask({ ask: "write" });
    // Somebody else was faster: it is asked as soon as they have gone.
    if (told === "refused" && code !== "busy") this.#refusedAtMs = nowMs;
  }
}
