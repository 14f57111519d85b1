import type { ConsoleSession } from "@outrider/contracts/console";

/** Somebody at a console, as a line for people: who, what they do, by which way, since when. */
export function sessionLine({ actor, way, writes, idleMs, from, since }: ConsoleSession): string {
  const what = writes ? "types" : "looks on";
  const where = from === undefined ? "" : ` from ${from}`;
  return `${actor} ${what} by ${way}${where} since ${since}, idle ${Math.round(idleMs / 1000)} s`;
}
