import type { LoggedEvent } from "@outrider/contracts/telemetry-pages";
import type { Columns } from "../output.js";

/** Of events, the least first. */
export const SEVERITIES: readonly LoggedEvent["severity"][] = [
  "info",
  "notice",
  "warning",
  "error",
  "critical",
];

/** Events of the log, each with its time: whoever reads them looks for what came before what. */
export const LOGGED_EVENTS: Columns<LoggedEvent> = {
  things: "events in the log",
  head: ["AT", "SEVERITY", "ABOUT", "KIND", "WHAT"],
  name: ({ seq }) => String(seq),
  row: ({ at, severity, subject, kind, message }) => [
    at,
    severity,
    subject.replace(/^node:/, ""),
    kind,
    message,
  ],
};

/** One of them on a line of its own, for what goes on. */
export function eventLine(event: LoggedEvent): string {
  const [at = "", severity = "", about = "", kind = "", what = ""] = LOGGED_EVENTS.row(event);
  return `${at}  ${severity.padEnd(8)}  ${about.padEnd(10)}  ${kind.padEnd(18)}  ${what}`;
}
