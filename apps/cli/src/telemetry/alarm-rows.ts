import type { AlarmRecord } from "@outrider/contracts/telemetry-pages";
import { agoText, type Columns } from "../output.js";

/** How an alarm is named here: `n1/soc-temperature`, `agent:rack-a/agent-clock`. */
export function alarmName({ subject, id }: Pick<AlarmRecord, "subject" | "id">): string {
  return `${subject.replace(/^node:/, "")}/${id}`;
}

/** @returns undefined for what is no such name */
export function alarmOfName(name: string): { subject: string; alarm: string } | undefined {
  const [, kind = "node:", subject, alarm] =
    /^(node:|agent:|domain:|service:)?([a-z0-9-]{1,63})\/([a-z0-9-]{1,127})$/.exec(name) ?? [];
  return subject === undefined || alarm === undefined
    ? undefined
    : { subject: kind + subject, alarm };
}

/** @param now when the ages are meant */
export function alarmColumns(now: Date): Columns<AlarmRecord> {
  return {
    things: "alarms",
    head: ["ALARM", "SEVERITY", "AGE", "STATE", "MESSAGE"],
    name: alarmName,
    row: (alarm) => [
      alarmName(alarm),
      alarm.severity,
      agoText(alarm.raisedAt, now),
      stateText(alarm, now),
      alarm.message,
    ],
  };
}

function stateText({ clearedAt, acknowledged, flaps }: AlarmRecord, now: Date): string {
  return [
    clearedAt === undefined ? "stands" : `over for ${agoText(clearedAt, now)}`,
    acknowledged ? `seen by ${acknowledged.actor}${commentText(acknowledged.comment)}` : "",
    flaps === undefined ? "" : `came and went ${flaps} times`,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function commentText(comment: string | undefined): string {
  return comment === undefined ? "" : ` (${comment})`;
}
