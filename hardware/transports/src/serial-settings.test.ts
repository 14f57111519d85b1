import { FLOW_CONTROLS, PARITIES, type LineSettings } from "@outrider/ports/console-port";
import { describe, expect, it } from "vitest";
import { decodeSettings, encodeSettings, TERMIOS_BYTES } from "./serial-settings.js";

const ALL: LineSettings[] = [50, 9600, 115_200, 1_234_567, 4_000_000].flatMap((baudRate) =>
  ([5, 6, 7, 8] as const).flatMap((dataBits) =>
    PARITIES.flatMap((parity) =>
      FLOW_CONTROLS.flatMap((flowControl) =>
        ([1, dataBits === 5 ? 1.5 : 2] as const).map((stopBits) => ({
          baudRate,
          dataBits,
          parity,
          stopBits,
          flowControl,
        })),
      ),
    ),
  ),
);

describe("the settings of a serial line", () => {
  it("are read back from what was written, each of them, whatever was there before", () => {
    for (const before of [0x00, 0xff]) {
      const termios = Buffer.alloc(TERMIOS_BYTES, before);
      for (const settings of ALL) {
        encodeSettings(termios, settings);
        expect(decodeSettings(termios)).toEqual(settings);
      }
    }
  });

  it("never let a close hang up, and leave nothing of a terminal's cooking", () => {
    const termios = Buffer.alloc(TERMIOS_BYTES, 0xff);
    for (const settings of ALL) {
      encodeSettings(termios, settings);
      const [, oflag, cflag, lflag] = [0, 4, 8, 12].map((at) => termios.readUInt32LE(at));
      // HUPCL is off, CLOCAL and CREAD are on.
      expect((cflag ?? 0) & 0xc80).toBe(0x880);
      // Signals are on, and there is no character that makes one.
      expect([oflag, lflag]).toEqual([0, 1]);
      expect([0, 1, 10].map((character) => termios[17 + character])).toEqual([0, 0, 0]);
    }
  });

  it("keep what arrives with a wrong parity or frame, as it arrives (P8)", () => {
    const termios = Buffer.alloc(TERMIOS_BYTES, 0xff);
    for (const settings of ALL) {
      encodeSettings(termios, settings);
      // IGNPAR would leave it out, INPCK would put a zero in its place, PARMRK would put two bytes before it.
      expect(termios.readUInt32LE(0) & (0x4 | 0x10 | 0x8)).toBe(0);
    }
  });

  it("refuse one and a half stop bits where no UART has them", () => {
    const termios = Buffer.alloc(TERMIOS_BYTES);
    const settings = { ...(ALL[0] as LineSettings), dataBits: 8, stopBits: 1.5 } as const;
    expect(() => encodeSettings(termios, settings)).toThrow("five data bits only");
  });
});
