import type { ConsoleTold } from "@outrider/contracts/console-attach";
import type { ConsoleLog } from "../log/console-log.js";
import type { LogGap, LogItem } from "../log/log-format.js";
import type { Delivery } from "./delivery.js";
import { DisplaySafe } from "./display-safe.js";
import { timeOfMicros } from "./micros.js";
import type { ReplayWish } from "./replay-start.js";

/** More of the past than this is not shown to anybody; the log has it. */
export const LONGEST_REPLAY_BYTES = 8 * 1024 * 1024;
/** Somebody who falls behind by more than this while the past is shown goes on with the present. */
const LONGEST_CATCH_UP_BYTES = 256 * 1024;
const PIECE_BYTES = 32 * 1024;

export interface ReplayOptions {
  readonly log: ConsoleLog;
  readonly delivery: Delivery;
  readonly raw: boolean;
  readonly signal: AbortSignal;
  /** The screen as it stands at a position of the log. */
  readonly screen: () => Promise<{ readonly bytes: Buffer; readonly position: number }>;
  /** Called, in the turn of the event loop in which the last of the log was handed over, when what comes is to follow. */
  readonly live: () => void;
}

/** Shows the past up to the end of the log, and says when there: what comes then is neither missed nor shown twice. */
export async function replay(wish: ReplayWish, options: ReplayOptions): Promise<void> {
  const { log, delivery, signal } = options;
  let position = log.next;
  if (wish.kind === "none") return options.live();
  delivery.between({ told: "replay" });
  if (wish.kind === "screen") {
    const screen = await options.screen();
    delivery.bytes(screen.bytes);
    position = screen.position;
  } else {
    const end = wish.previous ? startOfLastBoot(log) : log.next;
    const from = await log.locate(wish.from);
    const first = Math.max(from, end - LONGEST_REPLAY_BYTES);
    if (first > from) {
      delivery.between({
        told: "notice",
        text: `only the last ${LONGEST_REPLAY_BYTES / 1_048_576} MiB are shown; the log has the rest`,
      });
    }
    await show(first, end, options);
    if (!wish.previous) position = end;
  }
  while (!signal.aborted && position < log.next) {
    if (log.next - position > LONGEST_CATCH_UP_BYTES) {
      const bytes = log.next - position;
      delivery.skippedBytes += bytes;
      delivery.between({
        told: "skipped",
        bytes,
        text: `${bytes} bytes that came meanwhile were left out; the log has them`,
      });
      break;
    }
    const end = log.next;
    await show(position, end, options);
    position = end;
  }
  delivery.between({ told: "live" });
  options.live();
}

/** Hands over the bytes of a range at the viewer's own pace. */
async function show(from: number, end: number, options: ReplayOptions): Promise<void> {
  const { log, delivery, raw, signal } = options;
  if (from >= end) return;
  const safe = raw ? undefined : new DisplaySafe();
  let parts: Buffer[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (bytes === 0) return;
    const piece = Buffer.concat(parts);
    parts = [];
    bytes = 0;
    delivery.bytes(safe ? safe.push(piece).viewers : piece);
    await delivery.room();
  };
  const range = { from: { position: from }, untilPosition: end };
  for await (const item of log.read(range, { signal })) {
    if (item.kind === "gap") {
      await flush();
      delivery.between(gapTold(item));
    } else if (item.kind === "bytes") {
      parts.push(item.bytes);
      bytes += item.bytes.length;
      if (bytes >= PIECE_BYTES) await flush();
    }
  }
  await flush();
}

function startOfLastBoot(log: ConsoleLog): number {
  return log.boots.at(-1)?.position ?? log.next;
}

/** What a viewer is told of a gap. */
export function gapTold(gap: LogGap): ConsoleTold {
  const from = timeOfMicros(gap.fromMicros);
  const to = timeOfMicros(gap.toMicros);
  const much = gap.lost === undefined ? "an unknown number of" : String(gap.lost);
  return {
    told: "gap",
    ...(gap.lost === undefined ? {} : { bytes: gap.lost }),
    from,
    to,
    code: gap.reason,
    text: `${much} bytes are missing here (${gap.reason}, ${from} to ${to})`,
  };
}

/** The bytes among items that the log took. */
export function bytesOf(items: readonly LogItem[]): Buffer {
  const parts = items.flatMap((item) => (item.kind === "bytes" ? [item.bytes] : []));
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}
