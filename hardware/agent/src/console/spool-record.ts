import { crc32 } from "node:zlib";
import { GAP_REASONS, nextAfter } from "@outrider/console-link/console-stream";
import type { SpoolItem } from "./spool-item.js";

/**
 * How items lie in a segment of the spool. A segment begins with its head: `OUTSPOL1`, 36 bytes stream, u64 number of
 * its first item, u32 crc of all that. A record: u32 crc of what follows, u8 kind, u32 length of the body, u64 number,
 * u64 time, body. All big-endian. What fails its crc, or does not follow on, is where a crash tore the file.
 */
const MAGIC = "OUTSPOL1";
export const SEGMENT_HEAD_BYTES = 56;
export const RECORD_HEAD_BYTES = 25;
/** No record is longer; what claims to be is none. */
export const MAX_BODY_BYTES = 1_048_576;

const KIND = { bytes: 1, gap: 2, break: 3, closed: 4 } as const;
const GAP_BODY_BYTES = 25;

/** The last record of a spool that was closed: until then somebody read the line. */
export interface Closed {
  readonly kind: "closed";
  readonly atMicros: number;
}

export function segmentHead(stream: string, base: number): Buffer {
  const head = Buffer.alloc(SEGMENT_HEAD_BYTES);
  head.write(MAGIC, 0, "latin1");
  head.write(stream, 8, 36, "latin1");
  head.writeBigUInt64BE(BigInt(base), 44);
  head.writeUInt32BE(crc32(head.subarray(0, 52)), 52);
  return head;
}

/** Undefined when it is none. */
export function readSegmentHead(
  bytes: Buffer,
): { readonly stream: string; readonly base: number } | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES || bytes.toString("latin1", 0, 8) !== MAGIC)
    return undefined;
  if (crc32(bytes.subarray(0, 52)) !== bytes.readUInt32BE(52)) return undefined;
  return { stream: bytes.toString("latin1", 8, 44), base: Number(bytes.readBigUInt64BE(44)) };
}

export function recordBytes(item: SpoolItem | Closed): number {
  if (item.kind === "bytes") return RECORD_HEAD_BYTES + item.bytes.length;
  return RECORD_HEAD_BYTES + (item.kind === "gap" ? GAP_BODY_BYTES : 0);
}

/** Writes items one after the other into one buffer. */
export function encodeRecords(items: readonly (SpoolItem | Closed)[]): Buffer {
  const length = items.reduce((sum, item) => sum + recordBytes(item), 0);
  const buffer = Buffer.allocUnsafe(length);
  let at = 0;
  for (const item of items) {
    const end = at + recordBytes(item);
    buffer[at + 4] = KIND[item.kind];
    buffer.writeUInt32BE(end - at - RECORD_HEAD_BYTES, at + 5);
    writeNumber(buffer, item.kind === "closed" ? 0 : item.offset, at + 9);
    writeNumber(buffer, item.kind === "gap" ? item.toMicros : item.atMicros, at + 17);
    const body = at + RECORD_HEAD_BYTES;
    if (item.kind === "bytes") buffer.set(item.bytes, body);
    if (item.kind === "gap") {
      writeNumber(buffer, item.start, body);
      writeNumber(buffer, item.lost ?? UNKNOWN, body + 8);
      writeNumber(buffer, item.fromMicros, body + 16);
      buffer[body + 24] = GAP_REASONS.indexOf(item.reason) | (item.mixed ? MIXED : 0);
    }
    buffer.writeUInt32BE(crc32(buffer.subarray(at + 4, end)), at);
    at = end;
  }
  return buffer;
}

export type Decoded =
  | { readonly what: "item"; readonly item: SpoolItem; readonly end: number }
  | { readonly what: "closed"; readonly atMicros: number; readonly end: number }
  /** More bytes are needed, so many from the record's beginning on. */
  | { readonly what: "short"; readonly bytes: number }
  | { readonly what: "torn" };

/** Reads the record at a place. Its bytes are a view. */
export function decodeRecord(buffer: Buffer, at: number): Decoded {
  if (at + RECORD_HEAD_BYTES > buffer.length) return { what: "short", bytes: RECORD_HEAD_BYTES };
  const length = buffer.readUInt32BE(at + 5);
  if (length > MAX_BODY_BYTES) return { what: "torn" };
  const body = at + RECORD_HEAD_BYTES;
  const end = body + length;
  if (end > buffer.length) return { what: "short", bytes: end - at };
  if (crc32(buffer.subarray(at + 4, end)) !== buffer.readUInt32BE(at)) return { what: "torn" };
  const offset = readNumber(buffer, at + 9);
  const atMicros = readNumber(buffer, at + 17);
  switch (buffer[at + 4]) {
    case KIND.bytes:
      if (length === 0) return { what: "torn" };
      return {
        what: "item",
        item: { kind: "bytes", offset, atMicros, bytes: buffer.subarray(body, end) },
        end,
      };
    case KIND.break:
      return { what: "item", item: { kind: "break", offset, atMicros }, end };
    case KIND.closed:
      return { what: "closed", atMicros, end };
    case KIND.gap: {
      const flags = buffer[body + 24] ?? 0;
      const reason = GAP_REASONS[flags & ~MIXED];
      if (length !== GAP_BODY_BYTES || reason === undefined) return { what: "torn" };
      const lost = readNumber(buffer, body + 8);
      const item: SpoolItem = {
        kind: "gap",
        start: readNumber(buffer, body),
        offset,
        lost: lost === UNKNOWN ? undefined : lost,
        reason,
        fromMicros: readNumber(buffer, body + 16),
        toMicros: atMicros,
        ...(flags & MIXED ? { mixed: true } : {}),
      };
      return nextAfter(item) <= item.start ? { what: "torn" } : { what: "item", item, end };
    }
    default:
      return { what: "torn" };
  }
}

const MIXED = 0x80;
const UNKNOWN = Number.MAX_SAFE_INTEGER;

function writeNumber(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  buffer.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

function readNumber(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}
