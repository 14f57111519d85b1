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
