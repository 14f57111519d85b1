/** What becomes of a heartbeat. */
export type HeartbeatTurn = "missed" | "late" | "returned";

/** The same is told so often of one heartbeat at most. */
const TOLD_EVERY_MS = 60_000;

/**
 * Follows one heartbeat. `missed`: one looked and saw nothing. `late`: one has not looked, or could not, for longer than
 * it should take. `returned`: it is seen again after either was told. Pure; times are of a monotonic clock.
 */
export class HeartbeatTurns {
  #state: "new" | "heard" | "missed" | "late" = "new";
  /** Whether what is wrong was told, so that its end is news. */
  #told = false;
  readonly #toldMs = new Map<HeartbeatTurn, number>();

  /**
   * @param alive what was seen; undefined: one could not look
   * @param isExpected whether silence is no news
   */
  read(alive: boolean | undefined, nowMs: number, isExpected: boolean): HeartbeatTurn | undefined {
    if (alive === undefined) return undefined;
    const before = this.#state;
    this.#state = alive ? "heard" : "missed";
    if (alive) {
      const isNews = this.#told;
      this.#told = false;
      return isNews ? this.#tell("returned", nowMs) : undefined;
    }
    return before === "heard" && !isExpected ? this.#tell("missed", nowMs) : undefined;
  }

  /** It was not looked at for longer than it should take. */
  expire(nowMs: number, isExpected: boolean): HeartbeatTurn | undefined {
    if (this.#state === "new" || this.#state === "late") return undefined;
    this.#state = "late";
    return isExpected ? undefined : this.#tell("late", nowMs);
  }

  #tell(turn: HeartbeatTurn, nowMs: number): HeartbeatTurn | undefined {
    if (nowMs - (this.#toldMs.get(turn) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) {
      return undefined;
    }
    this.#toldMs.set(turn, nowMs);
    this.#told = turn !== "returned";
    return turn;
  }
}
