import { ByteReader, ByteWriter } from "./bytes.js";
import { readColumn, tidySum, writeColumn } from "./column.js";

/** Points of one series within an hour, each time once, in order. */
export interface RawBlock {
  /** Milliseconds since the hour began. */
  readonly at: Float64Array;
  readonly values: Float64Array;
}

/** Rolled-up values of one series; slots without points are left out. */
export interface RolledBlock {
  /** Number of the slot within the block. */
  readonly slots: Float64Array;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
}

const writer = new ByteWriter();

export function writeRaw({ at, values }: RawBlock): Uint8Array {
  writeTimes(at);
  writeColumn(writer, values);
  return writer.take();
}

export function readRaw(bytes: Uint8Array): RawBlock {
  const reader = new ByteReader(bytes);
  const at = readTimes(reader);
  return { at, values: readColumn(reader, at.length) };
}

function writeTimes(at: Float64Array): void {
  writer.varint(at.length);
  let previous = 0;
  let step = 0;
  for (const one of at) {
    writer.signed(one - previous - step);
    step = one - previous;
    previous = one;
  }
}

function readTimes(reader: ByteReader): Float64Array {
  const at = new Float64Array(reader.varint());
  let previous = 0;
  let step = 0;
  for (let index = 0; index < at.length; index++) {
    step += reader.signed();
    previous += step;
    at[index] = previous;
  }
  return at;
}

/** @param at the times of all points that are in it, where they are to be known when the points are gone */
export function writeRolled(block: RolledBlock, at?: Float64Array): Uint8Array {
  writer.varint(block.slots.length);
  let previous = -1;
  for (const slot of block.slots) {
    writer.varint(slot - previous - 1);
    previous = slot;
  }
  for (const count of block.counts) writer.varint(count);
  for (const column of [block.sums, block.mins, block.maxs, block.lasts]) {
    writeColumn(writer, column);
  }
  if (at) writeTimes(at);
  return writer.take();
}

/** A rolled-up block, and the times of the points in it where it has them. */
export interface TimedBlock {
  readonly rolled: RolledBlock;
  readonly at: Float64Array | undefined;
}

export function readTimed(bytes: Uint8Array): TimedBlock {
  const reader = new ByteReader(bytes);
  const rolled = readRolledOf(reader);
  return { rolled, at: reader.isAtEnd ? undefined : readTimes(reader) };
}

export function readRolled(bytes: Uint8Array): RolledBlock {
  return readRolledOf(new ByteReader(bytes));
}

