import { systemClock, type Duration } from "@outrider/contracts/clock";
import type { NodeSensors } from "@outrider/contracts/telemetry-pages";
import type { Console } from "../console.js";
import type { ExitCode } from "../exit-code.js";
import { plain, table } from "../plain.js";
import { SENSORS, type SensorRow } from "./sensor-rows.js";

export interface SensorWatch {
  readonly every: Duration;
  /** An object a line, in the place of a table. */
  readonly jsonl: boolean;
  readonly read: () => Promise<readonly NodeSensors[]>;
  readonly rows: (nodes: readonly NodeSensors[]) => readonly SensorRow[];
}

/**
 * Shows what sensors say, until Ctrl-C: to a terminal as a table that stays in its place, else each reading once, on a
 * line of its own.
 */
export async function watchSensors(
  { every, jsonl, read, rows }: SensorWatch,
  console: Console,
): Promise<ExitCode> {
  const { output, outputIsTerminal } = console.bytes;
  const seen = new Map<string, string>();
  for (;;) {
    const found = rows(await read());
    if (outputIsTerminal && !jsonl) output.write(screen(found, sizeOf(output)));
    else {
      for (const row of found) {
        const name = SENSORS.name(row);
        if (seen.get(name) === row.at) continue;
        seen.set(name, row.at);
        console.out(jsonl ? JSON.stringify(row) : plain(lineOf(row)));
      }
    }
    await systemClock.sleep(every, console.interrupted);
  }
}

/** A whole screen from its top left, and nothing of what was below it. */
export function screen(
  rows: readonly SensorRow[],
  { columns, lines }: { readonly columns: number; readonly lines: number },
): string {
  const all = table([SENSORS.head, ...rows.map((row) => SENSORS.row(row).map(plain))]).split("\n");
  const room = Math.max(2, lines - 1);
  const more = all.length - room;
  const shown = more > 0 ? [...all.slice(0, room - 1), `… and ${more + 1} more`] : all;
  const cut = shown.map((line) => `${[...line].slice(0, columns).join("")}\u001b[K`);
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
