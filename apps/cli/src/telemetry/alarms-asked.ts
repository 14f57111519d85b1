import { NodeSetError, parseNodeSet } from "@outrider/contracts/node-set";
import type { AlarmRecord } from "@outrider/contracts/telemetry-pages";
import { alarmName, alarmOfName } from "./alarm-rows.js";

/** Alarms as somebody named them: one, or those of a rule that stand at some nodes. */
export type AlarmsAsked =
  | { readonly subject: string; readonly alarm: string }
  | { readonly nodes: string; readonly rule: string };

/** @param text `n1/silent`, `agent:rack-a/agent-clock`, `n[1-8]/silent`; undefined for what is none of these */
export function alarmsAsked(text: string): AlarmsAsked | undefined {
  const one = alarmOfName(text);
  if (one) return one;
  const [, nodes = "", rule = ""] = /^([^:]+)\/([a-z0-9-]{1,127})$/.exec(text) ?? [];
  try {
    parseNodeSet(nodes);
    return { nodes, rule };
  } catch (error) {
    if (error instanceof NodeSetError) return undefined;
    throw error;
  }
}

/** Of alarms that stand those that nobody has seen, by the alarm's own name or its rule's. */
export function unseenOf(alarms: readonly AlarmRecord[], rule: string): AlarmRecord[] {
  return alarms.filter((one) => !one.acknowledged && (one.id === rule || one.rule === rule));
}

/** As a person types them, quoted for a shell where need be. */
export function askedText(nodes: string, rule: string): string {
  const text = alarmName({ subject: nodes, id: rule });
  return /^[a-z0-9:/-]+$/.test(text) ? text : `'${text}'`;
}
