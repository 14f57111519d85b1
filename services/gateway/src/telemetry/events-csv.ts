import type { EventsAsked, LoggedEvents } from "@outrider/contracts/telemetry-pages";
import { csvLine } from "@outrider/contracts/csv";

const PAGE = 1000;

/** Events as CSV, newest first, page by page. @param most in all @param ask for a page */
export async function* eventLines(
  asked: EventsAsked,
  most: number,
  ask: (asked: EventsAsked) => Promise<LoggedEvents>,
): AsyncGenerator<string> {
  yield csvLine(["time", "subject", "severity", "kind", "message"]);
  let { before } = asked;
  let left = most;
  do {
    const limit = Math.min(PAGE, left);
    const page = await ask({ ...asked, limit, ...(before === undefined ? {} : { before }) });
    const lines = page.events.map(({ at, subject, severity, kind, message }) =>
      csvLine([at, subject, severity, kind, message]),
    );
    if (lines.length > 0) yield lines.join("");
    left -= lines.length;
    before = page.next;
  } while (before !== undefined && left > 0);
}
