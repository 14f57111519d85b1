import {
  FRAME,
  frameOf,
  PAYLOAD_AT,
  ProtocolError,
  readNumber,
  readU32,
  readU64,
  writeU64,
} from "./frame.js";
import { GAP_REASONS, type StreamItem } from "./console-stream.js";

/**
 * Payload of an `items` frame: u32 console, then items, each one byte kind, u32 length, and so many bytes. Kinds that
 * are not known end the connection: skipping one would be a hole. Never renumbered.
 */
const KIND = { bytes: 1, gap: 2, break: 3 } as const;
const ITEM_HEADER_BYTES = 5;
const BYTES_FIELDS = 16;
const GAP_BYTES = 33;
const BREAK_BYTES = 16;

function sizeOf(item: StreamItem): number {
  switch (item.kind) {
    case "bytes":
      return ITEM_HEADER_BYTES + BYTES_FIELDS + item.bytes.length;
    case "gap":
      return ITEM_HEADER_BYTES + GAP_BYTES;
    case "break":
      return ITEM_HEADER_BYTES + BREAK_BYTES;
  }
}

/** @param items one of the lots of {@link slices} */
export function encodeItems(console: number, items: readonly StreamItem[]): Buffer {
  let length = 4;
  for (const item of items) length += sizeOf(item);
  const frame = frameOf(FRAME.items, length);
  frame.writeUInt32BE(console, PAYLOAD_AT);
  let at = PAYLOAD_AT + 4;
  for (const item of items) {
    frame[at] = KIND[item.kind];
    frame.writeUInt32BE(sizeOf(item) - ITEM_HEADER_BYTES, at + 1);
    at += ITEM_HEADER_BYTES;
    writeU64(frame, item.offset, at);
    at += 8;
    if (item.kind === "gap") {
      writeU64(frame, item.lost, at);
      frame[at + 8] = GAP_REASONS.indexOf(item.reason);
      writeU64(frame, item.fromMicros, at + 9);
      writeU64(frame, item.toMicros, at + 17);
      at += 25;
    } else {
      writeU64(frame, item.atMicros, at);
      at += 8;
      if (item.kind === "bytes") {
        frame.set(item.bytes, at);
        at += item.bytes.length;
      }
    }
  }
  return frame;
}

/** The bytes of the items are views of `payload`. @throws ProtocolError */
export function decodeItems(payload: Buffer): { console: number; items: StreamItem[] } {
  const console = readU32(payload, 0);
  const items: StreamItem[] = [];
  let at = 4;
  while (at < payload.length) {
    const kind = payload[at];
    const length = readU32(payload, at + 1);
    at += ITEM_HEADER_BYTES;
    if (at + length > payload.length) throw new ProtocolError("an item ends too early");
    items.push(itemOf(kind, payload.subarray(at, at + length)));
    at += length;
  }
  return { console, items };
}

function itemOf(kind: number | undefined, body: Buffer): StreamItem {
  const offset = readNumber(body, 0);
  switch (kind) {
    case KIND.bytes:
      return {
        kind: "bytes",
        offset,
        atMicros: readNumber(body, 8),
        bytes: body.subarray(BYTES_FIELDS),
      };
    case KIND.break:
      return { kind: "break", offset, atMicros: readNumber(body, 8) };
    case KIND.gap: {
      const reason = GAP_REASONS[body[16] ?? GAP_REASONS.length];
      if (reason === undefined) throw new ProtocolError("a gap has no reason that is known");
      return {
        kind: "gap",
        offset,
        lost: readU64(body, 8),
        reason,
        fromMicros: readNumber(body, 17),
        toMicros: readNumber(body, 25),
      };
    }
    default:
      throw new ProtocolError(`an item of kind ${kind} is not known`);
  }
}

/** So much of one console goes before another one has its turn. */
export const SLICE_BYTES = 16_384;

/** Cuts items into lots of which each fits a frame of at most {@link SLICE_BYTES} and the head of one item. */
export function slices(items: readonly StreamItem[]): StreamItem[][] {
  const lots: StreamItem[][] = [];
  let lot: StreamItem[] = [];
  let lotBytes = 0;
  for (const item of items) {
    for (const part of parts(item)) {
      const size = sizeOf(part);
      if (lot.length > 0 && lotBytes + size > SLICE_BYTES) {
        lots.push(lot);
        lot = [];
        lotBytes = 0;
      }
      lot.push(part);
      lotBytes += size;
    }
  }
  if (lot.length > 0) lots.push(lot);
  return lots;
}

function* parts(item: StreamItem): Generator<StreamItem> {
  if (item.kind !== "bytes" || item.bytes.length <= SLICE_BYTES) return yield item;
  for (let at = 0; at < item.bytes.length; at += SLICE_BYTES) {
    yield {
      ...item,
      offset: item.offset + at,
      bytes: item.bytes.subarray(at, at + SLICE_BYTES),
    };
  }
}
