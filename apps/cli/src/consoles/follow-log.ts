import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { ApiError, type Api } from "../api.js";
import type { Console } from "../console.js";
import { EXIT } from "../exit-code.js";
import { objects, shown, toOutput } from "./bytes-out.js";
import { logLine, LogPlace, type LogItem } from "./log-lines.js";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

export interface FollowWish {
  readonly node: string;
  /** Where it begins and ends, as the gateway reads it. */
  readonly query: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json: boolean;
}

/**
 * Shows a log and what comes, until it is interrupted. A service that is started anew, or a network that is away, is
 * waited for: it goes on after the last line, without one twice or left out.
 * @throws ApiError when it may not be read, or could not be from the beginning
 */
export async function followLog(api: Api, wish: FollowWish, console: Console): Promise<never> {
  const place = new LogPlace();
  let pauseMs = FIRST_PAUSE_MS;
  let begun = false;
  for (;;) {
    try {
      const { from: _from, lines: _lines, boot: _boot, ...rest } = wish.query;
      const { position } = place;
      const chunks = await api.stream(`/nodes/${encodeURIComponent(wish.node)}/console/log`, {
        ...(position === undefined ? wish.query : { ...rest, position }),
        format: "jsonl",
        follow: true,
      });
      begun = true;
      const lines = linesOf(chunks, place, wish.json, () => (pauseMs = FIRST_PAUSE_MS));
      await toOutput(console.bytes.outputIsTerminal ? shown(lines) : lines, console);
      console.error("outrider: the gateway has ended the stream; going on");
    } catch (error) {
      if (!begun || !isPassing(error)) throw error;
      console.error("outrider: the stream has broken off; going on as soon as there is one again");
    }
    await systemClock.sleep(milliseconds(pauseMs), console.interrupted);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  place: LogPlace,
  json: boolean,
  came: () => void,
): AsyncIterable<Uint8Array> {
  for await (const item of objects<LogItem>(chunks)) {
    came();
    if (place.take(item)) yield Buffer.from(`${json ? JSON.stringify(item) : logLine(item)}\n`);
  }
}

/** What mends itself: nobody there, or a line that was cut in the middle. */
function isPassing(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.exitCode === EXIT.unreachable || error.exitCode === EXIT.timedOut;
}
