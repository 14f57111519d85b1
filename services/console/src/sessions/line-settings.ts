import type { WireSettings } from "@outrider/console-link/console-stream";
import { ActRefused } from "./act-refused.js";

const PARITIES = { n: "none", o: "odd", e: "even", m: "mark", s: "space" } as const;

/**
 * Reads what fits LINE_PATTERN: `115200`, `9600,7e1,rts-cts`, `declared`. What is left out stays as it is, or 8n1 without
 * flow control. Pure. @throws ActRefused
 */
export function readLineSettings(
  text: string,
  present: WireSettings | undefined,
  declared?: WireSettings,
): WireSettings {
  if (text === "declared") {
    if (declared) return declared;
    throw new ActRefused("unsupported", "the agent does not say what is declared; name settings");
  }
  const [rate = "", frame, flow] = text.split(",");
  const settings: WireSettings = {
    dataBits: 8,
    parity: "none",
    stopBits: 1,
    flowControl: "none",
    ...present,
    baudRate: Number(rate),
  };
  if (frame === undefined) return settings;
  return {
    ...settings,
    dataBits: Number(frame[0]) as WireSettings["dataBits"],
    parity: PARITIES[frame[1] as keyof typeof PARITIES],
    stopBits: Number(frame.slice(2)) as WireSettings["stopBits"],
    ...(flow === undefined ? {} : { flowControl: flow as WireSettings["flowControl"] }),
  };
}

/** As people write it: `115200 8n1`, with the flow control where there is some. */
export function lineText(line: WireSettings): string {
  const parity = line.parity[0] ?? "n";
  const flow = line.flowControl === "none" ? "" : ` ${line.flowControl}`;
  return `${line.baudRate} ${line.dataBits}${parity}${line.stopBits}${flow}`;
}
