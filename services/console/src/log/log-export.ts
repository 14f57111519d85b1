import type { ConsoleLog, ExportFormat, ReadOptions, TextItem } from "./console-log.js";
import type { LogGap, LogRange } from "./log-format.js";

/** Chunks are about this long. */
const CHUNK_CHARACTERS = 32_768;

/**
 * A range of a log as a file. As text, `lastLines` counts what stands in lines of the file: marks and gaps too, which can
 * be many where a machine is silent and people come and go.
 */
export async function* exportLog(
  log: Pick<ConsoleLog, "read" | "readText">,
  range: LogRange,
  format: ExportFormat,
  options: ReadOptions = {},
): AsyncGenerator<Buffer> {
  if (format === "raw") {
    for await (const item of log.read(range, options)) {
      if (item.kind === "bytes") yield item.bytes;
    }
    return;
  }
  const lineOf = format === "text" ? textLine : jsonLine;
  let chunk = "";
  let left = await tooMany(log, range, options.signal);
  for await (const item of log.readText(range, options)) {
    left -= 1;
    if (left >= 0) continue;
    chunk += `${lineOf(item)}\n`;
    // Who follows wants each line as it comes.
    if (chunk.length < CHUNK_CHARACTERS && !options.follow) continue;
    yield Buffer.from(chunk);
    chunk = "";
  }
  if (chunk !== "") yield Buffer.from(chunk);
}

/** How many items a range has beyond the last lines that are wanted: it begins with a line, and notes come on top. */
async function tooMany(
  log: Pick<ConsoleLog, "readText">,
  range: LogRange,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (!("lastLines" in range.from)) return 0;
  let items = 0;
  // Counted first and not kept: there may be millions.
  for await (const _ of log.readText(range, { signal })) items += 1;
  return Math.max(0, items - range.from.lastLines);
}

/** RFC 3339 in UTC with microseconds. */
export function microTimestamp(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const rest = Math.floor(micros - milliseconds * 1000);
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${String(rest).padStart(3, "0")}Z`;
}

/** A gap as a sentence. */
export function gapSentence(gap: Omit<LogGap, "kind" | "position">): string {
  const what = gap.lost === undefined ? "bytes may be missing" : `${gap.lost} bytes are missing`;
  const from = microTimestamp(gap.fromMicros);
  return `${what} between ${from} and ${microTimestamp(gap.toMicros)}: ${gap.reason}`;
}

function textLine(item: TextItem): string {
  switch (item.kind) {
    case "line":
      return `${microTimestamp(item.wentOnMicros ?? item.atMicros)} ${item.text}`;
    case "gap":
      return `[outrider: ${gapSentence(item)}]`;
    case "mark":
      return `[outrider: ${microTimestamp(item.atMicros)} ${item.text.replaceAll(/\p{Cc}/gu, " ")}]`;
  }
}

function jsonLine(item: TextItem): string {
  switch (item.kind) {
    case "line":
      return JSON.stringify({
        at: microTimestamp(item.atMicros),
        ...(item.wentOnMicros === undefined ? {} : { wentOn: microTimestamp(item.wentOnMicros) }),
        line: item.line,
        position: item.position,
        text: item.text,
        ...(item.ended ? {} : { ended: false }),
      });
    case "gap":
      return JSON.stringify({
        at: microTimestamp(item.fromMicros),
        position: item.position,
        gap: {
          reason: item.reason,
          lost: item.lost ?? null,
          from: microTimestamp(item.fromMicros),
          to: microTimestamp(item.toMicros),
        },
      });
    case "mark":
      return JSON.stringify({
        at: microTimestamp(item.atMicros),
        position: item.position,
        mark: item.text,
      });
  }
}
