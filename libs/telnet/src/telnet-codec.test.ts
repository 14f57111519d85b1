import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMMAND, OPTION } from "./telnet-codes.js";
import { TelnetDecoder, type TelnetEvent } from "./telnet-decoder.js";
import { commandBytes, subnegotiationBytes, TelnetEncoder } from "./telnet-encoder.js";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
/** Bytes in which what matters is frequent. */
const wire = fc
  .array(fc.oneof(fc.nat(255), fc.constantFrom(255, 250, 240, 251, 253, 13, 10, 0, 44)), {
    maxLength: 200,
  })
  .map((values) => bytes(...values));

/** All events, with neighbouring data made one. */
function read(decoder: TelnetDecoder, chunks: readonly Uint8Array[]): TelnetEvent[] {
  const events: TelnetEvent[] = [];
  for (const chunk of chunks) {
    for (const event of decoder.decode(chunk)) {
      const last = events.at(-1);
      if (event.kind === "data" && last?.kind === "data") {
        events[events.length - 1] = { kind: "data", bytes: bytes(...last.bytes, ...event.bytes) };
      } else if (event.kind === "data") {
        events.push({ kind: "data", bytes: event.bytes.slice() });
      } else events.push(event);
    }
  }
  return events;
}

function split(all: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => all.subarray(at[index], end));
}

const dataOf = (events: readonly TelnetEvent[]): number[] =>
  events.flatMap((event) => (event.kind === "data" ? [...event.bytes] : []));

describe("telnet codec", () => {
  test("what comes out does not depend on how it was split", () => {
    fc.assert(
      fc.property(
        wire,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.constantFrom("keep", "cr"),
        fc.boolean(),
        (all, cuts, endOfLine, binary) => {
          const make = (): TelnetDecoder => {
            const decoder = new TelnetDecoder({ endOfLine, maxSubnegotiationBytes: 8 });
            decoder.binary = binary;
            return decoder;
          };
          expect(read(make(), split(all, cuts))).toEqual(read(make(), [all]));
        },
      ),
    );
  });

  test("any bytes come through, with and without BINARY, however they are cut", () => {
    fc.assert(
      fc.property(
        wire,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.boolean(),
        (all, cuts, binary) => {
          const encoder = new TelnetEncoder();
          const decoder = new TelnetDecoder();
          encoder.binary = binary;
          decoder.binary = binary;
          // Whatever is sent next completes a carriage return at the end.
          const sent = [...split(all, cuts), bytes(65)].map((chunk) => encoder.data(chunk));
          expect(dataOf(read(decoder, sent))).toEqual([...all, 65]);
        },
      ),
    );
  });

  test("no input makes it hold more than one subnegotiation of the allowed size", () => {
    fc.assert(
      fc.property(fc.array(wire, { maxLength: 20 }), (chunks) => {
        const decoder = new TelnetDecoder({ maxSubnegotiationBytes: 16 });
        for (const event of read(decoder, chunks)) {
          if (event.kind === "subnegotiation") expect(event.payload.length).toBeLessThanOrEqual(16);
        }
      }),
    );
  });

  test("a subnegotiation comes through whole, IACs included", () => {
    fc.assert(
      fc.property(fc.nat(254), fc.uint8Array({ maxLength: 64 }), (option, payload) => {
        const events = read(new TelnetDecoder(), [subnegotiationBytes(option, payload)]);
        expect(events).toEqual([{ kind: "subnegotiation", option, payload }]);
      }),
    );
  });

  test("one that is too long is thrown away, and what follows is read", () => {
    const decoder = new TelnetDecoder({ maxSubnegotiationBytes: 4 });
    const long = subnegotiationBytes(OPTION.COM_PORT, new Uint8Array(5));
    expect(read(decoder, [bytes(...long, 65)])).toEqual([
      { kind: "oversized", option: OPTION.COM_PORT },
      { kind: "data", bytes: bytes(65) },
    ]);
  });

  test("a far end that loses its place in a subnegotiation is followed", () => {
    const torn = bytes(255, 250, 44, 1, 2, ...commandBytes(COMMAND.BRK), 66);
    expect(read(new TelnetDecoder(), [torn])).toEqual([
      { kind: "command", code: COMMAND.BRK },
      { kind: "data", bytes: bytes(66) },
    ]);
  });

  test("the end of a line is what RFC 854 says, or the Enter key", () => {
    const lines = bytes(97, 13, 0, 98, 13, 10, 99, 13, 13, 10, 100, 10, 0);
    expect(dataOf(read(new TelnetDecoder(), [lines]))).toEqual([
      97, 13, 98, 13, 10, 99, 13, 13, 10, 100, 10, 0,
    ]);
    expect(dataOf(read(new TelnetDecoder({ endOfLine: "cr" }), [lines]))).toEqual([
      97, 13, 98, 13, 99, 13, 13, 100, 10, 0,
    ]);
  });

  test("a carriage return at the end waits for what comes next, CR LF stays one", () => {
    const encoder = new TelnetEncoder();
    expect([...encoder.data(bytes(97, 13))]).toEqual([97, 13]);
    expect([...encoder.data(bytes(10, 13))]).toEqual([10, 13]);
    expect([...encoder.data(bytes(98))]).toEqual([0, 98]);
    encoder.binary = true;
    expect([...encoder.data(bytes(13, 98, 255))]).toEqual([13, 98, 255, 255]);
  });
});
