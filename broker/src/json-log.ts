import type { Log } from "./log.js";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** One JSON object a line; control characters and line breaks in values are escaped by JSON itself. */
export function jsonLog(
  name: string,
  level: Level,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const at =
    (own: Level) =>
    (fields: object, message: string): void => {
      if (LEVELS.indexOf(own) < LEVELS.indexOf(level)) return;
      const time = new Date().toISOString();
      const line = { level: own, time, pid: process.pid, ...fields, program: name, msg: message };
      write(`${JSON.stringify(line)}\n`);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
