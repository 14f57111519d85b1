import { systemClock, type Duration } from "@outrider/contracts/clock";
import type { NodeSensors } from "@outrider/contracts/telemetry-pages";
import type { Api } from "../api.js";
import type { Console } from "../console.js";
import { ageText } from "../output.js";
import { plain, table } from "../plain.js";
import { followLive } from "./follow-live.js";
import { SENSORS, type SensorRow } from "./sensor-rows.js";

export interface SensorWatch {
  readonly nodes: string;
  /** How often a terminal is drawn anew. */
  readonly every: Duration;
  /** An object a line, in the place of a table. */
  readonly jsonl: boolean;
  readonly rows: (nodes: readonly NodeSensors[]) => readonly SensorRow[];
}

interface Known {
  readonly told: NodeSensors;
  readonly heardMs: number;
}

/**
 * Shows what sensors say as it comes, until Ctrl-C: to a terminal as a table that stays in its place and whose ages go
 * on, else each reading once, on a line of its own. While the gateway is away this is said.
 */
export function watchSensors(
  api: Api,
  { nodes, every, jsonl, rows }: SensorWatch,
  console: Console,
): Promise<never> {
  const { output, outputIsTerminal } = console.bytes;
  const query = (): { nodes: string } => ({ nodes });
  if (!outputIsTerminal || jsonl) {
    const seen = new Map<string, string>();
    let isQuiet = true;
    const take = (told: NodeSensors): void => {
      const found = rows([told]);
      if (found.length === 0 && isQuiet) {
        console.error(plain(`outrider: nothing of this was ever read of ${told.node}; waiting`));
      }
      isQuiet = false;
      for (const row of found) {
        const name = SENSORS.name(row);
        if (seen.get(name) === row.at) continue;
        seen.set(name, row.at);
        console.out(jsonl ? JSON.stringify(row) : plain(lineOf(row)));
      }
    };
    const lost = (why: string | undefined): void =>
      console.error(plain(`outrider: ${wayText(why)}`));
    return followLive<NodeSensors>(api, { path: "/sensors/live", query, take, lost }, console);
  }
  const known = new Map<string, Known>();
  let away: { readonly why: string; readonly sinceMs: number } | undefined;
  const draw = (): void => {
    const nowMs = systemClock.monotonicMs();
    const aged = [...known.values()].map(({ told, heardMs }) => agedBy(told, nowMs - heardMs));
    const note = away && `not connected for ${ageText(nowMs - away.sinceMs)}: ${away.why}`;
    output.write(screen(rows(aged), sizeOf(output), note));
  };
  const take = (told: NodeSensors): void => {
    const isFirst = known.size === 0;
    known.set(told.node, { told, heardMs: systemClock.monotonicMs() });
    if (isFirst) draw();
  };
  const lost = (why: string | undefined): void => {
    if (why === undefined) away = undefined;
    else away ??= { why, sinceMs: systemClock.monotonicMs() };
    draw();
  };
  const stopDrawing = systemClock.every(every, () => {
    if (known.size > 0) draw();
  });
  return followLive<NodeSensors>(
    api,
    { path: "/sensors/live", query, take, lost },
    console,
  ).finally(stopDrawing);
}

/** The same some time later: ages go on, and past its time a value is stale (P9). */
export function agedBy({ node, sensors, heartbeats }: NodeSensors, ms: number): NodeSensors {
  const older = <T extends { ageMs: number; stale: boolean; staleAfterMs: number }>(one: T): T => {
    const ageMs = one.ageMs + Math.max(0, ms);
    return { ...one, ageMs, stale: one.stale || ageMs > one.staleAfterMs };
  };
  return { node, sensors: sensors.map(older), heartbeats: heartbeats.map(older) };
}

/** That a stream has broken off, or is there again. */
export function wayText(why: string | undefined): string {
  return why === undefined
    ? "connected again"
    : `not connected (${why}); going on as soon as that can be`;
}

/** A whole screen from its top left, and nothing of what was below it. @param note stands below all */
export function screen(
  rows: readonly SensorRow[],
  { columns, lines }: { readonly columns: number; readonly lines: number },
  note?: string,
): string {
  const all = table([SENSORS.head, ...rows.map((row) => SENSORS.row(row).map(plain))]).split("\n");
  if (rows.length === 0) all.push("nothing was ever read of these nodes");
  const room = Math.max(2, lines - (note === undefined ? 1 : 2));
  const more = all.length - room;
  const shown = more > 0 ? [...all.slice(0, room - 1), `… and ${more + 1} more`] : all;
  const noted = note === undefined ? shown : [...shown, plain(note)];
  const cut = noted.map((line) => `${[...line].slice(0, columns).join("")}\u001b[K`);
  return `\u001b[H${cut.join("\n")}\n\u001b[J`;
}

function lineOf({ node, sensor, quantity = "-", value, at, note }: SensorRow): string {
  const text = `${at}  ${node.padEnd(8)}  ${sensor.padEnd(10)}  ${quantity.padEnd(20)}  ${value}`;
  return note === "" ? text : `${text}  ${note}`;
}

function sizeOf(output: unknown): { readonly columns: number; readonly lines: number } {
  const { columns, rows } = output as { readonly columns?: number; readonly rows?: number };
  // One that does not know its size says 0.
  return { columns: columns || 80, lines: rows || 24 };
}
