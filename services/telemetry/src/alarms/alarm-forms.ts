import { ALARM_SEVERITIES, type AlarmState } from "@outrider/contracts/telemetry";
import type { AlarmRecord } from "@outrider/contracts/telemetry-pages";
import type { Statement } from "@outrider/storage/storage";
import { toJson } from "@outrider/storage/values";
import type { Point } from "../store/store.js";
import { nodeOfSubject, type Alarm, type Standing } from "./alarm.js";

/** What one alarm is on the bus, in an answer, in the database and among points in time. */

export function stateOf(alarm: Alarm): AlarmState {
  const { id, rule, kind, severity, message, raisedAt, value, limit, unit, acknowledged } = alarm;
  return {
    id,
    rule,
    kind,
    severity,
    message: message.slice(0, 1000),
    raisedAt,
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
    ...(unit === undefined ? {} : { unit }),
    ...(acknowledged === undefined ? {} : { acknowledged }),
  };
}

export function recordOf(alarm: Standing): AlarmRecord {
  const { seq, subject, clearedAt, flaps } = alarm;
  return {
    ...stateOf(alarm),
    seq,
    subject,
    ...(clearedAt === undefined ? {} : { clearedAt }),
    ...(flaps === undefined ? {} : { flaps }),
  };
}

export function statementOf({ seq, ...alarm }: Standing): Statement {
  const { subject, id, severity, raisedAt, clearedAt } = alarm;
  return {
    sql: `INSERT INTO telemetry_alarms (seq, subject, node, id, severity, raised_ms, cleared_ms, alarm)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO UPDATE SET severity = excluded.severity,
        cleared_ms = excluded.cleared_ms, alarm = excluded.alarm`,
    params: [
      seq,
      subject,
      nodeOfSubject(subject) ?? null,
      id,
      severity,
      Date.parse(raisedAt),
      clearedAt === undefined ? null : Date.parse(clearedAt),
      toJson(alarm),
    ],
  };
}

/** How it stands at a time. @param atMs milliseconds since 1970 */
export function pointOf({ subject, id, severity, clearedAt }: Standing, atMs: number): Point {
  const node = nodeOfSubject(subject);
  const code = clearedAt === undefined ? ALARM_SEVERITIES.indexOf(severity) + 1 : 0;
  const fields = { severity: code };
  return node === undefined
    ? { measurement: "site_alarm", tags: { subject, alarm: id }, atMs, fields }
    : { measurement: "node_alarm", tags: { node, alarm: id }, atMs, fields };
}
