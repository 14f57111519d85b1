import {
  nextAfter,
  type StreamBreak,
  type StreamBytes,
  type StreamGap,
  type StreamItem,
} from "@outrider/console-link/console-stream";

/**
 * A gap that knows its first number. Of the spool's own losses the first `lost` numbers were bytes and the rest were
 * breaks, unless they are `mixed`.
 */
export interface SpoolGap extends StreamGap {
  readonly start: number;
  readonly mixed?: true | undefined;
}

/** An item as the spool keeps it. Items follow on without holes. */
export type SpoolItem = StreamBytes | SpoolGap | StreamBreak;

export function startOf(item: SpoolItem): number {
  return item.kind === "gap" ? item.start : item.offset;
}

/** What an item costs in memory, objects included. */
export function costOf(item: SpoolItem): number {
  return item.kind === "bytes" ? item.bytes.length + ITEM_COST : ITEM_COST;
}
const ITEM_COST = 160;

/** An item without what is before `from`. */
export function itemFrom(item: SpoolItem, from: number): StreamItem {
  if (item.kind === "gap") return gapFrom(item, from);
  if (item.kind === "break" || from <= item.offset) return item;
  return { ...item, offset: from, bytes: item.bytes.subarray(from - item.offset) };
}

function gapFrom(gap: SpoolGap, from: number): StreamGap {
  const { start, offset, lost, reason, fromMicros, toMicros, mixed } = gap;
  const whole = { kind: gap.kind, offset, lost, reason, fromMicros, toMicros };
  if (from <= start || lost === undefined || !isOwn(gap)) return whole;
  return { ...whole, lost: mixed ? undefined : Math.max(0, start + lost - from) };
}

/** Items from a list that are at or after `from`, up to so many bytes, at least one. */
export function itemsFrom(
  items: Iterable<SpoolItem>,
  from: number,
  maxBytes: number,
): StreamItem[] {
  const found: StreamItem[] = [];
  let bytes = 0;
  for (const item of items) {
    if (nextAfter(item) <= from) continue;
    if (bytes >= maxBytes) break;
    found.push(itemFrom(item, from));
    bytes += item.kind === "bytes" ? item.bytes.length : MARK_BYTES;
  }
  return found;
}
const MARK_BYTES = 32;

/** What is left to say of an item that is given up: how many bytes it was, or the gap that it is. */
export function lossOf(item: SpoolItem, reason: "spool-overflow" | "spool-failed"): SpoolGap {
  if (item.kind === "gap") return item;
  return {
    kind: "gap",
    start: item.offset,
    offset: nextAfter(item),
    lost: item.kind === "bytes" ? item.bytes.length : 0,
    reason,
    fromMicros: item.atMicros,
    toMicros: item.atMicros,
  };
}

/** Adds a loss to a list of them. Those that follow on become one, so that long lists stay short. */
export function addLoss(losses: SpoolGap[], loss: SpoolGap): void {
  const last = losses.at(-1);
  const follows = last?.offset === loss.start && last.reason === loss.reason && isOwn(loss);
  const pure = last && last.lost === last.offset - last.start;
  const full = losses.length >= MAX_LOSSES;
  if (!follows || !(pure || loss.lost === 0 || full)) {
    losses.push(loss);
    return;
  }
  const { lost } = last;
  const mixed = last.mixed ?? loss.mixed ?? (pure || loss.lost === 0 ? undefined : true);
  losses[losses.length - 1] = {
    ...loss,
    start: last.start,
    lost: lost === undefined || loss.lost === undefined ? undefined : lost + loss.lost,
    fromMicros: last.fromMicros,
    ...(mixed ? { mixed } : {}),
  };
}

/** Beyond so many, losses are merged although one that is entered in the middle does not know its size then. */
const MAX_LOSSES = 512;

/** The spool's own; losses of the device's are each a thing of their own. */
function isOwn(gap: SpoolGap): boolean {
  return gap.reason === "spool-overflow" || gap.reason === "spool-failed";
}
