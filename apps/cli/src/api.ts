import { text as textOf } from "node:stream/consumers";
import { WebSocket } from "ws";
import { byteStream } from "./byte-stream.js";
import { EXIT, exitOfCode, type ExitCode } from "./exit-code.js";

/** Where a gateway is and who asks. */
export interface Target {
  readonly url: string;
  readonly token?: string | undefined;
  /** What the person calls it, for messages. */
  readonly name: string;
}

/** The gateway said no, or nobody answered. Says what to do, and with which code to end. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    message: string,
    readonly exitCode: ExitCode,
    /** The problem document (RFC 9457), where there was one. */
    readonly problem: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text in the place of JSON. */
  readonly text?: { readonly type: string; readonly value: string };
  readonly body?: object;
}

export interface Reply<T> {
  readonly body: T;
  readonly text: string;
  readonly headers: Headers;
}

/** The gateway's REST interface. */
export class Api {
  constructor(
    readonly target: Target,
    /** Ends every request. */
    private readonly signal: AbortSignal,
  ) {}

  /** The same for what must still be said after an interruption; bounded to some seconds. */
  detached(): Api {
    return new Api(this.target, AbortSignal.timeout(5000));
  }

  async get<T>(path: string, query: Readonly<Record<string, Given>> = {}): Promise<T> {
    return (await this.ask<T>("GET", path + queryOf(query))).body;
  }

  /** @param body none for routes that take none, which refuse an empty one */
  async post<T>(path: string, body?: object): Promise<T> {
    return (await this.ask<T>("POST", path, body === undefined ? {} : { body })).body;
  }

  async delete<T>(path: string): Promise<T> {
    return (await this.ask<T>("DELETE", path)).body;
  }

  /** All pages of a list. @param name of the items in a page */
  async pages<Item>(
    path: string,
    query: Readonly<Record<string, Given>>,
    name: string,
    atMost = Number.POSITIVE_INFINITY,
  ): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.get<Readonly<Record<string, unknown>>>(path, { ...query, cursor });
      items.push(...((page[name] ?? []) as Item[]));
      cursor = page["next"] as string | undefined;
    } while (cursor !== undefined && items.length < atMost);
    return items.slice(0, atMost);
  }

  /** @throws ApiError; the signal's reason */
  async ask<T>(method: string, path: string, options: AskOptions = {}): Promise<Reply<T>> {
    const response = await this.#send(method, path, options);
    const text = await this.#guard(response.text());
    const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
    const body = isJson && text !== "" ? (JSON.parse(text) as unknown) : undefined;
    if (!response.ok) throw this.#refused(response.status, body, text);
    return { body: body as T, text, headers: response.headers };
  }

  /** Server-sent events, one object of `data` after another, until the stream or the signal ends. */
  async *events(
    path: string,
    query: Readonly<Record<string, Given>> = {},
  ): AsyncIterable<SentEvent> {
    const response = await this.#send("GET", path + queryOf(query), {
      headers: { accept: "text/event-stream" },
    });
    if (!response.ok || !response.body) {
      const text = await response.text();
      throw this.#refused(response.status, jsonOf(text), text);
    }
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of response.body) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = eventOf(block);
        if (event) yield event;
      }
    }
  }

  /**
   * What has no end that anybody knows, as it comes: read no faster than it is used.
   * @throws ApiError; the signal's reason
   */
  async stream(
    path: string,
    query: Readonly<Record<string, Given>> = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    const { url } = this.target;
    const response = await this.#guard(
      byteStream(`${url}/api/v1${path}${queryOf(query)}`, this.#headers(), this.signal),
    );
    const { statusCode = 0 } = response;
    if (statusCode === 200) return this.#whole(response as AsyncIterable<Uint8Array>);
    const text = await this.#guard(textOf(response));
    throw this.#refused(statusCode, jsonOf(text), text);
  }

  async *#whole(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      this.signal.throwIfAborted();
      throw new ApiError(
        `what the gateway sends has broken off (${reasonOf(error)}): the gateway or a service has gone, or you may not read it any more`,
        EXIT.unreachable,
      );
    }
  }

  /** Opens a WebSocket, which is paused, so that nothing is missed before somebody listens. @throws ApiError; the signal's reason */
  async connect(path: string, query: Readonly<Record<string, Given>> = {}): Promise<WebSocket> {
    const { url } = this.target;
    const socket = new WebSocket(
      `${url.replace(/^http/, "ws")}/api/v1${path}${queryOf(query)}`,
      ["outrider.v1"],
      {
        perMessageDeflate: false,
        handshakeTimeout: 30_000,
        headers: this.#headers(),
      },
    );
    const abort = (): void => socket.terminate();
    this.signal.addEventListener("abort", abort);
    try {
      return await this.#guard(
        opened(socket, (status, text) => this.#refused(status, jsonOf(text), text)),
      );
    } finally {
      this.signal.removeEventListener("abort", abort);
    }
  }

  #send(method: string, path: string, { headers, body, text }: AskOptions): Promise<Response> {
    const { url } = this.target;
    const content = text?.value ?? (body === undefined ? undefined : JSON.stringify(body));
    const type = text?.type ?? (body === undefined ? undefined : "application/json");
    return this.#guard(
      fetch(`${url}/api/v1${path}`, {
        method,
        signal: this.signal,
        headers: {
          ...this.#headers(),
          ...(type === undefined ? {} : { "content-type": type }),
          ...headers,
        },
        ...(content === undefined ? {} : { body: content }),
      }),
    );
  }

  #headers(): Record<string, string> {
    const { token } = this.target;
    return {
      "outrider-via": "cli",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof ApiError) throw error;
      const { url, name } = this.target;
      const why = reasonOf(error);
      throw new ApiError(
        `the gateway at ${url} (${name}) cannot be reached: ${why}; check that it runs, and OUTRIDER_URL or \`outrider context list\``,
        EXIT.unreachable,
      );
    }
  }

  #refused(status: number, body: unknown, text: string): ApiError {
    const problem = (typeof body === "object" && body !== null ? body : {}) as Record<
      string,
      unknown
    >;
    const { code, detail, field } = problem;
    const said =
      typeof detail === "string"
        ? detail
        : `${status}: ${text.slice(0, 300).trim() || "no reason given"}`;
    const hint = status === 401 ? "; `outrider login` signs in, or set OUTRIDER_TOKEN_FILE" : "";
    return new ApiError(
      said + hint,
      exitOfCode(
        typeof code === "string" ? code : "",
        status,
        typeof field === "string" ? field : "",
      ),
      problem,
    );
  }
}

export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: unknown;
}

export type Given = string | number | boolean | undefined;

function queryOf(query: Readonly<Record<string, Given>>): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

function eventOf(block: string): SentEvent | undefined {
  const fields = new Map<string, string[]>();
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at <= 0) continue;
    const name = line.slice(0, at);
    fields.set(name, [...(fields.get(name) ?? []), line.slice(at + 1).replace(/^ /, "")]);
  }
  const data = fields.get("data");
  if (!data) return undefined;
  return {
    id: fields.get("id")?.[0],
    event: fields.get("event")?.[0] ?? "message",
    data: jsonOf(data.join("\n")),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}

/** @throws what `refused` makes of an answer that is no upgrade; the error of the connection */
function opened(
  socket: WebSocket,
  refused: (status: number, text: string) => ApiError,
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.off("error", reject);
      socket.pause();
      resolve(socket);
    });
    socket.once("unexpected-response", (request, response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("close", () => {
        request.destroy();
        reject(refused(response.statusCode ?? 0, Buffer.concat(parts).toString()));
      });
    });
    socket.on("error", reject);
  });
}
