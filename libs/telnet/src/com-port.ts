/**
 * Messages of the COM-PORT-OPTION (RFC 2217) as payloads of its subnegotiation. The same subcommand goes both ways: the
 * client asks or sets, the server (access server) answers with 100 added, or notifies.
 */

/** Which end of the connection has sent a message. */
export type ComPortSender = "client" | "server";

const CODES = {
  signature: 0,
  baud: 1,
  "data-size": 2,
  parity: 3,
  "stop-size": 4,
  control: 5,
  "line-state": 6,
  "modem-state": 7,
  "flow-suspend": 8,
  "flow-resume": 9,
  "line-state-mask": 10,
  "modem-state-mask": 11,
  purge: 12,
} as const;
const SERVER_ADDS = 100;
const MAX_SIGNATURE = 255;

type Named = keyof typeof CODES;
type Plain = "flow-suspend" | "flow-resume";
type Notice = "line-state" | "modem-state";
type OneByte = Exclude<Named, "signature" | "baud" | Plain | Notice>;

/**
 * - `signature`: text; an empty one asks for the other's.
 * - `baud`: bits per second, 32 bits; 0 asks.
 * - `data-size` 5 to 8, `parity` {@link COM_PARITY}, `stop-size` {@link COM_STOP}; 0 asks.
 * - `control`: {@link COM_CONTROL}. `purge`: {@link COM_PURGE}.
 * - `line-state`, `modem-state` and their masks: bits {@link LINE_STATE}, {@link MODEM_STATE}. A state without a value is
 *   a client that asks for it, which is not in the RFC and which pyserial does.
 * - `flow-suspend`, `flow-resume`: stop sending data, go on.
 */
export type ComPortMessage =
  | { readonly kind: "signature"; readonly text: string }
  | { readonly kind: "baud"; readonly value: number }
  | { [K in OneByte]: { readonly kind: K; readonly value: number } }[OneByte]
  | { readonly kind: Notice; readonly value: number | undefined }
  | { readonly kind: Plain };

export const COM_PARITY = { ask: 0, none: 1, odd: 2, even: 3, mark: 4, space: 5 } as const;
/** Of one, two, and one and a half bits. */
export const COM_STOP = { ask: 0, one: 1, two: 2, oneAndHalf: 3 } as const;
export const COM_PURGE = { receive: 1, transmit: 2, both: 3 } as const;

export const COM_CONTROL = {
  askFlow: 0,
  flowNone: 1,
  flowXonXoff: 2,
  flowRtsCts: 3,
  askBreak: 4,
  breakOn: 5,
  breakOff: 6,
  askDtr: 7,
  dtrOn: 8,
  dtrOff: 9,
  askRts: 10,
  rtsOn: 11,
  rtsOff: 12,
  askInboundFlow: 13,
  inboundNone: 14,
  inboundXonXoff: 15,
  inboundRtsCts: 16,
  flowDcd: 17,
  inboundDtr: 18,
  flowDsr: 19,
} as const;

export const LINE_STATE = {
  timeOut: 128,
  shiftRegisterEmpty: 64,
  holdingRegisterEmpty: 32,
  breakDetect: 16,
  framingError: 8,
  parityError: 4,
  overrun: 2,
  dataReady: 1,
} as const;

/** Level bits, and below them whether each has changed since it was last told. */
export const MODEM_STATE = {
  dcd: 128,
  ri: 64,
  dsr: 32,
  cts: 16,
  dcdChanged: 8,
  riEnded: 4,
  dsrChanged: 2,
  ctsChanged: 1,
} as const;

const NAMES: ReadonlyMap<number, Named> = new Map(
  (Object.entries(CODES) as [Named, number][]).map(([name, code]) => [code, name]),
);

/** @throws RangeError when a value does not fit */
export function comPortPayload(sender: ComPortSender, message: ComPortMessage): Uint8Array {
  const code = CODES[message.kind] + (sender === "server" ? SERVER_ADDS : 0);
  switch (message.kind) {
    case "signature": {
      const text = Buffer.from(message.text, "latin1").subarray(0, MAX_SIGNATURE);
      return Uint8Array.of(code, ...text);
    }
    case "baud": {
      const payload = new Uint8Array(5);
      payload[0] = code;
      new DataView(payload.buffer).setUint32(1, inRange(message.value, 0xffff_ffff));
      return payload;
    }
    case "flow-suspend":
    case "flow-resume":
      return Uint8Array.of(code);
    case "line-state":
    case "modem-state":
      return message.value === undefined
        ? Uint8Array.of(code)
        : Uint8Array.of(code, inRange(message.value, 255));
    default:
      return Uint8Array.of(code, inRange(message.value, 255));
  }
}

/**
 * Reads a payload that the other end sent. Undefined when it is none of theirs: an unknown subcommand, one of the wrong
 * length, or one that only this end may send.
 */
export function readComPort(
  sender: ComPortSender,
  payload: Uint8Array,
): ComPortMessage | undefined {
  const code = payload[0];
  if (code === undefined) return undefined;
  const kind = NAMES.get(code - (sender === "server" ? SERVER_ADDS : 0));
  const length = payload.length - 1;
  switch (kind) {
    case undefined:
      return undefined;
    case "signature":
      if (length > MAX_SIGNATURE) return undefined;
      return { kind, text: Buffer.from(payload.subarray(1)).toString("latin1") };
    case "baud":
      if (length !== 4) return undefined;
      return { kind, value: new DataView(payload.buffer, payload.byteOffset).getUint32(1) };
    case "flow-suspend":
    case "flow-resume":
      return length === 0 ? { kind } : undefined;
    case "line-state":
    case "modem-state":
      return length <= 1 ? { kind, value: payload[1] } : undefined;
    default:
      return length === 1 ? { kind, value: payload[1] ?? 0 } : undefined;
  }
}

function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`a COM-PORT value is an integer from 0 to ${max}`);
  }
  return value;
}
