/** Size of the far end's terminal in characters; 0: it does not say. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

/** Reads the payload of NAWS (RFC 1073). Undefined when it is none. */
export function readWindowSize(payload: Uint8Array): WindowSize | undefined {
  if (payload.length !== 4) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, 4);
  return { columns: view.getUint16(0), rows: view.getUint16(2) };
}

/** @param size each side up to 65,535 */
export function windowSizePayload({ columns, rows }: WindowSize): Uint8Array {
  const payload = new Uint8Array(4);
  const view = new DataView(payload.buffer);
  view.setUint16(0, columns);
  view.setUint16(2, rows);
  return payload;
}
