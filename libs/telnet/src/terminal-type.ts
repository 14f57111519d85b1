const IS = 0;
const SEND = 1;
/** What the assigned numbers allow (RFC 1091), so that a name is never more than a name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9\-_./+]{0,39}$/;

/** Asks the far end for its terminal type (RFC 1091). */
export const askTerminalType: Uint8Array = Uint8Array.of(SEND);

export function terminalTypePayload(name: string): Uint8Array {
  return Uint8Array.of(IS, ...new TextEncoder().encode(name));
}

/** Reads the payload of TERMINAL-TYPE: a name, `ask`, or undefined when it is neither. */
export function readTerminalType(
  payload: Uint8Array,
): { readonly name: string } | "ask" | undefined {
  if (payload[0] === SEND && payload.length === 1) return "ask";
  if (payload[0] !== IS || payload.length > 41) return undefined;
  const name = new TextDecoder("latin1").decode(payload.subarray(1));
  return NAME.test(name) ? { name } : undefined;
}
