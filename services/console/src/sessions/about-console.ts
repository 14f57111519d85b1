import type { Console } from "./console.js";
import { lineText } from "./line-settings.js";
import { timeOfMicros } from "./micros.js";
import type { Place } from "./place.js";
import { seemly } from "./seemly.js";

/** How a console is reached and how it fares, a line each, for a person who sits at it. */
export function aboutConsole(console: Console, place: Place): string[] {
  const { node, declared, far, link, log, writer, places, wire } = console;
  const { agent, driver } = declared.policy;
  const { device, line, modem, closed } = far.condition ?? {};
  const on = modem && Object.entries(modem).flatMap(([name, isOn]) => (isOn ? [name] : []));
  const viewers = places.length - (writer ? 1 : 0);
  const bytes = log.next - log.first;
  return [
    `${node} (${declared.name}): ${place.writes ? "you type" : "you look on"}`,
    `agent ${agent}, driver ${driver}${device === undefined ? "" : `, device ${device}`}`,
    `link: ${link.value} since ${link.since}${link.detail === undefined ? "" : `: ${link.detail}`}`,
    ...(closed ? [`closed by ${closed.actor} until ${closed.until}`] : []),
    ...(line ? [`line: ${lineText(line)}${wire.change ? declaredText(wire.change) : ""}`] : []),
    ...(on ? [`modem lines on: ${on.length > 0 ? on.join(", ") : "none"}`] : []),
    `types: ${writer ? `${writer.visitor.actor} by ${writer.visitor.way}` : "nobody"}; look on: ${viewers}`,
    `log: ${bytes} bytes of ${log.boots.length} boots, ${log.bytesOnDisk} on the disk${
      log.lostBytes > 0 ? `, ${log.lostBytes} known to be missing` : ""
    }${log.problem === undefined ? "" : `; ${log.problem}`}`,
    `last byte: ${log.lastMicros === undefined ? "never" : agoText(console, log.lastMicros)}`,
  ].map((text) => seemly(text, 300));
}

function declaredText({ declared }: NonNullable<Console["wire"]["change"]>): string {
  return `, which is not declared: the site says ${lineText(declared)}`;
}

function agoText({ parts: { clock } }: Console, micros: number): string {
  const seconds = Math.max(0, Math.round(clock.now().getTime() / 1000 - micros / 1e6));
  return `${seconds} s ago (${timeOfMicros(micros)})`;
}
