import type { LoggedEvent, LoggedEvents } from "@outrider/contracts/telemetry-pages";
import type { Api, Given } from "../api.js";

const PAGE = 1000;

/** The newest events of the log that a query means, oldest first. @param atMost so many */
export async function eventsOf(
  api: Api,
  query: Readonly<Record<string, Given>>,
  atMost: number,
): Promise<LoggedEvent[]> {
  const found: LoggedEvent[] = [];
  let before: number | undefined;
  do {
    const page = await api.get<LoggedEvents>("/events/history", {
      ...query,
      before,
      limit: Math.min(PAGE, atMost - found.length),
    });
    found.push(...page.events);
    before = page.next;
  } while (before !== undefined && found.length < atMost);
  return found.slice(0, atMost).toReversed();
}

/** Whether an event comes after those that were shown, which are then one more. */
export class Shown {
  #seq = 0;
  #at: string | undefined;

  /** Since when further ones must be asked for; undefined: nothing was shown yet. */
  get at(): string | undefined {
    return this.#at;
  }

  isNews({ seq, at }: LoggedEvent): boolean {
    if (seq <= this.#seq) return false;
    this.#seq = seq;
    if (this.#at === undefined || at > this.#at) this.#at = at;
    return true;
  }
}
