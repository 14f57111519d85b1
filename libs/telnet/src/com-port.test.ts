import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  COM_CONTROL,
  comPortPayload,
  readComPort,
  type ComPortMessage,
  type ComPortSender,
} from "./com-port.js";
import {
  dataBitsOf,
  flowNumber,
  flowOf,
  parityNumber,
  parityOf,
  stopBitsOf,
  stopNumber,
} from "./com-port-settings.js";
import { OPTION } from "./telnet-codes.js";
import { subnegotiationBytes } from "./telnet-encoder.js";

const sender = fc.constantFrom<ComPortSender>("client", "server");
const message: fc.Arbitrary<ComPortMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("signature" as const),
    text: fc.string({ unit: "binary-ascii", maxLength: 255 }),
  }),
  fc.record({ kind: fc.constant("baud" as const), value: fc.nat(0xffff_ffff) }),
  fc.record({
    kind: fc.constantFrom(
      "data-size" as const,
      "parity" as const,
      "stop-size" as const,
      "control" as const,
      "line-state-mask" as const,
      "modem-state-mask" as const,
      "purge" as const,
    ),
    value: fc.nat(255),
  }),
  fc.record({
    kind: fc.constantFrom("line-state" as const, "modem-state" as const),
    value: fc.option(fc.nat(255), { nil: undefined }),
  }),
  fc.record({ kind: fc.constantFrom("flow-suspend" as const, "flow-resume" as const) }),
);

describe("COM-PORT messages", () => {
  test("each is read as it was written, and only as of the end that wrote it", () => {
    fc.assert(
      fc.property(sender, message, (from, said) => {
        const payload = comPortPayload(from, said);
        expect(readComPort(from, payload)).toEqual(said);
        expect(readComPort(from === "client" ? "server" : "client", payload)).toBeUndefined();
      }),
    );
  });

  test("any payload is a message that is written the same way, or none", () => {
    fc.assert(
      fc.property(sender, fc.uint8Array({ maxLength: 300 }), (from, payload) => {
        const read = readComPort(from, payload);
        if (read) expect([...comPortPayload(from, read)]).toEqual([...payload]);
      }),
    );
  });

  test("the bytes are those that pyserial and ser2net send", () => {
    const hex = (kind: ComPortMessage, from: ComPortSender = "client"): string =>
      Buffer.from(subnegotiationBytes(OPTION.COM_PORT, comPortPayload(from, kind))).toString("hex");
    expect(hex({ kind: "baud", value: 9600 })).toBe("fffa2c0100002580fff0");
    expect(hex({ kind: "baud", value: 9600 }, "server")).toBe("fffa2c6500002580fff0");
    expect(hex({ kind: "modem-state-mask", value: 255 })).toBe("fffa2c0bfffffff0");
    expect(hex({ kind: "control", value: COM_CONTROL.breakOn })).toBe("fffa2c0505fff0");
  });

  test("a value that does not fit is an error of the caller", () => {
    expect(() => comPortPayload("client", { kind: "baud", value: 2 ** 32 })).toThrow(RangeError);
    expect(() => comPortPayload("client", { kind: "purge", value: -1 })).toThrow(RangeError);
  });

  test("settings have the same meaning there and back", () => {
    for (const bits of [5, 6, 7, 8]) expect(dataBitsOf(bits)).toBe(bits);
    for (const bits of [1, 1.5, 2] as const) expect(stopBitsOf(stopNumber(bits))).toBe(bits);
    for (const one of ["none", "odd", "even", "mark", "space"] as const)
      expect(parityOf(parityNumber(one))).toBe(one);
    for (const one of ["none", "rts-cts", "xon-xoff"] as const)
      expect(flowOf(flowNumber(one))).toBe(one);
    expect([dataBitsOf(4), stopBitsOf(4), parityOf(6), flowOf(4)]).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });
});
