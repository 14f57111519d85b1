import { Matches } from "class-validator";
import { Optional, Text } from "./decorators.js";
import { operation } from "./service-plane.js";
import { ALARM_ID_PATTERN, AlarmState, SUBJECT_PATTERN } from "./telemetry.js";

/** What the gateway asks of the telemetry service by message. What is larger goes over its listener. */

export class AcknowledgeAlarm {
  /** `node:n1`, `agent:rack-a`, `domain:psu-a`, `service:telemetry` */
  @Matches(SUBJECT_PATTERN) subject!: string;
  /** Its name among those of its subject. */
  @Matches(ALARM_ID_PATTERN) id!: string;
  @Optional() @Text(500) comment?: string;
}

export const acknowledgeAlarm = operation("telemetry", "acknowledge-alarm", {
  request: AcknowledgeAlarm,
  reply: AlarmState,
  summary: "Says that somebody has seen an alarm. It stays until what it tells of is over.",
});
