import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StreamItem } from "./console-stream.js";
import { GAP_REASONS } from "./console-stream.js";
import {
  FRAME,
  FrameReader,
  frameOf,
  jsonFrame,
  LINK_VERSION,
  MAX_HELLO_BYTES,
  MAX_PAYLOAD_BYTES,
  PAYLOAD_AT,
  ProtocolError,
  type Frame,
} from "./frame.js";
import { decodeItems, encodeItems, SLICE_BYTES, slices } from "./items-frame.js";

/** Reads bytes that arrive split at these places. */
function readSplit(bytes: Buffer, cuts: readonly number[], reader = new FrameReader()): Frame[] {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].toSorted(
    (a, b) => a - b,
  );
  return places.flatMap((place, at) =>
    [...reader.push(bytes.subarray(places[at - 1] ?? 0, place))].map(({ type, payload }) => ({
      type,
      payload: Buffer.from(payload),
    })),
  );
}

const frames = fc.array(
  fc.record({
    type: fc.constantFrom(...Object.values(FRAME)),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 20 },
);

function written(list: readonly Frame[]): Buffer {
  return Buffer.concat(
    list.map(({ type, payload }) => {
      const frame = frameOf(type, payload.length);
      payload.copy(frame, PAYLOAD_AT);
      return frame;
    }),
  );
}

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const item: fc.Arbitrary<StreamItem> = fc.oneof(
  fc.record({
    kind: fc.constant("bytes" as const),
    offset: fc.integer({ min: 0, max: 2 ** 50 }),
    atMicros: number,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40_000 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ kind: fc.constant("break" as const), offset: number, atMicros: number }),
  fc.record({
    kind: fc.constant("gap" as const),
    offset: number,
    lost: fc.option(number, { nil: undefined }),
    reason: fc.constantFrom(...GAP_REASONS),
    fromMicros: number,
    toMicros: number,
  }),
);

describe("frames", () => {
  test("come out as they went in, however they are split", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat()), (list, cuts) => {
        expect(readSplit(written(list), cuts)).toEqual(list);
      }),
    );
  });

  test("hostile bytes either are frames or a ProtocolError (P19)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat()), (bytes, cuts) => {
        try {
          for (const frame of readSplit(Buffer.from(bytes), cuts)) {
            if (frame.type === FRAME.items) decodeItems(frame.payload);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a frame that is too long is refused at its fifth byte (P19)", () => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(MAX_PAYLOAD_BYTES + 1);
    header[4] = FRAME.items;
    expect([...new FrameReader().push(header.subarray(0, 4))]).toEqual([]);
    expect(() => readSplit(header, [])).toThrow(ProtocolError);
  });

  test("before hello nothing else is read", () => {
    const first = { type: FRAME.hello, maxBytes: MAX_HELLO_BYTES };
    expect(() => readSplit(frameOf(FRAME.ping, 8), [], new FrameReader(first))).toThrow(
      "not a console link",
    );
    expect(readSplit(jsonFrame(FRAME.hello, {}), [], new FrameReader(first))).toHaveLength(1);
  });

  test("types that are not known are skipped from 0x80 on or from a later version, and else end the connection", () => {
    const later = Buffer.concat([Buffer.from([0, 0, 0, 2, 0x80, 1, 2]), frameOf(FRAME.hello, 0)]);
    expect(readSplit(later, [6])).toEqual([{ type: FRAME.hello, payload: Buffer.alloc(0) }]);
    expect(() => readSplit(Buffer.from([0, 0, 0, 0, 0x7f]), [])).toThrow("not known");
    const skipped: number[] = [];
    const reader = new FrameReader(undefined, (type) => skipped.push(type));
    reader.open(LINK_VERSION + 1);
    const newer = Buffer.concat([frameOf(0x7f, 9), frameOf(0x7f, 0), frameOf(FRAME.hello, 0)]);
    expect(readSplit(newer, [3], reader)).toHaveLength(1);
    expect(skipped).toEqual([0x7f]);
  });
});

describe("items", () => {
  test("come out as they went in", () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 30 }), (items) => {
        for (const lot of slices(items)) {
          const frame = encodeItems(7, lot);
          expect(frame.length).toBeLessThan(SLICE_BYTES + 100);
          expect(decodeItems(frame.subarray(PAYLOAD_AT))).toEqual({ console: 7, items: lot });
        }
        const join = (list: readonly StreamItem[]): Buffer =>
          Buffer.concat(list.flatMap((one) => (one.kind === "bytes" ? [one.bytes] : [])));
        expect(join(slices(items).flat()).equals(join(items))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
