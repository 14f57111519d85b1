import { minutes, type Clock } from "@outrider/contracts/clock";
import type { Actor } from "./console-audit.js";

const COUNTED_EVERY = minutes(1);
/** More addresses than these at one console within a minute are counted together. */
const MAX_COUNTED = 64;

interface Passing {
  who: Actor;
  count: number;
}

/**
 * What is recorded of those who have shown nothing but an address: they may come and go as often as they like, and the
 * audit log is on a disk. The first coming is a record, and further ones are a number in one record a minute.
 */
export class PassingRecords {
  readonly #passing = new Map<string, Passing>();
  readonly #over = new AbortController();

  /** @param tell records how often somebody has come since their last record */
  constructor(
    private readonly clock: Clock,
    private readonly tell: (who: Actor, count: number) => void,
  ) {}

  /** @returns whether a coming is to be recorded by itself; it is counted otherwise */
  comes(who: Actor): boolean {
    if (!who.actor.startsWith("address:") || this.#over.signal.aborted) return true;
    const key = `${who.way} ${who.actor}`;
    const known = this.#passing.get(key);
    if (known) known.count += 1;
    else if (this.#passing.size < MAX_COUNTED) this.#begin(key, who);
    else return this.#countTogether(who);
    return !known;
  }

  /** Tells what was counted. */
  end(): void {
    this.#over.abort();
    for (const { who, count } of this.#passing.values()) if (count > 0) this.tell(who, count);
    this.#passing.clear();
  }

  #countTogether({ way }: Actor): boolean {
    const known = this.#passing.get("others");
    if (known) known.count += 1;
    else this.#begin("others", { actor: "address:others", way }, 1);
    return false;
  }

  #begin(key: string, who: Actor, count = 0): void {
    const passing = { who, count };
    this.#passing.set(key, passing);
    void this.#watch(key, passing);
  }

  async #watch(key: string, passing: Passing): Promise<void> {
    do {
      try {
        await this.clock.sleep(COUNTED_EVERY, this.#over.signal);
      } catch {
        return;
      }
      const { who, count } = passing;
      passing.count = 0;
      if (count > 0) this.tell(who, count);
      else this.#passing.delete(key);
    } while (this.#passing.has(key));
  }
}
