import { foldNodes } from "@outrider/contracts/node-set";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import { nodeOfSubject } from "../alarms/alarm.js";
import type { Standing } from "../alarms/alarm.js";

/** What has become of an alarm since somebody was told last. */
export interface Change {
  readonly alarm: Standing;
  readonly what: "raised" | "over" | "still";
}

/** What several alarms have in common. */
export interface Cause {
  readonly kind: "agent" | "domain" | "rule";
  readonly id: string;
}

/** Told once, by one channel. */
export interface Message {
  readonly id: string;
  readonly site: string;
  readonly at: string;
  readonly kind: "raised" | "resolved" | "reminder" | "missed";
  readonly severity: AlarmSeverity;
  /** One line. */
  readonly title: string;
  /** Some lines. */
  readonly text: string;
  readonly cause?: Cause;
  /** Folded: `n[1-12]`; empty where it is about no node. */
  readonly nodes: string;
  readonly alarms: readonly ToldAlarm[];
  /** How many alarms there are, which may be more than are listed. */
  readonly total: number;
}

export interface ToldAlarm {
  readonly subject: string;
  readonly id: string;
  readonly rule: string;
  readonly severity: AlarmSeverity;
  readonly message: string;
  readonly raisedAt: string;
  readonly clearedAt?: string;
}

const MOST_LISTED = 100;
const MOST_LINES = 20;
const MOST_MISSED_LINES = 50;
const MOST_BRIEF_LINES = 5;

/** The message of changes that are told together. */
export function messageOf(
  changes: readonly Change[],
  cause: Cause | undefined,
  about: { readonly id: string; readonly site: string; readonly at: string },
): Message {
  const kind = kindOf(changes);
  const isCritical = changes.some(({ alarm }) => alarm.severity === "Critical");
  const severity = isCritical ? "Critical" : "Warning";
  const nodes = foldNodes(nodesOf(changes));
  const word = { raised: severity, resolved: "Resolved", reminder: `Still ${severity}` }[kind];
  return {
    ...about,
    kind,
    severity,
    title: plain(`[${about.site}] ${word}: ${headOf(changes, nodes, cause)}`).slice(0, 250),
    text: [...linesOf(changes), ...lastLines(changes, kind, about.at)].join("\n"),
    ...(cause === undefined ? {} : { cause }),
    nodes: nodes.slice(0, 10_000),
    alarms: changes.slice(0, MOST_LISTED).map(({ alarm }) => toldOf(alarm)),
    total: changes.length,
  };
}

/**
 * One message of those that a channel did not take, the oldest first; there is one at least.
 *
 * @param isBrief as short as can be, for a channel that refused what is longer
 */
export function missedMessage(missed: readonly Message[], at: string, isBrief = false): Message {
  const [first] = missed;
  const last = missed.at(-1);
  if (!first || !last) throw new TypeError("nothing was missed");
  const isCritical = missed.some(({ severity }) => severity === "Critical");
  const count = missed.length === 1 ? "a message was" : `${missed.length} messages were`;
  const most = isBrief ? MOST_BRIEF_LINES : MOST_MISSED_LINES;
  const more = missed.length - most;
  const lines = missed.slice(-most).map((one) => `${one.at} ${one.title}`);
  const alarms = isBrief ? [] : missed.flatMap((one) => one.alarms);
  return {
    // The same as long as it tells of the same.
    id: `missed-${last.id}-${missed.length}`,
    site: last.site,
    at,
    kind: "missed",
    severity: isCritical ? "Critical" : "Warning",
    title: plain(`[${last.site}] Missed: ${count} not taken, ${first.at} to ${last.at}`),
    text: [
      `${count} not taken here. \`outrider alarms\` says what stands now.`,
      ...(more > 0 ? [`${more} older ones, and`] : []),
      ...lines,
    ].join("\n"),
    nodes: "",
    alarms: alarms.slice(-MOST_LISTED),
    total: missed.reduce((sum, { total }) => sum + total, 0),
  };
}

function kindOf(changes: readonly Change[]): "raised" | "resolved" | "reminder" {
  if (changes.every(({ what }) => what === "over")) return "resolved";
  return changes.every(({ what }) => what === "still") ? "reminder" : "raised";
}

