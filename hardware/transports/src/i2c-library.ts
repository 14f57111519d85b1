import { PortError } from "@outrider/ports/port-error";
import { I2cError, type I2cBackEnd, type I2cFault, type I2cTransfer } from "./i2c-bus.js";

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

const NAME: string = "i2c-bus";

const FAULTS: Readonly<Record<string, I2cFault>> = {
  ENOENT: "no-bus",
  EACCES: "denied",
  EBUSY: "busy",
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
    private readonly load: () => Promise<{ default: Library }> = () => import(NAME),
  ) {}

  async transfer(transfer: I2cTransfer): Promise<Uint8Array> {
    const bus = await (this.#opened ??= this.#open());
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

  async #open(): Promise<OpenedBus> {
    try {
      const library = (await this.load()).default;
      return await library.openPromisified(Number(/\d+$/.exec(this.path)?.[0]));
    } catch (cause) {
      this.#opened = undefined;
      throw new PortError(
        "unsupported",
        `The I²C bus ${this.path} cannot be used by i2c-bus. On the agent's host, in the folder of Outrider: npm install i2c-bus (it needs a compiler), or leave out the option library.`,
        { cause },
      );
    }
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
