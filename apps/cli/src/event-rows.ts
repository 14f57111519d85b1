import { agoText, type Columns } from "./output.js";

/** Something that happened, as the gateway tells it. */
export interface EventView {
  readonly id?: string;
  readonly at?: string;
  readonly kind: string;
  readonly node?: string;
  readonly agent?: string;
  readonly service?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** @param now when the ages are meant */
export function eventColumns(now: Date): Columns<EventView> {
  return {
    head: ["AGE", "KIND", "ABOUT", "WHAT"],
    name: ({ id = "-" }) => id,
    row: (event) => [agoText(event.at, now) || "-", event.kind, subjectOf(event), eventText(event)],
  };
}

export function subjectOf({ node, agent, service }: EventView): string {
  return node ?? agent ?? service ?? "-";
}

/** One line on what happened: the words that people look for first, in the order of a sentence. */
export function eventText({ kind, data }: EventView): string {
  if (kind === "node") {
    const { supply, host } = data as Record<"supply" | "host", { value?: string; stale?: boolean }>;
    const shown = (one: { value?: string; stale?: boolean } | undefined): string =>
      one?.stale ? `stale (was ${one.value})` : (one?.value ?? "-");
    return `supply ${shown(supply)}, host ${shown(host)}`;
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
  ];
  const said = words.flatMap((word) => {
    const value = data[word];
    return typeof value === "string" || typeof value === "number" ? [String(value)] : [];
  });
  return said.length > 0 ? said.join(" ") : JSON.stringify(data).slice(0, 200);
}