/** `12 nodes: n[1-12]: silent`, or of one alarm what it says. */
function headOf(changes: readonly Change[], nodes: string, cause: Cause | undefined): string {
  const [first] = changes;
  if (first && changes.length === 1)
    return `${subjectWords(first.alarm.subject)}: ${first.alarm.message}`;
  const rules = [...new Set(changes.map(({ alarm }) => alarm.rule))];
  const count = new Set(nodesOf(changes)).size;
  const set = nodes.length > 80 ? `${nodes.slice(0, 77)}...` : nodes;
  const who =
    count === 0 ? `${changes.length} alarms` : count === 1 ? set : `${count} nodes: ${set}`;
  const by = cause && cause.kind !== "rule" ? ` (${cause.kind} ${cause.id})` : "";
  return `${who}: ${rules.slice(0, 4).join(", ")}${rules.length > 4 ? ", …" : ""}${by}`;
}

/** When this is of, as it may arrive much later, and how whoever reads it stops its being told again. */
function lastLines(changes: readonly Change[], kind: Message["kind"], at: string): string[] {
  const [first] = changes;
  const is = `This is of ${atWords(at)}.`;
  if (kind === "resolved" || !first) return [is];
  const { subject, id } = first.alarm;
  if (changes.length > 1)
    return [`${is} Seen: \`outrider alarms ack\` with each name that \`outrider alarms\` has.`];
  return [plain(`${is} Seen: \`outrider alarms ack ${nodeOfSubject(subject) ?? subject}/${id}\``)];
}

/** Since when alarms stand, or stood. */
function spanOf(changes: readonly Change[]): string {
  const began = changes.map(({ alarm }) => alarm.raisedAt).toSorted();
  const ended = changes.flatMap(({ alarm }) => alarm.clearedAt ?? []).toSorted();
  const [from = ""] = began;
  const first = from === began.at(-1) ? "" : "the first ";
  const to = ended.at(-1);
  return to === undefined
    ? `${first}since ${atWords(from)}`
    : `${first === "" ? "" : "the first from "}${atWords(from)} to ${atWords(to)}`;
}

/** RFC 3339 to the second, in UTC. */
function atWords(at: string): string {
  return at.replace(/\.\d+Z$/, "Z");
}

/** One line for each rule, with the nodes folded, since when it is so, and what one of them says. */
function linesOf(changes: readonly Change[]): string[] {
  const buckets = Map.groupBy(
    changes,
    ({ alarm: { rule, severity }, what }) => `${what === "over" ? "over" : severity} ${rule}`,
  );
  const lines = [...buckets].flatMap(([bucket, inside]) => {
    const [first] = inside;
    if (!first) return [];
    const nodes = foldNodes(nodesOf(inside));
    const others = inside.filter(({ alarm }) => nodeOfSubject(alarm.subject) === undefined);
    const who = [
      ...(nodes === "" ? [] : [nodes]),
      ...new Set(others.map(({ alarm }) => subjectWords(alarm.subject))),
    ].join(", ");
    const example = inside.length === 1 ? "" : "for one: ";
    const what = `${example}${first.alarm.message} (${spanOf(inside)})`;
    return [plain(`${bucket} - ${who.slice(0, 500)}: ${what}`)];
  });
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...lines.slice(0, MOST_LINES), `and ${more} rules more`] : lines;
}

function nodesOf(changes: readonly Change[]): string[] {
  return changes.flatMap(({ alarm }) => nodeOfSubject(alarm.subject) ?? []);
}

/** `node:n1` → `n1`, `agent:rack-a` → `agent rack-a` */
function subjectWords(subject: string): string {
  return nodeOfSubject(subject) ?? subject.replace(":", " ");
}

function toldOf({
  subject,
  id,
  rule,
  severity,
  message,
  raisedAt,
  clearedAt,
}: Standing): ToldAlarm {
  return {
    subject,
    id,
    rule,
    severity,
    message: plain(message),
    raisedAt,
    ...(clearedAt === undefined ? {} : { clearedAt }),
  };
}

/** Devices say part of it: it must not be able to make lines or headers of its own. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, " ");
}
