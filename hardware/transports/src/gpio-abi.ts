/**
 * The kernel's character devices for GPIO, version 2 of their interface (linux/gpio.h, since Linux 5.10): structures as
 * bytes, the same on every architecture. Pure.
 */

export const GET_CHIPINFO = { name: "GPIO_GET_CHIPINFO_IOCTL", request: 0x80_44_b4_01 };
export const GET_LINEINFO = { name: "GPIO_V2_GET_LINEINFO_IOCTL", request: 0xc1_00_b4_05 };
export const GET_LINE = { name: "GPIO_V2_GET_LINE_IOCTL", request: 0xc2_50_b4_07 };
export const SET_CONFIG = { name: "GPIO_V2_LINE_SET_CONFIG_IOCTL", request: 0xc1_10_b4_0d };
export const GET_VALUES = { name: "GPIO_V2_LINE_GET_VALUES_IOCTL", request: 0xc0_10_b4_0e };
export const SET_VALUES = { name: "GPIO_V2_LINE_SET_VALUES_IOCTL", request: 0xc0_10_b4_0f };

const FLAGS = {
  used: 0x1,
  activeLow: 0x2,
  input: 0x4,
  output: 0x8,
  openDrain: 0x40,
  openSource: 0x80,
  pullUp: 0x100,
  pullDown: 0x200,
  biasDisabled: 0x400,
} as const;

/** `GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES`. */
const OUTPUT_VALUES = 2;
const NAME_BYTES = 32;

export const GPIO_BIASES = ["pull-up", "pull-down", "disabled"] as const;
export const GPIO_DRIVES = ["push-pull", "open-drain", "open-source"] as const;

/** How a line is used. */
export interface GpioLineConfig {
  /** Missing: as it is. */
  readonly direction?: "input" | "output";
  readonly activeLow?: boolean | undefined;
  /** Missing: left as it is. */
  readonly bias?: (typeof GPIO_BIASES)[number] | undefined;
  readonly drive?: (typeof GPIO_DRIVES)[number] | undefined;
  /** Of an output, taken over in one step with the direction. */
  readonly active?: boolean;
}

export interface GpioChipInfo {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
}

export interface GpioLineInfo {
  readonly offset: number;
  readonly name: string;
  /** Who has it, where somebody has. */
  readonly consumer: string | undefined;
  readonly direction: "input" | "output";
  readonly activeLow: boolean;
}

export const chipInfoBytes = (): Buffer => Buffer.alloc(68);

export function decodeChipInfo(bytes: Buffer): GpioChipInfo {
  return { name: text(bytes, 0), label: text(bytes, 32), lines: bytes.readUInt32LE(64) };
}

export function lineInfoBytes(offset: number): Buffer {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32LE(offset, 64);
  return bytes;
}

export function decodeLineInfo(bytes: Buffer): GpioLineInfo {
  const flags = Number(bytes.readBigUInt64LE(72));
  return {
    name: text(bytes, 0),
    consumer: (flags & FLAGS.used) === 0 ? undefined : text(bytes, 32) || "the kernel",
    offset: bytes.readUInt32LE(64),
    direction: (flags & FLAGS.output) === 0 ? "input" : "output",
    activeLow: (flags & FLAGS.activeLow) !== 0,
  };
}

/** `struct gpio_v2_line_request` for one line. */
export function lineRequestBytes(offset: number, consumer: string, config: GpioLineConfig): Buffer {
  const bytes = Buffer.alloc(592);
  bytes.writeUInt32LE(offset, 0);
  bytes.write(clip(consumer), 256, "latin1");
  configBytes(config).copy(bytes, 288);
  bytes.writeUInt32LE(1, 560);
  return bytes;
}

export const lineFdOf = (bytes: Buffer): number => bytes.readInt32LE(588);

/** `struct gpio_v2_line_config`. */
export function configBytes({ direction, activeLow, bias, drive, active }: GpioLineConfig): Buffer {
  const bytes = Buffer.alloc(272);
  let flags = activeLow ? FLAGS.activeLow : 0;
  if (direction !== undefined) flags |= FLAGS[direction];
  if (bias === "pull-up") flags |= FLAGS.pullUp;
  if (bias === "pull-down") flags |= FLAGS.pullDown;
  if (bias === "disabled") flags |= FLAGS.biasDisabled;
  if (direction === "output" && drive === "open-drain") flags |= FLAGS.openDrain;
  if (direction === "output" && drive === "open-source") flags |= FLAGS.openSource;
  bytes.writeBigUInt64LE(BigInt(flags), 0);
  if (direction === "output" && active !== undefined) {
    bytes.writeUInt32LE(1, 8);
    bytes.writeUInt32LE(OUTPUT_VALUES, 32);
    bytes.writeBigUInt64LE(active ? 1n : 0n, 40);
    bytes.writeBigUInt64LE(1n, 48);
  }
  return bytes;
}

/** `struct gpio_v2_line_values` of the one line of a request. */
export function valueBytes(active: boolean): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(active ? 1n : 0n, 0);
  bytes.writeBigUInt64LE(1n, 8);
  return bytes;
}

export const decodeValue = (bytes: Buffer): boolean => (bytes.readBigUInt64LE(0) & 1n) === 1n;

function text(bytes: Buffer, at: number): string {
  const [name = ""] = bytes.toString("utf8", at, at + NAME_BYTES).split("\0");
  return name;
}

/** The kernel keeps 31 characters. */
function clip(consumer: string): string {
  return consumer.replace(/[^\x20-\x7e]/g, "?").slice(0, NAME_BYTES - 1);
}
