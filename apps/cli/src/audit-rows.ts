import { CONSOLE_ACTS, POWER_COMMAND_ACT, type AuditRecord } from "@outrider/contracts/audit";
import { foldNodes } from "@outrider/contracts/node-set";
import type { Columns } from "./output.js";

/** All that the services record; a later version may know more. */
export const ACTS: readonly string[] = [
  POWER_COMMAND_ACT,
  "power.actuate",
  "power.transition",
  "power.transition.abort",
  "power.drain",
  "power.undrain",
  "lock.acquire",
  "lock.release",
  "lock.break",
  ...CONSOLE_ACTS.map((act) => `console.${act}`),
  "alarm.acknowledge",
  "node.identify",
  "agent.detect",
  "site.apply",
  "proposal.dismiss",
  "session.sign-in",
  "session.sign-out",
  "session.revoke",
  "user.create",
  "user.change",
  "user.change-password",
  "user.reset-password",
  "user.remove",
  "token.create",
  "token.revoke",
  "key.add",
  "key.remove",
  "audit.prune",
  "audit.end-missing",
];
const NODES_SHOWN = 60;

export const RECORDS: Columns<AuditRecord> = {
  things: "audit records",
  head: ["AT", "LOG", "SEQ", "STAGE", "ACTOR", "VIA", "ACT", "SUBJECT", "WHAT", "REASON"],
  name: ({ log, seq }) => `${log}/${seq}`,
  row: ({ at, log, seq, stage, actor, via, act, subject, reason, data = {} }) => [
    at,
    log,
    String(seq),
    stage,
    actor,
    viaText(via, data),
    act,
    subject,
    whatText(data),
    reason ?? "",
  ],
};

/** The acts that are meant by a name or the end of one: `transition.abort`, `remove`. What is not known is asked as it is. */
export function actsOf(text: string): readonly string[] {
  if (ACTS.includes(text)) return [text];
  const ending = ACTS.filter((act) => act.endsWith(`.${text}`));
  return ending.length > 0 ? ending : [text];
}

/** By which way of those that count as one: `cli (telnet)`. */
function viaText(via: string, { way }: Readonly<Record<string, unknown>>): string {
  return typeof way !== "string" || way === via ? via : `${via} (${way})`;
}

/** What was done or came of it, in the words that people look for. */
export function whatText(data: Readonly<Record<string, unknown>>): string {
  const words = ["action", "state", "status", "reasonCode"].flatMap((word) => {
    const value = data[word];
    return typeof value === "string" ? [value] : [];
  });
  words.push(...consoleWords(data));
  const { nodes, command } = data;
  if (nodes !== undefined) words.push(`of ${nodesText(nodes)}`);
  if (typeof command === "string") words.push(`command ${command}`);
  return words.join(" ");
}

/** What was done at a console: keys, settings, for how long, from whom, and why it was not. */
function consoleWords(data: Readonly<Record<string, unknown>>): string[] {
  const { mode, keys, name, line, settings, characters, dtr, rts, from, whom, session } = data;
  const word = (value: unknown): string[] =>
    typeof value === "string" || typeof value === "number" ? [String(value)] : [];
  const labelled = (label: string, value: unknown): string[] =>
    word(value).map((text) => `${label} ${text}`);
  return [
    ...word(mode),
    ...(Array.isArray(keys) ? [keys.join(", ")] : []),
    ...(session === undefined ? word(name) : []),
    ...word(line),
    ...word(settings),
    ...labelled("for", data["for"]),
    ...labelled("for", typeof data["ms"] === "number" ? `${data["ms"]} ms` : undefined),
    ...word(characters).map((count) => `${count} characters`),
    ...(typeof dtr === "boolean" ? [`DTR ${dtr ? "on" : "off"}`] : []),
    ...(typeof rts === "boolean" ? [`RTS ${rts ? "on" : "off"}`] : []),
    ...word(whom),
    ...labelled("from", data["address"] ?? from),
    ...labelled("by", data["method"]),
    ...(data["refused"] === undefined ? [] : [`refused${reasonOf(data["refused"])}`]),
    ...labelled("failed:", data["failed"]),
  ];
}

const reasonOf = (refused: unknown): string => (typeof refused === "string" ? `: ${refused}` : "");

function nodesText(nodes: unknown): string {
  const folded = Array.isArray(nodes) ? foldNodes(nodes.map(String)) : String(nodes);
  return folded.length > NODES_SHOWN ? `${folded.slice(0, NODES_SHOWN - 1)}…` : folded;
}
