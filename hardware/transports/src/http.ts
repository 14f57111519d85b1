import { Agent, request, type IncomingMessage, type RequestOptions } from "node:http";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { Clock, Duration } from "@outrider/ports/time";
import { connectionError } from "./connection-error.js";

/** Where a device serves HTTP. */
export type HttpAddress =
  /** `http://host:port`; a path in front of every request's own is allowed. */
  | { readonly url: string }
  /** Absolute path of a unix socket. */
  | { readonly socketPath: string };

export interface HttpClientOptions {
  readonly address: HttpAddress;
  /** What the device is, for messages: "The rack". */
  readonly name: string;
  readonly clock: Clock;
}

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** From the slash on, already encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** The answer must be complete within this span. */
  readonly deadline: Duration;
  /** A larger answer is refused. Default 1 MiB. */
  readonly maxBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Undefined when the answer has no body. */
  readonly json: unknown;
}

const MAX_BYTES = 1_048_576;

/**
 * JSON over HTTP to one device. Any status is an answer; redirections are not followed.
 *
 * Questions (GET) share kept-alive connections and are repeated once when a kept one turns out to be dead.
 * Everything else goes over a connection of its own and is sent exactly once, so that a connection
 * that went stale never leaves it open whether the device has seen the request.
 */
export class HttpClient implements Disposable {
  /** The device with its address, as messages name it. */
  readonly what: string;
  readonly #target: RequestOptions;
  readonly #prefix: string;
  // Node's agents set TCP_NODELAY by themselves.
  readonly #kept = new Agent({ keepAlive: true });
  readonly #single = new Agent({ keepAlive: false });

  constructor(private readonly options: HttpClientOptions) {
    const { target, prefix, where } = httpTarget(options.address);
    this.#target = target;
    this.#prefix = prefix;
    this.what = `${options.name} at ${where}`;
  }

  /**
   * @throws PortError `unreachable`, `timed-out`, or `protocol` for an answer that is too large or not JSON
   * @throws the signal's reason when it was aborted
   */
  request(asked: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const what = `${this.what} (${asked.method} ${asked.path.slice(0, 80)})`;
    return withDeadline(this.options.clock, asked.deadline, signal, what, async (within) => {
      for (let attempt = 1; ; attempt++) {
        const sent = await this.#send(asked, what, within, attempt);
        if (sent !== "stale") return sent;
      }
    });
  }

  /** Drops the kept connections; requests under way fail. */
  [Symbol.dispose](): void {
    this.#kept.destroy();
    this.#single.destroy();
  }

  #send(
    { method, path, body, maxBytes = MAX_BYTES }: HttpRequest,
    what: string,
    signal: AbortSignal,
    attempt: number,
  ): Promise<HttpAnswer | "stale"> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          ...this.#target,
          path: this.#prefix + path,
          method,
          signal,
          agent: method === "GET" ? this.#kept : this.#single,
        },
        (incoming) => {
          readJson(incoming, what, maxBytes).then(
            (json) => resolve({ status: incoming.statusCode ?? 0, json }),
            reject,
          );
        },
      );
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const stale = outgoing.reusedSocket && attempt === 1 && method === "GET";
        if (stale && (error.code === "ECONNRESET" || error.code === "EPIPE")) resolve("stale");
        else if (error.code?.startsWith("HPE_")) reject(notHttp(what, error));
        else reject(connectionError(what, error));
      });
      if (text !== undefined) {
        outgoing.setHeader("content-type", "application/json");
        outgoing.setHeader("content-length", Buffer.byteLength(text));
      }
      outgoing.end(text);
    });
  }
}

/** An address as Node's requests take it, and as people read it. */
export function httpTarget(address: HttpAddress): {
  readonly target: RequestOptions & { readonly headers?: Record<string, string> };
  readonly prefix: string;
  readonly where: string;
} {
  if ("socketPath" in address) {
    const { socketPath } = address;
    return {
      target: { socketPath, headers: { host: "localhost" } },
      prefix: "",
      where: socketPath,
    };
  }
  const url = new URL(address.url);
  return {
    target: { hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port },
    prefix: url.pathname.replace(/\/$/, ""),
    where: url.origin,
  };
}

async function readJson(
  incoming: IncomingMessage,
  what: string,
  maxBytes: number,
): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop destroys the connection, so the rest is never received.
      if (bytes > maxBytes) throw new PortError("protocol", tooLarge(what, maxBytes));
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof PortError) throw error;
    throw connectionError(what, error as Error);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch {
    // The parser's own message repeats what it read.
    throw new PortError(
      "protocol",
      `${what} answered with something that is not JSON. Check that the address belongs to the device.`,
    );
  }
}

function tooLarge(what: string, maxBytes: number): string {
  return `${what} answered with more than ${maxBytes} bytes. Check that the address belongs to the device.`;
}

function notHttp(what: string, cause: Error): PortError {
  return new PortError(
    "protocol",
    `${what} does not speak HTTP. Check that the address belongs to the device.`,
    { cause },
  );
}
