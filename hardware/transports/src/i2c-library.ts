import { PortError } from "@outrider/ports/port-error";
import { I2cError, type I2cBackEnd, type I2cFault, type I2cTransfer } from "./i2c-bus.js";
import { optionalPackage } from "./optional-package.js";

/** What is used of the package `i2c-bus` 5, which a person has installed. */
interface OpenedBus {
  receiveByte(address: number): Promise<number>;
  sendByte(address: number, value: number): Promise<void>;
  readByte(address: number, register: number): Promise<number>;
  writeByte(address: number, register: number, value: number): Promise<void>;
  readWord(address: number, register: number): Promise<number>;
  writeWord(address: number, register: number, value: number): Promise<void>;
  readI2cBlock(address: number, register: number, length: number, into: Buffer): Promise<unknown>;
  i2cRead(address: number, length: number, into: Buffer): Promise<unknown>;
  i2cWrite(address: number, length: number, from: Buffer): Promise<unknown>;
  close(): Promise<void>;
}
interface Library {
  openPromisified(bus: number): Promise<OpenedBus>;
}

/** Of the device file, which is opened with the first transfer, and of the transfer. */
const FAULTS: Readonly<Record<string, I2cFault>> = {
  ENOENT: "no-bus",
  EACCES: "denied",
  EPERM: "denied",
  EBUSY: "busy",
  EAGAIN: "timed-out",
  EINVAL: "not-supported",
  ETIMEDOUT: "timed-out",
  ENOTSUP: "not-supported",
  EOPNOTSUPP: "not-supported",
};

/** A bus by the package `i2c-bus`, where a person has installed it. It has no repeated start between write and read. */
export class I2cLibrary implements I2cBackEnd {
  #opened: Promise<OpenedBus> | undefined;

  /** @param load only tests have another */
  constructor(
    private readonly path: string,
    private readonly load?: (name: string) => Promise<unknown>,
  ) {}

  async ready(): Promise<void> {
    await this.#bus();
  }

  async transfer(transfer: I2cTransfer): Promise<Uint8Array> {
    const bus = await this.#bus();
    try {
      return await transferBy(bus, transfer);
    } catch (cause) {
      const { code = "", message } = cause as NodeJS.ErrnoException;
      throw new I2cError(FAULTS[code] ?? "no-answer", message, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const bus = await this.#opened?.catch(() => undefined);
    await bus?.close();
  }

  #bus(): Promise<OpenedBus> {
    const opened = (this.#opened ??= this.#open());
    opened.catch(() => {
      // The next call tries again.
      if (this.#opened === opened) this.#opened = undefined;
    });
    return opened;
  }

  async #open(): Promise<OpenedBus> {
    const number = /^\/dev\/i2c-(\d+)$/.exec(this.path)?.[1];
    if (number === undefined) {
      throw new PortError(
        "invalid-options",
        `The I²C bus ${this.path}: the package i2c-bus knows buses as /dev/i2c-N only. Correct the option bus, or leave out the option library.`,
      );
    }
    const library = await optionalPackage<Library>(
      "i2c-bus",
      `The I²C bus ${this.path}`,
      "leave out the option library",
      this.load,
    );
    return library.openPromisified(Number(number));
  }
}

async function transferBy(bus: OpenedBus, transfer: I2cTransfer): Promise<Uint8Array> {
  const { address } = transfer;
  switch (transfer.kind) {
    case "receive-byte":
      return Uint8Array.of(await bus.receiveByte(address));
    case "send-byte":
      await bus.sendByte(address, transfer.value);
      return new Uint8Array();
    case "read-byte":
      return Uint8Array.of(await bus.readByte(address, transfer.register));
    case "write-byte":
      await bus.writeByte(address, transfer.register, transfer.value);
      return new Uint8Array();
    case "read-word": {
      const word = await bus.readWord(address, transfer.register);
      return Uint8Array.of(word & 0xff, word >> 8);
    }
    case "write-word":
      await bus.writeWord(address, transfer.register, transfer.value);
      return new Uint8Array();
    case "read-block": {
      const block = Buffer.alloc(transfer.bytes);
      await bus.readI2cBlock(address, transfer.register, block.length, block);
      return block;
    }
    case "exchange": {
      const { write, bytes } = transfer;
      if (write.length > 0) await bus.i2cWrite(address, write.length, Buffer.from(write));
      const answer = Buffer.alloc(bytes);
      if (bytes > 0) await bus.i2cRead(address, bytes, answer);
      return answer;
    }
  }
}
