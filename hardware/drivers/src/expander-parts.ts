import type { I2cChip } from "@outrider/transports/i2c-chip";
import type { ExpanderPart } from "./expander.js";

/** A part whose registers are bytes, one for each bank, side by side. */
function registers(
  part: string,
  address: number,
  { levels, outputs, directions }: Readonly<Record<"levels" | "outputs" | "directions", number>>,
): ExpanderPart {
  return {
    part,
    lines: 16,
    address,
    readLevels: (chip, bank, signal) => chip.readByte(levels + bank, signal),
    readOutputs: (chip, bank, signal) => chip.readByte(outputs + bank, signal),
    writeOutputs: (chip, bank, value, signal) => chip.writeByte(outputs + bank, value, signal),
    readDirections: (chip, bank, signal) => chip.readByte(directions + bank, signal),
    writeDirections: (chip, bank, value, signal) =>
      chip.writeByte(directions + bank, value, signal),
  };
}

/** PCA9555, PCA9535, TCA9555, TCA9535 and PCAL parts: NXP PCA9555 data sheet, table 5. */
export const PCA9555 = registers("PCA9555", 0x20, { levels: 0, outputs: 2, directions: 6 });

const IOCON = 0x0a;

/** Microchip MCP23017 (DS20001952), with the registers in the order after a reset (IOCON.BANK = 0). */
export const MCP23017: ExpanderPart = {
  ...registers("MCP23017", 0x20, { levels: 0x12, outputs: 0x14, directions: 0x00 }),
  identify: async (chip: I2cChip, signal: AbortSignal) => {
    // The one register that is there twice.
    const [one, same] = [
      await chip.readByte(IOCON, signal),
      await chip.readByte(IOCON + 1, signal),
    ];
    if (one !== same || (one & 0x80) !== 0)
      throw chip.wrong(`IOCON reads 0x${one.toString(16)} and 0x${same.toString(16)}`);
  },
};

/** NXP PCF8574: one byte; a high output is a weak pull-up and, read, the level of the wire. Its A variant begins at 0x38. */
export const PCF8574: ExpanderPart = {
  part: "PCF8574",
  lines: 8,
  address: 0x20,
  readLevels: (chip, _, signal) => chip.receiveByte(signal),
  readOutputs: (chip, _, signal) => chip.receiveByte(signal),
  writeOutputs: (chip, _, value, signal) => chip.sendByte(value, signal),
};
