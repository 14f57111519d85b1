/**
 * Bytes of a stream of which each can be told from its number: all values, as good as random so that nothing compresses
 * them, with line feeds now and then.
 */
export function knownBytes(from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) {
    const number = from + at;
    let hash = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    bytes[at] = number % 61 === 60 ? 10 : (hash ^ (hash >>> 15)) & 0xff;
  }
  return bytes;
}
