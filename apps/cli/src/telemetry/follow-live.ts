import { milliseconds, seconds, systemClock } from "@outrider/contracts/clock";
import { Api, ApiError, type Given } from "../api.js";
import type { Console } from "../console.js";
import { objects } from "../consoles/bytes-out.js";
import { EXIT } from "../exit-code.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** At least an empty object comes every 15 s. */
const SILENT_MS = 40_000;

/** What goes on without end, an object a line. */
export interface LiveWish<T> {
  readonly path: string;
  /** Asked anew at each connection. */
  readonly query: () => Readonly<Record<string, Given>>;
  readonly take: (item: T) => void;
  /** The connection has gone, or is there again (undefined). */
  readonly lost: (why: string | undefined) => void;
}

/**
 * Takes what the gateway tells as it comes, until it is interrupted. A connection that breaks off, or says nothing for
 * long, is made anew without end; that it is away is told.
 * @throws ApiError when it may not be read, or could not be from the beginning
 */
export async function followLive<T extends object>(
  api: Api,
  { path, query, take, lost }: LiveWish<T>,
  { interrupted }: Pick<Console, "interrupted">,
): Promise<never> {
  let pauseMs = FIRST_PAUSE_MS;
  let begun = false;
  let isLost = false;
  for (;;) {
    const cut = new AbortController();
    let heardMs = systemClock.monotonicMs();
    const stopLooking = systemClock.every(seconds(5), () => {
      if (systemClock.monotonicMs() - heardMs <= SILENT_MS) return;
      cut.abort(new ApiError("nothing was heard of the gateway for long", EXIT.unreachable));
    });
    let why = "the gateway has ended the stream";
    try {
      const ours = new Api(api.target, AbortSignal.any([interrupted, cut.signal]));
      const chunks = await ours.stream(path, query());
      if (isLost) lost(undefined);
      isLost = false;
      begun = true;
      for await (const item of objects<T>(chunks)) {
        heardMs = systemClock.monotonicMs();
        pauseMs = FIRST_PAUSE_MS;
        if (Object.keys(item).length > 0) take(item);
      }
    } catch (error) {
      interrupted.throwIfAborted();
      if (!begun || !isPassing(error)) throw error;
      why = error instanceof Error ? error.message : String(error);
    } finally {
      stopLooking();
      cut.abort();
    }
    // Once, however often it is tried meanwhile.
    if (!isLost) lost(why);
    isLost = true;
    await systemClock.sleep(milliseconds(pauseMs), interrupted);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** What mends itself: nobody there, or a line that was cut in the middle. */
function isPassing(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.exitCode === EXIT.unreachable || error.exitCode === EXIT.timedOut;
}
