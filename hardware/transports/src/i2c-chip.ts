import { PortError } from "@outrider/ports/port-error";
import type { I2cBus } from "./i2c-bus.js";

/** The registers of one chip. Each call throws PortError, or the signal's reason. */
export class I2cChip {
  /** As messages name it. */
  readonly what: string;

  constructor(
    readonly bus: I2cBus,
    readonly address: number,
    /** The part: `INA226`. */
    readonly part: string,
  ) {
    this.what = `The ${part} at 0x${address.toString(16)} of ${bus.what.replace(/^The/, "the")}`;
  }

  async readByte(register: number, signal: AbortSignal): Promise<number> {
    const { address } = this;
    const [value] = await this.bus.transfer({ kind: "read-byte", address, register }, signal);
    return value ?? this.short();
  }

  async writeByte(register: number, value: number, signal: AbortSignal): Promise<void> {
    const { address } = this;
    await this.bus.transfer({ kind: "write-byte", address, register, value }, signal);
  }

  /** A word with its high byte first on the wire, as most sensors have it; SMBus has it the other way round. */
  async readWord(register: number, signal: AbortSignal): Promise<number> {
    const { address } = this;
    const [high, low] = await this.bus.transfer({ kind: "read-word", address, register }, signal);
    return high === undefined || low === undefined ? this.short() : (high << 8) | low;
  }

  /** With its high byte first. */
  async writeWord(register: number, value: number, signal: AbortSignal): Promise<void> {
    const { address } = this;
    const swapped = ((value & 0xff) << 8) | (value >> 8);
    await this.bus.transfer({ kind: "write-word", address, register, value: swapped }, signal);
  }

  async receiveByte(signal: AbortSignal): Promise<number> {
    const { address } = this;
    const [value] = await this.bus.transfer({ kind: "receive-byte", address }, signal);
    return value ?? this.short();
  }

  async sendByte(value: number, signal: AbortSignal): Promise<void> {
    await this.bus.transfer({ kind: "send-byte", address: this.address, value }, signal);
  }

  /** A write and a read of plain I²C, which some adapters cannot do. */
  exchange(write: Uint8Array, bytes: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.bus.transfer({ kind: "exchange", address: this.address, write, bytes }, signal);
  }

  /** What answers is another part. */
  wrong(found: string): PortError {
    return new PortError(
      "protocol",
      `${this.what} is none: ${found}. Correct the option address, or choose the driver of the part that is there.`,
    );
  }

  private short(): never {
    throw new PortError(
      "protocol",
      `${this.what} has answered with too few bytes. Check its wires.`,
    );
  }
}

/** Throws PortError `protocol` when another part answers. */
export type Identify = (chip: I2cChip, signal: AbortSignal) => Promise<void>;

/**
 * A chip to be alone with once it has been identified. It is asked first, and again after whatever went wrong: whoever
 * answers next may be another one.
 * @param identify missing: nothing by which the part could be told from others
 */
export function identified(chip: I2cChip, identify?: Identify) {
  let known = false;
  return <T>(signal: AbortSignal, work: (chip: I2cChip) => Promise<T>): Promise<T> =>
    chip.bus.exclusive(chip.address, async () => {
      signal.throwIfAborted();
      try {
        if (!known) await identify?.(chip, signal);
        known = true;
        return await work(chip);
      } catch (error) {
        known = false;
        throw error;
      }
    });
}

/** A word in two's complement. */
export const signed16 = (word: number): number => (word << 16) >> 16;
