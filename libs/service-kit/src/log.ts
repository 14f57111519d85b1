import type { Log } from "@outrider/messaging/log";
import { destination, pino, stdTimeFunctions } from "pino";

/** JSON lines on standard error: one object an event, its fields first, no secrets and no console bytes. */
export function createLog(name: string, level = process.env["OUTRIDER_LOG_LEVEL"] ?? "info"): Log {
  const logger = pino(
    {
      level,
      base: { pid: process.pid, program: name },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: false }),
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
