import { crc32 } from "node:zlib";

/** Lines that were written together. */
export interface SpoolRecord {
  /** Line protocol, as one member of gzip; members one after the other are again gzip. */
  readonly payload: Uint8Array;
  readonly points: number;
  /** Minutes since 1970 that have points in it. */
  readonly minutes: Uint32Array;
  readonly hasTexts: boolean;
}

/**
 * Of a record in a segment: mark, length of the payload, checksum of all that follows it, number of points, flags with
 * the number of minutes; 4 bytes each, little-endian. The minutes come next, then the payload.
 */
export const HEADER_BYTES = 20;
const MARK = 0x3170734f;
const HAS_TEXTS = 0x8000_0000;
/** More would not come from one call. */
const MOST_BYTES = 256 * 1024 * 1024;

export interface RecordHeader {
  readonly points: number;
  readonly hasTexts: boolean;
  /** Of what follows the header. */
  readonly bodyBytes: number;
  readonly minutes: number;
  readonly checksum: number;
}

export function packRecord(record: SpoolRecord): Uint8Array {
  const { payload, points, minutes, hasTexts } = record;
  const bytes = new Uint8Array(HEADER_BYTES + minutes.length * 4 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MARK, true);
  view.setUint32(4, payload.length, true);
  view.setUint32(12, points, true);
  view.setUint32(16, (minutes.length | (hasTexts ? HAS_TEXTS : 0)) >>> 0, true);
  minutes.forEach((minute, index) => view.setUint32(HEADER_BYTES + index * 4, minute, true));
  bytes.set(payload, HEADER_BYTES + minutes.length * 4);
  view.setUint32(8, crc32(bytes.subarray(12)), true);
  return bytes;
}

/** @returns undefined for what is no header */
export function readHeader(bytes: Uint8Array): RecordHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MARK) return undefined;
  const flags = view.getUint32(16, true);
  const minutes = (flags & ~HAS_TEXTS) >>> 0;
  const bodyBytes = view.getUint32(4, true) + minutes * 4;
  if (bodyBytes > MOST_BYTES) return undefined;
  return {
    points: view.getUint32(12, true),
    hasTexts: flags >= HAS_TEXTS,
    bodyBytes,
    minutes,
    checksum: view.getUint32(8, true),
  };
}

/** @param bytes the whole record @returns undefined when its checksum is wrong */
export function readRecord(header: RecordHeader, bytes: Uint8Array): SpoolRecord | undefined {
  if (crc32(bytes.subarray(12)) !== header.checksum) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const minutes = new Uint32Array(header.minutes);
  for (let index = 0; index < minutes.length; index++) {
    minutes[index] = view.getUint32(HEADER_BYTES + index * 4, true);
  }
  const payload = bytes.slice(HEADER_BYTES + minutes.length * 4);
  return { payload, points: header.points, minutes, hasTexts: header.hasTexts };
}
