import type { WireLines, WireSettings } from "@outrider/console-link/console-stream";
import { COM_CONTROL, MODEM_STATE, type ComPortMessage } from "@outrider/telnet/com-port";
import {
  dataBitsOf,
  flowNumber,
  flowOf,
  parityNumber,
  parityOf,
  stopBitsOf,
  stopNumber,
} from "@outrider/telnet/com-port-settings";

/** Settings as RFC 2217 asks for them and answers. Pure. */

/** What a console without a wire of its own pretends to have. */
export const PRETENDED_LINE: WireSettings = {
  baudRate: 115_200,
  dataBits: 8,
  parity: "none",
  stopBits: 1,
  flowControl: "none",
};
/** What it pretends of its lines: somebody is there and ready. */
export const PRETENDED_MODEM: WireLines = { cts: true, dsr: true, ri: false, dcd: true };

const BAUD_RATE = { min: 50, max: 20_000_000 };

type LineMessage = Extract<
  ComPortMessage,
  { kind: "baud" | "data-size" | "parity" | "stop-size" | "control" }
>;

/** Whether a message is about the settings of the line. */
export function isAboutLine(message: ComPortMessage): message is LineMessage {
  if (message.kind === "control") return isFlow(message.value);
  return ["baud", "data-size", "parity", "stop-size"].includes(message.kind);
}

function isFlow(value: number): boolean {
  const { flowRtsCts, askInboundFlow, flowDsr } = COM_CONTROL;
  return value <= flowRtsCts || (value >= askInboundFlow && value <= flowDsr);
}

/** What the settings would be by a message; they stay where it asks only, or for something that there is not. */
export function withMessage(line: WireSettings, message: LineMessage): WireSettings {
  const { value } = message;
  switch (message.kind) {
    case "baud":
      return value < BAUD_RATE.min || value > BAUD_RATE.max ? line : { ...line, baudRate: value };
    case "data-size":
      return { ...line, dataBits: dataBitsOf(value) ?? line.dataBits };
    case "parity":
      return { ...line, parity: parityOf(value) ?? line.parity };
    case "stop-size":
      return { ...line, stopBits: stopBitsOf(value) ?? line.stopBits };
    case "control": {
      const { askInboundFlow, inboundNone, flowNone } = COM_CONTROL;
      // There is one flow control, for both directions.
      const both = value > askInboundFlow ? value - inboundNone + flowNone : value;
      return { ...line, flowControl: flowOf(both) ?? line.flowControl };
    }
  }
}

/** The answer to a message about the line, as the line is now. */
export function answerFor(line: WireSettings, message: LineMessage): ComPortMessage {
  switch (message.kind) {
    case "baud":
      return { kind: "baud", value: line.baudRate };
    case "data-size":
      return { kind: "data-size", value: line.dataBits };
    case "parity":
      return { kind: "parity", value: parityNumber(line.parity) };
    case "stop-size":
      return { kind: "stop-size", value: stopNumber(line.stopBits) };
    case "control": {
      const { askInboundFlow, inboundNone, flowNone, flowDcd, flowDsr } = COM_CONTROL;
      const flow = flowNumber(line.flowControl);
      const outbound =
        message.value < askInboundFlow || message.value === flowDcd || message.value === flowDsr;
      return { kind: "control", value: outbound ? flow : flow - flowNone + inboundNone };
    }
  }
}

export function sameLine(a: WireSettings, b: WireSettings): boolean {
  return lineText(a) === lineText(b);
}

/** As LINE_PATTERN has it: `115200,8n1,none`. */
export function lineText(line: WireSettings): string {
  const { baudRate, dataBits, parity, stopBits, flowControl } = line;
  return `${baudRate},${dataBits}${parity[0]}${stopBits},${flowControl}`;
}

/**
 * The octet of NOTIFY-MODEMSTATE.
 * @param before what the far end was told last; undefined: nothing yet, so that nothing has changed
 */
export function modemOctet(now: WireLines, before: WireLines | undefined): number {
  const { dcd, ri, dsr, cts, dcdChanged, riEnded, dsrChanged, ctsChanged } = MODEM_STATE;
  const levels =
    (now.dcd ? dcd : 0) | (now.ri ? ri : 0) | (now.dsr ? dsr : 0) | (now.cts ? cts : 0);
  if (!before) return levels;
  return (
    levels |
    (now.dcd === before.dcd ? 0 : dcdChanged) |
    (before.ri && !now.ri ? riEnded : 0) |
    (now.dsr === before.dsr ? 0 : dsrChanged) |
    (now.cts === before.cts ? 0 : ctsChanged)
  );
}

/**
 * Whether a change concerns a mask: each level bit stands for its line, each bit below for the change of it.
 */
export function concernsMask(now: WireLines, before: WireLines, mask: number): boolean {
  const changed = modemOctet(now, before) & 0x0f;
  return ((changed | (changed << 4)) & mask) !== 0 || (now.ri !== before.ri && (mask & 64) !== 0);
}
