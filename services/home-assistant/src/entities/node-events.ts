import { INCIDENT_KINDS } from "@outrider/contracts/agent";
import { nodeEvent } from "@outrider/contracts/node";
import type { Entity } from "./device.js";
import { nodeTopic, quoted } from "./topics.js";

/** Kinds of events that somebody may want to do something about: each is a device trigger, too. */
export const TRIGGER_KINDS = [
  ...INCIDENT_KINDS,
  "alarm-raised",
  "alarm-cleared",
  "heartbeat-missed",
  "heartbeat-late",
  "heartbeat-returned",
  "node-silent",
  "node-alive",
  "console-panic",
  "console-oom-kill",
  "console-oops",
  "console-under-voltage",
  "console-login",
  "console-halted",
  "console-rule",
] as const;

/** The other kinds that services tell. A kind that is in neither list is `other`. */
const MORE_KINDS = [
  "alarm-acknowledged",
  "alarm-changed",
  "configuration-refused",
  "console-capture",
  "console-capture-failed",
  "console-clock",
  "console-gap",
  "console-port",
  "console-rule-interrupted",
  "console-rules-behind",
  "console-script",
  "console-taken",
  "identify-failed",
  "lock",
  "lock-broken",
  "transition",
  "undrain-failed",
] as const;

const KINDS = [...TRIGGER_KINDS, ...MORE_KINDS];

/** What happens to a node: one entity for all, and a trigger for what one would act on. */
export function eventEntities(node: string): Entity[] {
  const topic = nodeTopic(nodeEvent, node);
  const known = `value_json.kind in [${KINDS.map(quoted).join(", ")}]`;
  return [
    {
      key: "events",
      platform: "event",
      config: {
        name: "Events",
        icon: "mdi:timeline-alert",
        state_topic: topic,
        event_types: [...KINDS, "other"],
        value_template:
          `{{ {'event_type': value_json.kind if ${known} else 'other', 'kind': value_json.kind,` +
          " 'severity': value_json.severity, 'message': value_json.message, 'at': value_json.at," +
          " 'data': value_json.data | default({})} | to_json }}",
      },
    },
    ...TRIGGER_KINDS.map((kind): Entity => ({
      key: `on_${kind.replaceAll("-", "_")}`,
      platform: "device_automation",
      config: {
        automation_type: "trigger",
        type: "event",
        subtype: kind,
        topic,
        payload: kind,
        value_template: "{{ value_json.kind }}",
      },
    })),
  ];
}
