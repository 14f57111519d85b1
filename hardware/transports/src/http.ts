import {
  Agent,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as requestTls } from "node:https";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { Clock, Duration } from "@outrider/ports/time";
import { connectionError } from "./connection-error.js";
import { tlsAgent, type TlsTrust } from "./tls-agent.js";

/** Where a device serves HTTP. */
export type HttpAddress =
  /** `http://host:port` or `https://host:port`; a path in front of every request's own is allowed. */
  | { readonly url: string }
  /** Absolute path of a unix socket. */
  | { readonly socketPath: string };

export interface HttpClientOptions {
  readonly address: HttpAddress;
  /** What the device is, for messages: "The rack". */
  readonly name: string;
  readonly clock: Clock;
  /** By what a server of `https` is known. Missing: by the authorities that the system trusts. */
  readonly trust?: TlsTrust | undefined;
}

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** From the slash on, already encoded. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer must be complete within this span. */
  readonly deadline: Duration;
  /** A larger answer is refused. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Its answer may be anything, and is JSON only by chance. */
  readonly anyAnswer?: true;
}

export interface HttpAnswer {
  readonly status: number;
  /** Undefined when the answer has no body, or is an error in words. */
  readonly json: unknown;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

const MAX_BYTES = 1_048_576;

/**
 * JSON over HTTP, with or without TLS, to one device. Any status is an answer; redirections are not followed.
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
  readonly #tls: boolean;
  // Node's agents set TCP_NODELAY by themselves.
  readonly #kept: Agent;
  readonly #single: Agent;

  constructor(private readonly options: HttpClientOptions) {
    const { target, prefix, where } = httpTarget(options.address);
    this.#tls = where.startsWith("https:");
    const agent = (keepAlive: boolean): Agent =>
      this.#tls ? tlsAgent(keepAlive, options.trust) : new Agent({ keepAlive });
    this.#kept = agent(true);
    this.#single = agent(false);
    this.#target = target;
    this.#prefix = prefix;
    this.what = `${options.name} at ${where}`;
  }

  /**
   * @throws PortError `unreachable`, `timed-out`, or `protocol` for an answer that is too large or not JSON, or a server that is not the trusted one
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
    { method, path, body, form, headers = {}, maxBytes = MAX_BYTES, anyAnswer }: HttpRequest,
    what: string,
    signal: AbortSignal,
    attempt: number,
  ): Promise<HttpAnswer | "stale"> {
    const sent = form === undefined ? body : new URLSearchParams(form).toString();
    const text = sent === undefined || form !== undefined ? (sent as string) : JSON.stringify(body);
    const type = form === undefined ? "application/json" : "application/x-www-form-urlencoded";
    const ask = this.#tls ? requestTls : request;
    return new Promise((resolve, reject) => {
      const outgoing = ask(
        {
          ...this.#target,
          path: this.#prefix + path,
          method,
          signal,
          agent: method === "GET" ? this.#kept : this.#single,
        },
        (incoming) => {
          readAnswer(incoming, what, maxBytes, anyAnswer).then(resolve, reject);
        },
      );
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const stale = outgoing.reusedSocket && attempt === 1 && method === "GET";
        if (stale && (error.code === "ECONNRESET" || error.code === "EPIPE")) resolve("stale");
        else if (error instanceof PortError) reject(error);
        else if (error.code?.startsWith("HPE_") || error.code === "EPROTO")
          reject(notHttp(what, error));
        else reject(connectionError(what, error));
      });
      for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
      if (text !== undefined) {
        outgoing.setHeader("content-type", type);
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

async function readAnswer(
  incoming: IncomingMessage,
  what: string,
  maxBytes: number,
  any: true | undefined,
): Promise<HttpAnswer> {
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
  const { statusCode: status = 0, headers } = incoming;
  const text = Buffer.concat(chunks).toString("utf8");
  if (bytes === 0) return { status, json: undefined, text, headers };
  try {
    return { status, json: JSON.parse(text) as unknown, text, headers };
  } catch {
    if (any || status >= 400) return { status, json: undefined, text, headers };
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
    `${what} does not speak HTTP, or not with TLS as declared. Check that the address belongs to the device.`,
    { cause },
  );
}
