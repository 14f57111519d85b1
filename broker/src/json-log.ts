import type { Log } from "./log.js";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** One JSON object a line; control characters and line breaks in values are escaped by JSON itself. */
export function jsonLog(
  name: string,
  least: Level,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const at =
    (level: Level) =>
    (fields: object, message: string): void => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
      const time = new Date().toISOString();
      const own = { level, time, pid: process.pid, program: name, msg: message };
      // Twice: first in the line for whoever reads it, and last in force whatever the fields are called.
      write(`${JSON.stringify({ ...own, ...fields, ...own })}\n`);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
