/** The kernel's `/dev/i2c-N` (linux/i2c-dev.h, linux/i2c.h) as bytes. Pure. */
import type { I2cTransfer } from "./i2c-bus.js";

export const I2C_SLAVE = 0x0703;
export const I2C_RDWR = 0x0707;
export const I2C_SMBUS = 0x0720;

const READ = 1;
const I2C_M_RD = 0x0001;
/** `I2C_SMBUS_BYTE`, `_BYTE_DATA`, `_WORD_DATA`, `_I2C_BLOCK_DATA`. */
const SIZE = { byte: 1, byteData: 2, wordData: 3, i2cBlock: 8 } as const;
/** `union i2c_smbus_data`: a block with its length before it. */
const DATA_BYTES = 34;

/** A call by which a transfer is made, with where in its memory the answer is. */
export interface EncodedTransfer {
  readonly request: number;
  readonly bytes: Buffer;
  readonly inside: readonly { readonly at: number; readonly bytes: Buffer }[];
  readonly pointers: readonly { readonly in: number; readonly at: number; readonly to: number }[];
  readonly answer: { readonly inside: number; readonly from: number; readonly bytes: number };
}

/** @param pointerBytes of this system: 8, or 4 on 32-bit ARM */
export function encodeTransfer(transfer: I2cTransfer, pointerBytes: number): EncodedTransfer {
  switch (transfer.kind) {
    case "receive-byte":
      return smbus(pointerBytes, READ, 0, SIZE.byte, [], 1);
    case "send-byte":
      return smbus(pointerBytes, 0, transfer.value, SIZE.byte, [], 0);
    case "read-byte":
      return smbus(pointerBytes, READ, transfer.register, SIZE.byteData, [], 1);
    case "write-byte":
      return smbus(pointerBytes, 0, transfer.register, SIZE.byteData, [transfer.value], 0);
    case "read-word":
      return smbus(pointerBytes, READ, transfer.register, SIZE.wordData, [], 2);
    case "write-word": {
      const data = [transfer.value & 0xff, transfer.value >> 8];
      return smbus(pointerBytes, 0, transfer.register, SIZE.wordData, data, 0);
    }
    case "read-block": {
      const { register, bytes } = transfer;
      const encoded = smbus(pointerBytes, READ, register, SIZE.i2cBlock, [bytes], bytes);
      return { ...encoded, answer: { inside: 0, from: 1, bytes } };
    }
    case "exchange":
      return exchange(pointerBytes, transfer.address, Buffer.from(transfer.write), transfer.bytes);
  }
}

/** `struct i2c_smbus_ioctl_data`. */
function smbus(
  pointerBytes: number,
  direction: number,
  command: number,
  size: number,
  data: readonly number[],
  answerBytes: number,
): EncodedTransfer {
  const bytes = Buffer.alloc(8 + pointerBytes);
  bytes.writeUInt8(direction, 0);
  bytes.writeUInt8(command, 1);
  bytes.writeUInt32LE(size, 4);
  const union = Buffer.alloc(DATA_BYTES);
  union.set(data);
  return {
    request: I2C_SMBUS,
    bytes,
    inside: [{ at: 8, bytes: union }],
    pointers: [],
    answer: { inside: 0, from: 0, bytes: answerBytes },
  };
}

/** `struct i2c_rdwr_ioctl_data` with one message or two. */
function exchange(
  pointerBytes: number,
  address: number,
  write: Buffer,
  readBytes: number,
): EncodedTransfer {
  // struct i2c_msg: addr, flags, len as 16 bits each, then a pointer at its own alignment.
  const messageBytes = 8 + pointerBytes;
  const parts = [
    ...(write.length > 0 ? [{ flags: 0, data: write }] : []),
    ...(readBytes > 0 ? [{ flags: I2C_M_RD, data: Buffer.alloc(readBytes) }] : []),
  ];
  const messages = Buffer.alloc(messageBytes * parts.length);
  for (const [index, { flags, data }] of parts.entries()) {
    messages.writeUInt16LE(address, index * messageBytes);
    messages.writeUInt16LE(flags, index * messageBytes + 2);
    messages.writeUInt16LE(data.length, index * messageBytes + 4);
  }
  const bytes = Buffer.alloc(pointerBytes * 2);
  bytes.writeUInt32LE(parts.length, pointerBytes);
  return {
    request: I2C_RDWR,
    bytes,
    // Only the first is pointed at from outside; the others from the messages.
    inside: [{ at: 0, bytes: messages }, ...parts.map(({ data }) => ({ at: -1, bytes: data }))],
    pointers: parts.map((_, index) => ({ in: 0, at: index * messageBytes + 8, to: index + 1 })),
    answer: { inside: parts.length, from: 0, bytes: readBytes },
  };
}
