import { Agent, request, type RequestOptions } from "node:http";
import {
  SlotError,
  type ConsoleCounts,
  type Edge,
  type Faults,
  type GuestAct,
  type SlotErrorCode,
  type SlotView,
} from "./slot-api.js";
import { parseListen } from "./listen-address.js";

/** Longest a request may take unless the caller's signal says otherwise. */
const DEADLINE_MS = 30_000;
const POLL_WAIT_MS = 10_000;
const SAID_AT_ONCE = 32_768;

/**
 * Talks to a rack or a chassis.
 * Every method throws SlotError with the other side's code, or the error of the connection;
 * every method takes a signal, and without one gives up after 30 s.
 */
export class SlotClient {
  readonly #target: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true });

  /** @param listen as the program printed it: a socket path or `127.0.0.1:<port>` */
  constructor(readonly listen: string) {
    const address = parseListen(listen);
    this.#target =
      address.kind === "unix"
        ? { socketPath: address.path, headers: { host: "localhost" } }
        : { host: address.host, port: address.port };
  }

  slots(signal?: AbortSignal): Promise<SlotView[]> {
    return this.#call("GET", "/slots", undefined, signal);
  }

  get(slot: number, signal?: AbortSignal): Promise<SlotView> {
    return this.#call("GET", `/slots/${slot}`, undefined, signal);
  }

  supply(slot: number, on: boolean, signal?: AbortSignal): Promise<SlotView> {
    return this.#call("PUT", `/slots/${slot}/supply`, { on }, signal);
  }

  reset(slot: number, signal?: AbortSignal): Promise<SlotView> {
    return this.#call("POST", `/slots/${slot}/reset`, undefined, signal);
  }

  lamp(slot: number, signal?: AbortSignal): Promise<{ on: boolean }> {
    return this.#call("GET", `/slots/${slot}/lamp`, undefined, signal);
  }

  setLamp(slot: number, on: boolean, signal?: AbortSignal): Promise<{ on: boolean }> {
    return this.#call("PUT", `/slots/${slot}/lamp`, { on }, signal);
  }

  nmi(slot: number, signal?: AbortSignal): Promise<SlotView> {
    return this.#call("POST", `/slots/${slot}/nmi`, undefined, signal);
  }

  button(
    slot: number,
    press: { readonly holdMs?: number } = {},
    signal?: AbortSignal,
  ): Promise<SlotView> {
    return this.#call("POST", `/slots/${slot}/button`, press, signal);
  }

  /** Holds the console's line in the break condition, by default for 250 ms. */
  sendBreak(
    slot: number,
    hold: { readonly ms?: number } = {},
    signal?: AbortSignal,
  ): Promise<ConsoleCounts> {
    return this.#call("POST", `/slots/${slot}/break`, hold, signal);
  }

  /** Puts bytes on the console's line as if the machine said them, in one run and untouched. At most 32 KiB go at once. */
  async say(slot: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < bytes.length; at += SAID_AT_ONCE) {
      const base64 = Buffer.from(bytes.subarray(at, at + SAID_AT_ONCE)).toString("base64");
      await this.#call("POST", `/slots/${slot}/say`, { base64 }, signal);
    }
  }

  /** What went over the console so far. */
  consoleCounts(slot: number, signal?: AbortSignal): Promise<ConsoleCounts> {
    return this.#call("GET", `/slots/${slot}/console`, undefined, signal);
  }

  /** Takes the supply away from outside, as a blackout does. */
  brownOut(slot: number, signal?: AbortSignal): Promise<SlotView> {
    return this.#call("POST", `/slots/${slot}/brown-out`, undefined, signal);
  }

  /** Takes the mains of the whole device away, all supplies with it in one instant, or brings it back: they stay off. */
  mains(on: boolean, signal?: AbortSignal): Promise<{ on: boolean }> {
    return this.#call("PUT", "/mains", { on }, signal);
  }

  /** Lets a simulated guest act by itself. Racks only. */
  guest(slot: number, act: GuestAct, signal?: AbortSignal): Promise<SlotView> {
    return this.#call("POST", `/slots/${slot}/guest`, { act }, signal);
  }

  /** Replaces the faults of a slot; `{}` makes it healthy. */
  faults(slot: number, faults: Faults, signal?: AbortSignal): Promise<Faults> {
    return this.#call("PUT", `/slots/${slot}/faults`, faults, signal);
  }

  /** Edges after `since` (0: from the beginning); with `waitMs`, waits that long for the first one. */
  edges(
    query: {
      readonly since?: number | undefined;
      readonly slot?: number;
      readonly waitMs?: number;
    } = {},
    signal?: AbortSignal,
  ): Promise<Edge[]> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) search.set(key, String(value));
    return this.#call("GET", `/edges?${search.toString()}`, undefined, signal);
  }

  /**
   * The first edge after `since` that fits, whether it is there already or yet to come.
   * @throws the signal's reason when it is aborted first
   */
  async waitForEdge(
    predicate: (edge: Edge) => boolean,
    signal: AbortSignal,
    since = 0,
  ): Promise<Edge> {
    let seen = since;
    for (;;) {
      signal.throwIfAborted();
      const edges = await this.edges({ since: seen, waitMs: POLL_WAIT_MS }, signal);
      const found = edges.find(predicate);
      if (found) return found;
      seen = edges.at(-1)?.seq ?? seen;
    }
  }

  /** Drops idle connections. The client can still be used. */
  close(): void {
    this.#agent.destroy();
  }

  #call<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    const within = signal ?? AbortSignal.timeout(DEADLINE_MS);
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(within.aborted ? (within.reason as Error) : error);
      const outgoing = request(
        { ...this.#target, agent: this.#agent, method, path, signal: within },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", fail);
          incoming.on("end", () => {
            const json = JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
            if (incoming.statusCode === 200) resolve(json as T);
            else reject(readError(json));
          });
        },
      );
      outgoing.on("error", fail);
      if (text !== undefined) outgoing.setHeader("content-type", "application/json");
      outgoing.end(text);
    });
  }
}

function readError(json: unknown): SlotError {
  const { error } = json as { error: { code: SlotErrorCode; message: string } };
  return new SlotError(error.code, error.message);
}
