/** First word of an LZ4 stream in the legacy framing, which Linux uses for its own payload. */
const LZ4_LEGACY = 0x184c2102;
/** An uncompressed block of the legacy framing is never longer. */
const LZ4_BLOCK_BYTES = 8 * 1_048_576;
const ELF = 0x464c457f;

/**
 * The uncompressed kernel inside a bzImage, which starts much faster under emulation: unpacking costs the emulated
 * processor seconds. Undefined when its compression is not LZ4; the bzImage itself starts too.
 */
export function extractVmlinux(bzImage: Buffer): Buffer | undefined {
  const payload = kernelPayload(bzImage);
  if (payload === undefined || payload.length < 8 || payload.readUInt32LE(0) !== LZ4_LEGACY)
    return undefined;
  const size = payload.readUInt32LE(payload.length - 4);
  const kernel = unpackLz4(payload.subarray(4, -4), size);
  return kernel.length === size && kernel.readUInt32LE(0) === ELF ? kernel : undefined;
}

/** The packed kernel inside a bzImage, its length in the last four bytes; undefined when it is none. */
export function kernelPayload(bzImage: Buffer): Buffer | undefined {
  // Linux Documentation/arch/x86/boot: setup_sects at 0x1f1, "HdrS" at 0x202, payload_offset at 0x248, payload_length at 0x24c.
  if (bzImage.length < 0x250 || bzImage.toString("latin1", 0x202, 0x206) !== "HdrS")
    return undefined;
  const start = ((bzImage[0x1f1] ?? 0) + 1) * 512 + bzImage.readUInt32LE(0x248);
  return bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c));
}

function unpackLz4(frames: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  let at = 0;
  for (let from = 0; from + 4 <= frames.length;) {
    const length = frames.readUInt32LE(from);
    const block = frames.subarray(from + 4, from + 4 + length);
    at += unpackLz4Block(block, out.subarray(at, at + LZ4_BLOCK_BYTES));
    from += 4 + length;
  }
  return out.subarray(0, at);
}

/** One block of LZ4 (lz4_Block_format.md). @returns the number of bytes written */
export function unpackLz4Block(block: Buffer, out: Buffer): number {
  let from = 0;
  let to = 0;
  const byte = (): number => block[from++] ?? 0;
  const length = (nibble: number): number => {
    if (nibble < 15) return nibble;
    let sum = nibble;
    for (let more = 255; more === 255; sum += more) more = byte();
    return sum;
  };
  while (from < block.length) {
    const token = byte();
    const literals = length(token >> 4);
    block.copy(out, to, from, from + literals);
    from += literals;
    to += literals;
    if (from >= block.length) break; // The last sequence is literals only.
    const offset = byte() | (byte() << 8);
    const match = length(token & 15) + 4;
    // Source and target may overlap: that is how LZ4 writes runs.
    for (const end = to + match; to < end; to += 1) out[to] = out[to - offset] ?? 0;
  }
  return to;
}
