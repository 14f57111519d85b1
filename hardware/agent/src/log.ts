import type { Log } from "@outrider/messaging/log";
import { destination, pino, stdTimeFunctions, type Logger } from "pino";

/** A log whose lines all bear certain fields. */
export interface AgentLog extends Log {
  /** The same log with more fields on each line. */
  with(fields: object): AgentLog;
}

/** JSON lines on standard error: one object an event, its fields first, no secrets and no console bytes. */
export function createLog(level = process.env["OUTRIDER_LOG_LEVEL"] ?? "info"): AgentLog {
  return wrap(
    pino(
      {
        level,
        base: { pid: process.pid, program: "agent" },
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination({ fd: 2, sync: false }),
    ),
  );
}

/** Adds fields to any log. */
export function logWith(log: Log, fields: object): AgentLog {
  return {
    debug: (more, message) => log.debug({ ...fields, ...more }, message),
    info: (more, message) => log.info({ ...fields, ...more }, message),
    warn: (more, message) => log.warn({ ...fields, ...more }, message),
    error: (more, message) => log.error({ ...fields, ...more }, message),
    with: (more) => logWith(log, { ...fields, ...more }),
  };
}

function wrap(logger: Logger): AgentLog {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    with: (fields) => wrap(logger.child(fields)),
  };
}
