import type { Boot, LogRange } from "../log/log-format.js";
import { EXPORT_FORMATS, type ConsoleLog, type ExportFormat } from "../log/console-log.js";

/** What somebody wants of a log. */
export interface LogWish {
  readonly range: LogRange;
  readonly format: ExportFormat;
  readonly follow: boolean;
}

/** A query that cannot be read, with what was expected. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

/** Reads `from until lines boot position format follow`. @throws QueryError */
export function readLogQuery(query: URLSearchParams, log: ConsoleLog): LogWish {
  const format = query.get("format") ?? "text";
  if (!EXPORT_FORMATS.some((one) => one === format)) {
    throw new QueryError(`format: expected ${EXPORT_FORMATS.join(", ")}`);
  }
  const fromMicros = microsOf(query, "from");
  const untilMicros = microsOf(query, "until");
  const lines = wholeOf(query, "lines");
  const position = wholeOf(query, "position");
  const number = wholeOf(query, "boot");
  const boot = number === undefined ? undefined : bootOf(log, number);
  const isLast = boot !== undefined && boot.boot === log.boots.at(-1)?.boot;
  const follow = query.get("follow") === "true";
  return {
    format: format as ExportFormat,
    follow: follow && untilMicros === undefined && (boot === undefined || isLast),
    range: {
      from: boot
        ? { position: boot.position }
        : fromMicros !== undefined
          ? { sinceMicros: fromMicros }
          : lines !== undefined
            ? { lastLines: lines }
            : { position: position ?? log.first },
      ...(untilMicros === undefined ? {} : { untilMicros }),
      ...(boot && !isLast ? { untilPosition: boot.endPosition } : {}),
    },
  };
}

/** RFC 3339 in UTC, to the microsecond. @throws QueryError */
export function microsOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const [, whole, fraction = ""] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(text) ?? [];
  const ms = whole === undefined ? Number.NaN : Date.parse(`${whole}Z`);
  if (Number.isNaN(ms)) throw new QueryError(`${name}: expected a time like 2026-11-23T08:00:00Z`);
  return ms * 1000 + Number(fraction.padEnd(6, "0"));
}

/** @throws QueryError */
export function wholeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw new QueryError(`${name}: expected a whole number`);
  return Number(text);
}

/** By number, from 1; 0 is the last one, -1 the one before. @throws QueryError */
function bootOf(log: ConsoleLog, number: number): Boot {
  const { boots } = log;
  const boot = number > 0 ? boots.find((one) => one.boot === number) : boots.at(number - 1);
  if (boot) return boot;
  const first = boots[0];
  const kept = first ? `${first.boot} to ${boots.at(-1)?.boot}` : "none yet";
  throw new QueryError(`boot: there is no boot ${number} in the log; there are: ${kept}`);
}
