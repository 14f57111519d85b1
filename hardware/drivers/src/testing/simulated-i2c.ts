import { setTimeout as sleep } from "node:timers/promises";
import { I2cError, type I2cBackEnd, type I2cTransfer } from "@outrider/transports/i2c-bus";

/** A chip as its bus sees it: bytes that follow its address, and bytes that it answers. */
export interface SimulatedChip {
  write(bytes: readonly number[]): void;
  read(bytes: number): readonly number[];
}

/** A chip of registers, whose address moves on with each byte. @param wide registers are words, high byte first */
export function registerChip(registers: Map<number, number>, wide: boolean): SimulatedChip {
  let pointer = 0;
  return {
    write: ([register = 0, ...values]) => {
      pointer = register;
      if (wide && values.length >= 2)
        registers.set(register, ((values[0] ?? 0) << 8) | (values[1] ?? 0));
      else values.forEach((value, index) => registers.set(register + index, value));
    },
    read: (bytes) => {
      if (!wide) return Array.from({ length: bytes }, (_, n) => registers.get(pointer + n) ?? 0);
      const word = registers.get(pointer) ?? 0;
      return [word >> 8, word & 0xff].slice(0, bytes);
    },
  };
}

/**
 * A bus in this process: no chip's word is anybody's but this project's. For faults that no stub of a kernel has, and to
 * measure what a bus of so many bits a second allows.
 */
export class SimulatedI2c implements I2cBackEnd {
  readonly chips = new Map<number, SimulatedChip>();
  /** What it took on the wire so far, in bits: nine for a byte, and its starts and stops. */
  bits = 0;
  /** Transfers do not end while it hangs. */
  hangs: Promise<void> | undefined;
  /** Half of the answer is lost. */
  cut = false;
  #debtMs = 0;

  /** @param bitsPerSecond missing: it takes no time */
  constructor(private readonly bitsPerSecond?: number) {}

  async transfer(transfer: I2cTransfer): Promise<Uint8Array> {
    await this.hangs;
    const chip = this.chips.get(transfer.address);
    const { write, bytes } = wireOf(transfer);
    const parts = (write === undefined ? 0 : 1) + (bytes === 0 ? 0 : 1);
    const onWire = chip ? (write?.length ?? 0) + bytes + parts : 1;
    await this.#take(onWire * 9 + parts + 1);
    if (!chip) throw new I2cError("no-answer", "it does not answer");
    if (write) chip.write(write);
    const answer = bytes === 0 ? [] : chip.read(bytes);
    return Uint8Array.from(this.cut ? answer.slice(0, answer.length >> 1) : answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Timers are coarser than bits: what was slept too long counts for the next. */
  async #take(bits: number): Promise<void> {
    this.bits += bits;
    if (this.bitsPerSecond === undefined) return;
    this.#debtMs += (bits * 1000) / this.bitsPerSecond;
    if (this.#debtMs < 1) return;
    const startMs = performance.now();
    await sleep(Math.floor(this.#debtMs));
    this.#debtMs -= performance.now() - startMs;
  }
}

function wireOf(transfer: I2cTransfer): { write?: readonly number[]; bytes: number } {
  switch (transfer.kind) {
    case "receive-byte":
      return { bytes: 1 };
    case "send-byte":
      return { write: [transfer.value], bytes: 0 };
    case "read-byte":
      return { write: [transfer.register], bytes: 1 };
    case "read-word":
      return { write: [transfer.register], bytes: 2 };
    case "write-byte":
      return { write: [transfer.register, transfer.value], bytes: 0 };
    case "write-word":
      return {
        write: [transfer.register, transfer.value & 0xff, transfer.value >> 8],
        bytes: 0,
      };
    case "read-block":
      return { write: [transfer.register], bytes: transfer.bytes };
    case "exchange":
      return {
        ...(transfer.write.length === 0 ? {} : { write: [...transfer.write] }),
        bytes: transfer.bytes,
      };
  }
}
