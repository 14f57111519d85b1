import { COM_CONTROL, COM_PARITY, COM_STOP } from "./com-port.js";

/** Settings of a serial line in words, and their numbers in RFC 2217. */

export type Parity = "none" | "odd" | "even" | "mark" | "space";
export type FlowControl = "none" | "rts-cts" | "xon-xoff";

const PARITIES: Readonly<Record<Parity, number>> = {
  none: COM_PARITY.none,
  odd: COM_PARITY.odd,
  even: COM_PARITY.even,
  mark: COM_PARITY.mark,
  space: COM_PARITY.space,
};
const STOPS: ReadonlyMap<number, 1 | 1.5 | 2> = new Map([
  [COM_STOP.one, 1],
  [COM_STOP.two, 2],
  [COM_STOP.oneAndHalf, 1.5],
]);
const FLOWS: Readonly<Record<FlowControl, number>> = {
  none: COM_CONTROL.flowNone,
  "xon-xoff": COM_CONTROL.flowXonXoff,
  "rts-cts": COM_CONTROL.flowRtsCts,
};

export const parityNumber = (parity: Parity): number => PARITIES[parity];
export const flowNumber = (flow: FlowControl): number => FLOWS[flow];
export function stopNumber(bits: 1 | 1.5 | 2): number {
  if (bits === 1) return COM_STOP.one;
  return bits === 2 ? COM_STOP.two : COM_STOP.oneAndHalf;
}

/** Undefined for a number that is none. */
export function parityOf(number: number): Parity | undefined {
  return (Object.keys(PARITIES) as Parity[]).find((one) => PARITIES[one] === number);
}
export function stopBitsOf(number: number): 1 | 1.5 | 2 | undefined {
  return STOPS.get(number);
}
export function flowOf(number: number): FlowControl | undefined {
  return (Object.keys(FLOWS) as FlowControl[]).find((one) => FLOWS[one] === number);
}
export function dataBitsOf(number: number): 5 | 6 | 7 | 8 | undefined {
  return number === 5 || number === 6 || number === 7 || number === 8 ? number : undefined;
}