function readRolledOf(reader: ByteReader): RolledBlock {
  const length = reader.varint();
  const slots = new Float64Array(length);
  let previous = -1;
  for (let index = 0; index < length; index++) {
    previous += reader.varint() + 1;
    slots[index] = previous;
  }
  const counts = new Float64Array(length);
  for (let index = 0; index < length; index++) counts[index] = reader.varint();
  const [sums, mins, maxs, lasts] = Array.from({ length: 4 }, () => readColumn(reader, length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return { slots, counts, sums, mins, maxs, lasts };
}

/** Puts points together: in the order of time, and of those with the same time the one that came last. */
export function mergeRaw(
  before: RawBlock | undefined,
  at: readonly number[],
  values: readonly number[],
): RawBlock {
  const kept = before?.at.length ?? 0;
  const inOrder = at.every((one, index) => one > (at[index - 1] ?? before?.at[kept - 1] ?? -1));
  if (inOrder) {
    const block = {
      at: new Float64Array(kept + at.length),
      values: new Float64Array(kept + at.length),
    };
    if (before) {
      block.at.set(before.at);
      block.values.set(before.values);
    }
    block.at.set(at, kept);
    block.values.set(values, kept);
    return block;
  }
  const byTime = new Map<number, number>();
  before?.at.forEach((one, index) => byTime.set(one, before.values[index] ?? 0));
  at.forEach((one, index) => byTime.set(one, values[index] ?? 0));
  const times = Float64Array.from(byTime.keys()).toSorted();
  return { at: times, values: times.map((one) => byTime.get(one) ?? 0) };
}

/** Points at other times than these. */
export function without(raw: RawBlock, at: Float64Array): RawBlock {
  const known = new Set(at);
  const isNew = (_: number, index: number): boolean => !known.has(raw.at[index] ?? -1);
  return { at: raw.at.filter(isNew), values: raw.values.filter(isNew) };
}

/** Rolls points up. @param slotMs the length of a slot, in the unit of the times */
export function rollUp(raw: RawBlock, slotMs: number): RolledBlock {
  const rolled = new Rolling();
  raw.at.forEach((at, index) => {
    const value = raw.values[index] ?? 0;
    rolled.add(Math.floor(at / slotMs), 1, value, value, value, value);
  });
  return rolled.block();
}

/** Everything of a block as one slot of a coarser one. */
export function rollUpAll(block: RolledBlock, slot: number): RolledBlock {
  const rolled = new Rolling();
  block.slots.forEach((_, index) => {
    rolled.add(
      slot,
      block.counts[index] ?? 0,
      block.sums[index] ?? 0,
      block.mins[index] ?? 0,
      block.maxs[index] ?? 0,
      block.lasts[index] ?? 0,
    );
  });
  return rolled.block();
}

/**
 * Puts slots into a block.
 * @param same what becomes of a slot that is in both: the new one takes its place, or its points are added
 */
export function mergeRolled(
  before: RolledBlock | undefined,
  added: RolledBlock,
  same: "replace" | "add",
): RolledBlock {
  if (!before) return added;
  const rolled = new Rolling();
  const isNew = new Set(added.slots);
  for (const block of [before, added]) {
    block.slots.forEach((slot, index) => {
      if (block === before && same === "replace" && isNew.has(slot)) return;
      rolled.add(
        slot,
        block.counts[index] ?? 0,
        block.sums[index] ?? 0,
        block.mins[index] ?? 0,
        block.maxs[index] ?? 0,
        block.lasts[index] ?? 0,
      );
    });
  }
  return rolled.block();
}

/**
 * Adds points to a block whose own points are not there any more: of each slot, the value that is latest in time is its
 * last.
 */
export function addToRolled(
  { rolled, at }: TimedBlock,
  news: RawBlock,
  slotMs: number,
): TimedBlock {
  const latest = new Map<number, number>();
  for (const one of at ?? []) latest.set(Math.floor(one / slotMs), one);
  const added = rollUp(news, slotMs);
  const merged = mergeRolled(rolled, added, "add");
  const newest = new Map<number, number>();
  for (const one of news.at) newest.set(Math.floor(one / slotMs), one);
  const lasts = Float64Array.from(merged.lasts);
  rolled.slots.forEach((slot, index) => {
    if ((latest.get(slot) ?? -1) <= (newest.get(slot) ?? -1)) return;
    lasts[merged.slots.indexOf(slot)] = rolled.lasts[index] ?? 0;
  });
  const times = at && Float64Array.from([...at, ...news.at]).toSorted();
  return { rolled: { ...merged, lasts }, at: times };
}

interface Slot {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
}

class Rolling {
  readonly #slots = new Map<number, Slot>();

  add(slot: number, count: number, sum: number, min: number, max: number, last: number): void {
    const there = this.#slots.get(slot);
    if (!there) {
      this.#slots.set(slot, { count, sum, min, max, last });
      return;
    }
    there.count += count;
    there.sum += sum;
    there.min = Math.min(there.min, min);
    there.max = Math.max(there.max, max);
    there.last = last;
  }

  block(): RolledBlock {
    const slots = Float64Array.from(this.#slots.keys()).toSorted();
    const column = (of: (slot: Slot) => number): Float64Array =>
      slots.map((slot) => {
        const there = this.#slots.get(slot);
        return there ? of(there) : 0;
      });
    return {
      slots,
      counts: column(({ count }) => count),
      sums: column(({ sum }) => tidySum(sum)),
      mins: column(({ min }) => min),
      maxs: column(({ max }) => max),
      lasts: column(({ last }) => last),
    };
  }
}
