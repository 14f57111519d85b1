import { gunzipSync } from "node:zlib";
import type { Delivery } from "./backend.js";
import { StoreError } from "./store.js";

/** A database behind HTTP, and who we are to it. */
export interface HttpTarget {
  /** Without a slash at its end, without credentials. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** @throws Error when there is no answer in time, or the signal's reason */
export async function request(
  target: HttpTarget,
  path: string,
  options: {
    readonly body?: Uint8Array | URLSearchParams;
    readonly headers?: Readonly<Record<string, string>>;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  },
): Promise<HttpAnswer> {
  const { body, headers = {}, withinMs, signal } = options;
  try {
    const response = await fetch(target.base + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...target.headers, ...headers },
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(withinMs)]),
      ...(body === undefined ? {} : { body: body as NonNullable<RequestInit["body"]> }),
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(whyNoAnswer(target.base, cause, withinMs), { cause });
  }
}

function whyNoAnswer(base: string, cause: unknown, withinMs: number): string {
  const { name, message, cause: inner } = cause as Error & { cause?: { code?: string } };
  const why =
    name === "TimeoutError" ? `nothing within ${withinMs / 1000} s` : (inner?.code ?? message);
  return `The time-series database at ${base} does not answer (${why}). Look whether it runs, and whether it can be reached from here.`;
}

/** The lines of a delivery, one member of gzip after the other. */
export function bodyOf({ records }: Delivery): Uint8Array {
  return Buffer.concat(records.map(({ payload }) => payload));
}

export function linesOf({ records }: Delivery): string {
  return records.map(({ payload }) => gunzipSync(payload).toString("utf8")).join("");
}

/** For what a database answered to a query. */
export function unavailable(message: string, cause?: unknown): StoreError {
  return new StoreError("unavailable", message, { cause });
}
