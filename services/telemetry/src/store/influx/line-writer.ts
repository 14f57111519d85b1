import { gzipSync } from "node:zlib";
import { DeliveryError, type Delivered, type Delivery } from "../backend.js";
import { bodyOf, linesOf, request, type HttpTarget } from "../http.js";

const WITHIN_MS = 10_000;

/** `no-database`: it has to be made first. */
export class NoDatabaseError extends DeliveryError {}

/**
 * Posts lines to a `/write` endpoint and reads what it says of them. A request that takes some and refuses others for
 * good is done; one that cannot be told is halved, so that one bad line does not hold up all others.
 */
export class LineWriter {
  constructor(
    private readonly target: HttpTarget,
    private readonly path: string,
  ) {}

  async write(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    return this.#post(bodyOf(delivery), () => linesOf(delivery), delivery.points, signal);
  }

  /** As {@link write}, of lines. */
  async writeLines(lines: string, points: number, signal: AbortSignal): Promise<Delivered> {
    return this.#post(gzipSync(lines, { level: 1 }), () => lines, points, signal);
  }

  async #post(
    body: Uint8Array,
    lines: () => string,
    points: number,
    signal: AbortSignal,
  ): Promise<Delivered> {
    const headers = { "content-encoding": "gzip", "content-type": "text/plain; charset=utf-8" };
    const answer = await request(this.target, this.path, {
      body,
      headers,
      withinMs: WITHIN_MS,
      signal,
    }).catch((error: Error) => {
      signal.throwIfAborted();
      throw new DeliveryError(error.message, { cause: error });
    });
    const { status } = answer;
    if (status >= 200 && status < 300) return { refused: 0 };
    const said = saidOf(answer.text);
    if (status === 404 && said.includes("database not found")) throw new NoDatabaseError(said);
    if (status === 400 || status === 413 || status === 422) {
      const partial = partialOf(said);
      if (partial !== undefined) return { refused: Math.min(partial, points), why: said };
      if (points <= 1) return { refused: points, why: said };
      return this.#halves(lines(), points, signal);
    }
    throw new DeliveryError(adviceOf(this.target.base, status, said));
  }

  async #halves(text: string, points: number, signal: AbortSignal): Promise<Delivered> {
    const lines = text.split("\n").filter(Boolean);
    const middle = Math.ceil(lines.length / 2);
    if (lines.length <= 1) return { refused: points };
    const parts: Delivered[] = [];
    for (const part of [lines.slice(0, middle), lines.slice(middle)]) {
      parts.push(await this.writeLines(`${part.join("\n")}\n`, part.length, signal));
    }
    const why = parts.find((part) => part.why)?.why;
    const refused = parts.reduce((sum, part) => sum + part.refused, 0);
    return why === undefined ? { refused } : { refused, why };
  }
}

function saidOf(text: string): string {
  try {
    const { error, message } = JSON.parse(text) as { error?: string; message?: string };
    return (error ?? message ?? text).slice(0, 500);
  } catch {
    return text.slice(0, 500);
  }
}

/** InfluxDB has written the rest then. */
function partialOf(said: string): number | undefined {
  if (!said.startsWith("partial write")) return undefined;
  const dropped = /dropped=(\d+)/.exec(said)?.[1];
  return dropped === undefined ? undefined : Number(dropped);
}

function adviceOf(base: string, status: number, said: string): string {
  if (status === 401 || status === 403) {
    return `The time-series database at ${base} does not let us write (${status}: ${said}). Check user and password in OUTRIDER_INFLUX_URL.`;
  }
  const isFull = said.includes("no space left");
  const advice = isFull
    ? "Free space on its disk and restart it: InfluxDB 1 takes nothing until then."
    : "Look into its log.";
  return `The time-series database at ${base} takes nothing (${status}: ${said}). ${advice}`;
}
