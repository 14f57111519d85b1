import { endianness } from "node:os";
import { DeviceError, DeviceFiles, type DeviceThreads } from "./device-thread.js";
import { I2cError, type I2cBackEnd, type I2cFault, type I2cTransfer } from "./i2c-bus.js";
import { encodeTransfer, I2C_SLAVE } from "./i2c-dev-abi.js";

const POINTER_BYTES = ["arm", "ia32", "mipsel"].includes(process.arch) ? 4 : 8;

const FAULTS: Readonly<Record<string, I2cFault>> = {
  ENXIO: "no-answer",
  EREMOTEIO: "no-answer",
  ENODEV: "no-answer",
  EIO: "no-answer",
  EAGAIN: "timed-out",
  ETIMEDOUT: "timed-out",
  EBUSY: "busy",
  ENOTSUP: "not-supported",
  EOPNOTSUPP: "not-supported",
  EINVAL: "not-supported",
};
const OPENING: Readonly<Record<string, I2cFault>> = { EACCES: "denied", EPERM: "denied" };

/** A bus by the kernel's own device file. Opened by the first transfer, and again after it has gone. */
export class I2cDev implements I2cBackEnd {
  readonly #files: DeviceFiles;
  #fd: number | undefined;

  /** @param threads only tests have others */
  constructor(
    private readonly path: string,
    threads?: DeviceThreads,
  ) {
    if (endianness() !== "LE") throw new TypeError("only for little-endian systems");
    this.#files = new DeviceFiles(threads);
  }

  ready(): Promise<void> {
    return this.#files.ready();
  }

  async transfer(transfer: I2cTransfer): Promise<Uint8Array> {
    const fd = await this.#open();
    const { request, bytes, inside, pointers, answer } = encodeTransfer(transfer, POINTER_BYTES);
    const before = [{ request: I2C_SLAVE, value: transfer.address }];
    try {
      const call = { fd, request, bytes, inside, pointers, before };
      const answered = (await this.#files.ioctl("the transfer", call)).inside?.[answer.inside];
      return answered?.subarray(answer.from, answer.from + answer.bytes) ?? new Uint8Array();
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      const fault = FAULTS[error.code] ?? "no-answer";
      const says = fault === "no-answer" ? `it does not answer (${error.code})` : error.message;
      throw new I2cError(fault, says, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#fd !== undefined) await this.#files.close(this.#fd);
  }

  async #open(): Promise<number> {
    try {
      return (this.#fd ??= await this.#files.open(this.path));
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      throw new I2cError(OPENING[error.code] ?? "no-bus", error.message, { cause: error });
    }
  }
}
