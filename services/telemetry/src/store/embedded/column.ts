import type { ByteReader, ByteWriter } from "./bytes.js";

/**
 * Values of one kind one after the other. What sensors tell are decimals with few digits that change little: whole
 * numbers of the last digit, as differences, take one or two bytes each. Others are kept as they are.
 */

const AS_DOUBLES = 255;
const LARGEST = 2 ** 51;
const SCALES = Array.from({ length: 10 }, (_, digits) => 10 ** digits);

export function writeColumn(writer: ByteWriter, values: ArrayLike<number>): void {
  const digits = digitsOf(values);
  const from = writer.length;
  const scale = SCALES[digits];
  if (scale !== undefined) {
    writer.byte(digits);
    let previous = 0;
    let at = 0;
    for (; at < values.length; at++) {
      const value = values[at] ?? 0;
      const whole = Math.round(value * scale);
      // A zero below zero is none among whole numbers.
      if (whole / scale !== value || Object.is(value, -0)) break;
      writer.signed(whole - previous);
      previous = whole;
    }
    if (at === values.length) return;
    writer.cutTo(from);
  }
  writer.byte(AS_DOUBLES);
  writer.doubles(values);
}

export function readColumn(reader: ByteReader, length: number): Float64Array {
  const digits = reader.byte();
  if (digits === AS_DOUBLES) return reader.doubles(length);
  const values = new Float64Array(length);
  const scale = SCALES[digits];
  if (scale === undefined) throw new RangeError("the block is damaged");
  let whole = 0;
  for (let at = 0; at < length; at++) {
    whole += reader.signed();
    values[at] = whole / scale;
  }
  return values;
}

/** How many digits after the point all of them have at most; more than there are scales when they are no decimals. */
function digitsOf(values: ArrayLike<number>): number {
  let digits = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0;
    for (; ; digits++) {
      const scale = SCALES[digits];
      if (scale === undefined) return digits;
      const scaled = value * scale;
      if (!(Math.abs(scaled) < LARGEST)) return SCALES.length;
      if (Math.round(scaled) / scale === value) break;
    }
  }
  return digits;
}

/** Takes the noise of adding floating-point numbers away, so that sums of decimals are short again. */
export function tidySum(sum: number): number {
  const rounded = Number(sum.toPrecision(14));
  return Math.abs(rounded - sum) <= Math.abs(sum) * 1e-14 ? rounded : sum;
}
