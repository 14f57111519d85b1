/** Bytes of a stream of which each can be told from its number: all values, with line feeds now and then. */
export function knownBytes(from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) {
    const number = from + at;
    bytes[at] = number % 61 === 60 ? 10 : (Math.imul(number, 0x9e3779b1) >>> 24) & 0xff;
  }
  return bytes;
}
