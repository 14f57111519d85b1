import { foldNodes } from "@outrider/contracts/node-set";
import type { AlarmRecord } from "@outrider/contracts/telemetry-pages";
import { countText } from "../count.js";
import type { Finding } from "../findings.js";
import { agoText } from "../output.js";
import { alarmName } from "./alarm-rows.js";
import { askedText } from "./alarms-asked.js";
import { logOf } from "../service-log.js";

/** What the doctor was told of alarms. */
export interface LookedAlarms {
  /** Those that stand. Undefined: they could not be asked for. */
  readonly alarms?: readonly AlarmRecord[] | undefined;
  /** Why not. */
  readonly alarmsProblem?: string | undefined;
  /** When they were told. */
  readonly now?: Date | undefined;
}

/** More are a list of their own. */
const MOST = 20;

/** Alarms that stand, the worst first, those of one rule together: a dead switch is one finding and not forty. */
export function alarmFindings({
  alarms,
  alarmsProblem,
  now = new Date(),
}: LookedAlarms): Finding[] {
  if (!alarms) {
    if (alarmsProblem === undefined) return [];
    return [
      {
        level: "warning",
        what: `which alarms stand is not known: ${alarmsProblem}`,
        advice: `see that the telemetry service runs; look into ${logOf("telemetry")}`,
      },
    ];
  }
  if (alarms.length === 0) return [{ level: "ok", what: "no alarm stands", advice: "" }];
  const groups = [...Map.groupBy(alarms, groupOf).values()].map((group) =>
    group.toSorted(oldestFirst),
  );
  groups.sort(([a], [b]) => (a && b ? worstFirst(a, b) : 0));
  const said = groups.slice(0, MOST).map((group) => findingOf(group, now));
  const left = groups.slice(MOST).flat().length;
  if (left > 0) {
    said.push({
      level: "warning",
      what: countText(left, "more alarm stands", "more alarms stand"),
      advice: "see `outrider alarms`",
    });
  }
  return said;
}

/** Of nodes those of one rule and severity, seen or not; of anything else each by itself. */
function groupOf({ subject, id, rule, severity, acknowledged }: AlarmRecord): string {
  const which = subject.startsWith("node:") ? rule : `${subject} ${id}`;
  return `${severity} ${acknowledged ? "seen" : "new"} ${which}`;
}

function findingOf(group: readonly AlarmRecord[], now: Date): Finding {
  const [alarm] = group;
  const newest = group.at(-1);
  if (!alarm || !newest) throw new TypeError("a group has an alarm");
  const { severity, message, raisedAt, acknowledged } = alarm;
  const nodes = [...new Set(group.map(({ subject }) => subject.replace(/^node:/, "")))];
  const [first, last] = [agoText(raisedAt, now), agoText(newest.raisedAt, now)];
  const age = first === last ? first : `${last} to ${first}`;
  const seen = acknowledged
    ? `, seen by ${acknowledged.actor}${acknowledged.comment === undefined ? "" : ` (${acknowledged.comment})`}`
    : "";
  const what =
    group.length === 1
      ? `${nodes[0]}: ${message}`
      : `${foldNodes(nodes)}: ${alarm.rule}, ${countText(group.length, "alarm")}; ${nodes[0]}: ${message}`;
  const name = group.length === 1 ? alarmName(alarm) : askedText(foldNodes(nodes), alarm.rule);
  return {
    level: severity === "Critical" ? "error" : "warning",
    what: `${what} (${severity} for ${age}${seen})`,
    advice: [
      lookOf(alarm, foldNodes(nodes)),
      ...(acknowledged ? [] : [`\`outrider alarms ack ${name}\` once seen`]),
    ].join("; "),
  };
}

/** Where to look next. @param set of the nodes that have it, folded */
function lookOf({ subject, kind }: AlarmRecord, set: string): string {
  if (!subject.startsWith("node:")) return `see \`outrider alarms\` and \`outrider events\``;
  const nodes = /^[a-z0-9-]+$/.test(set) ? set : `'${set}'`;
  switch (kind) {
    case "threshold":
    case "rate":
      return `see \`outrider sensors ${nodes} --history 6h\``;
    case "missing":
      return `see \`outrider sensors ${nodes}\` for why`;
    case "silent":
      return `see \`outrider power status ${nodes}\`, then the console log`;
    case "clock":
    case "fault":
      return `see \`outrider events ${nodes} --since 1d\``;
    default:
      return kind satisfies never;
  }
}

function worstFirst(a: AlarmRecord, b: AlarmRecord): number {
  const rank = ({ severity }: AlarmRecord): number => Number(severity === "Critical");
  const isSeen = ({ acknowledged }: AlarmRecord): number => Number(acknowledged !== undefined);
  return rank(b) - rank(a) || isSeen(a) - isSeen(b) || oldestFirst(a, b);
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

function oldestFirst(a: AlarmRecord, b: AlarmRecord): number {
  if (a.raisedAt !== b.raisedAt) return a.raisedAt < b.raisedAt ? -1 : 1;
  return COLLATOR.compare(a.subject, b.subject);
}
