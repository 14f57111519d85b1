import type { Transition } from "@outrider/contracts/transition";
import { agoText, type Columns } from "./output.js";

const NODES_SHOWN = 60;

/** What an event of a transition does not say of it. */
export type Known = Pick<Transition, "action" | "nodes" | "total" | "actor">;

/** Something that happened, as the gateway tells it. */
export interface EventView {
  readonly id?: string;
  readonly at?: string;
  readonly kind: string;
  readonly node?: string;
  readonly agent?: string;
  readonly service?: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** What was looked up of the transition that it tells of. */
  readonly transition?: Known;
}

/** @param now when the ages are meant */
export function eventColumns(now: Date): Columns<EventView> {
  return {
    things: "events",
    head: ["AGE", "KIND", "ABOUT", "WHAT"],
    name: ({ id = "-" }) => id,
    row: (event) => [agoText(event.at, now) || "-", event.kind, subjectOf(event), eventText(event)],
  };
}

export function subjectOf({ kind, node, agent, service, data }: EventView): string {
  if (kind === "alarm" && typeof data["subject"] === "string") return data["subject"];
  return node ?? agent ?? service ?? "-";
}

/** One line on what happened: the words that people look for first, in the order of a sentence. */
export function eventText(event: EventView): string {
  const { kind, data } = event;
  if (kind === "transition") return transitionText(event);
  if (kind === "node") {
    const { supply, host } = data as Record<"supply" | "host", { value?: string; stale?: boolean }>;
    const shown = (one: { value?: string; stale?: boolean } | undefined): string =>
      one?.stale ? `stale (was ${one.value})` : (one?.value ?? "-");
    return `supply ${shown(supply)}, host ${shown(host)}`;
  }
  if (kind === "alarm") {
    const { id, severity, message, stands } = data;
    return stands === false
      ? `${String(id)} is over`
      : `${String(id)}: ${String(severity)}: ${String(message)}`;
  }
  if (typeof data["message"] === "string" && typeof data["severity"] === "string") {
    return `${data["severity"]}: ${data["message"]}`;
  }
  const words = [
    "action",
    "status",
    "state",
    "reasonCode",
    "severity",
    "message",
    "detail",
    "nodes",
    "actor",
    "holder",
    "appliedBy",
  ];
  const inner = innerData(event);
  const said = words.flatMap((word) => {
    const value = inner[word];
    return typeof value === "string" || typeof value === "number" ? [String(value)] : [];
  });
  return said.length > 0 ? said.join(" ") : JSON.stringify(inner).slice(0, 200);
}

/** What a service tells stands one level deeper, below what it tells it of. */
export function innerData({ data }: EventView): Readonly<Record<string, unknown>> {
  const { data: inner } = data;
  return typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>) : data;
}

/** `PowerCycle of c[1-60]: InProgress, 12 of 60 done (person:admin)` */
function transitionText(event: EventView): string {
  const { state, counts } = innerData(event);
  const { transition, data } = event;
  const given = (counts ?? {}) as Partial<Transition["counts"]>;
  const total = Object.values(given).reduce((sum, count) => sum + count, 0);
  const { succeeded = 0, waiting = 0, running = 0 } = given;
  const wrong = total - succeeded - waiting - running;
  const nodes = transition?.nodes ?? "";
  const shown = nodes.length > NODES_SHOWN ? `${nodes.slice(0, NODES_SHOWN - 1)}…` : nodes;
  const { subject } = data;
  const what = transition
    ? `${transition.action} of ${shown}`
    : `transition ${typeof subject === "string" ? subject : "-"}`;
  const done = `${succeeded} of ${transition?.total ?? total} done`;
  const who = transition ? ` (${transition.actor})` : "";
  return `${what}: ${String(state)}, ${done}${wrong > 0 ? `, ${wrong} not as asked` : ""}${who}`;
}
