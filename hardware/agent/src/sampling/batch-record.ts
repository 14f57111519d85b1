import { crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { EndpointReading } from "@outrider/contracts/reading-report";
import type { Drop } from "./drops.js";

/** A reading as it is kept: how old it is is said when it is sent. */
export interface KeptReading extends Omit<EndpointReading, "ageMs"> {
  /** When it was taken, by the monotonic clock of the boot. */
  readonly takenMs: number;
}

/** What was taken within a second or so. */
export interface Batch {
  /** The boot whose monotonic clock its times are of. */
  readonly boot: string;
  /** Oldest first. */
  readonly readings: readonly KeptReading[];
}

/** A batch with its number, as it is kept in memory and on disk. */
export interface BatchRecord {
  /** From 1, ascending for the life of a spool, never used twice. */
  readonly seq: number;
  /** How many readings are in it. */
  readonly readings: number;
  /** When the first and the last of them were taken, by the agent's calendar, in milliseconds since 1970. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** See {@link batchOf}. */
  readonly body: Buffer;
}

export function recordOf(seq: number, batch: Batch): BatchRecord {
  const times = batch.readings.map(({ at }) => Date.parse(at));
  return {
    seq,
    readings: batch.readings.length,
    sinceMs: Math.min(...times),
    untilMs: Math.max(...times),
    body: zstdCompressSync(JSON.stringify(batch)),
  };
}

/** @throws Error when the record is not of ours */
export function batchOf({ body }: BatchRecord): Batch {
  return JSON.parse(
    zstdDecompressSync(body, { maxOutputLength: LARGEST_BATCH_BYTES }).toString("utf8"),
  ) as Batch;
}

const LARGEST_BATCH_BYTES = 16_777_216;

/** What stands in a file of the spool beside batches: what was dropped so far, or that it was closed in order. */
export type FileRecord =
  | { readonly kind: "batch"; readonly record: BatchRecord }
  | { readonly kind: "drops"; readonly drops: readonly Drop[] }
  | { readonly kind: "closed"; readonly closed: Closed };

/** How a spool stood when it was closed. What was acknowledged at once may never have been written. */
export interface Closed {
  readonly acknowledged: number;
  readonly next: number;
}

/** CRC-32 of what follows, length of the body, kind, number, readings, since, until; then the body. */
const HEAD_BYTES = 37;
const LARGEST_BODY_BYTES = 8_388_608;
const KINDS = ["batch", "drops", "closed"] as const;

export function encodeRecord(one: FileRecord): Buffer {
  const {
    seq = 0,
    readings = 0,
    sinceMs = 0,
    untilMs = 0,
  } = one.kind === "batch" ? one.record : {};
  const body =
    one.kind === "batch"
      ? one.record.body
      : Buffer.from(JSON.stringify(one.kind === "drops" ? one.drops : one.closed));
  const buffer = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  buffer.writeUInt32BE(body.length, 4);
  buffer[8] = KINDS.indexOf(one.kind);
  buffer.writeDoubleBE(seq, 9);
  buffer.writeUInt32BE(readings, 17);
  buffer.writeDoubleBE(sinceMs, 21);
  buffer.writeDoubleBE(untilMs, 29);
  body.copy(buffer, HEAD_BYTES);
  buffer.writeUInt32BE(crc32(buffer.subarray(4)), 0);
  return buffer;
}

/** The record at a place; undefined where none is whole. Its body is a view. */
export function decodeRecord(
  buffer: Buffer,
  at: number,
): { readonly one: FileRecord; readonly end: number } | undefined {
  if (at + HEAD_BYTES > buffer.length) return undefined;
  const length = buffer.readUInt32BE(at + 4);
  const end = at + HEAD_BYTES + length;
  if (length > LARGEST_BODY_BYTES || end > buffer.length) return undefined;
  if (crc32(buffer.subarray(at + 4, end)) !== buffer.readUInt32BE(at)) return undefined;
  const body = buffer.subarray(at + HEAD_BYTES, end);
  switch (KINDS[buffer[at + 8] ?? KINDS.length]) {
    case "batch": {
      const record = {
        seq: buffer.readDoubleBE(at + 9),
        readings: buffer.readUInt32BE(at + 17),
        sinceMs: buffer.readDoubleBE(at + 21),
        untilMs: buffer.readDoubleBE(at + 29),
        body,
      };
      return { one: { kind: "batch", record }, end };
    }
    case "drops":
      return { one: { kind: "drops", drops: JSON.parse(body.toString()) as Drop[] }, end };
    case "closed":
      return { one: { kind: "closed", closed: JSON.parse(body.toString()) as Closed }, end };
    case undefined:
      return undefined;
  }
}

const MAGIC = "ORREAD01";
const ID_BYTES = 36;
export const SEGMENT_HEAD_BYTES = MAGIC.length + ID_BYTES + 8 + 4;

/** @param base number of the first batch that may be in the file */
export function segmentHead(spool: string, base: number): Buffer {
  const head = Buffer.alloc(SEGMENT_HEAD_BYTES);
  head.write(MAGIC + spool, "latin1");
  head.writeDoubleBE(base, MAGIC.length + ID_BYTES);
  head.writeUInt32BE(crc32(head.subarray(0, SEGMENT_HEAD_BYTES - 4)), SEGMENT_HEAD_BYTES - 4);
  return head;
}

/** Undefined when it is none. */
export function readSegmentHead(
  bytes: Buffer,
): { readonly spool: string; readonly base: number } | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES) return undefined;
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const sum = bytes.readUInt32BE(SEGMENT_HEAD_BYTES - 4);
  if (crc32(bytes.subarray(0, SEGMENT_HEAD_BYTES - 4)) !== sum) return undefined;
  return {
    spool: bytes.toString("latin1", MAGIC.length, MAGIC.length + ID_BYTES),
    base: bytes.readDoubleBE(MAGIC.length + ID_BYTES),
  };
}
