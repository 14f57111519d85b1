/** How many bytes a character has whose first is this; 1: it is none. */
export function lengthOf(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** Whether the byte `more` after the first may follow it (RFC 3629, section 4). */
export function continues(bytes: Buffer, at: number, more: number): boolean {
  const byte = bytes[at + more] as number;
  if (byte < 0x80 || byte > 0xbf) return false;
  if (more > 1) return true;
  switch (bytes[at]) {
    case 0xe0:
      return byte >= 0xa0;
    case 0xed:
      return byte < 0xa0;
    case 0xf0:
      return byte >= 0x90;
    case 0xf4:
      return byte < 0x90;
    default:
      return true;
  }
}
