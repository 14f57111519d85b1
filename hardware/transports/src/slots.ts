import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock, type Duration } from "@outrider/ports/time";
import { HttpClient, type HttpAddress, type HttpAnswer } from "./http.js";
import { retrying } from "./retrying.js";

/** One slot of a rack or chassis, as it says it is. */
export interface Slot {
  readonly supply: "on" | "off";
  readonly host: "running" | "halted" | "panicked" | "off" | "paused";
  /** What the slot draws, in watts, where the device measures it. */
  readonly drawWatts?: number;
}

export interface SlotsOptions {
  readonly address: HttpAddress;
  /** Counts from 1. */
  readonly slot: number;
  /** What the device is, for messages: "The rack". */
  readonly name: string;
  readonly clock: Clock;
}

const READ_DEADLINE = seconds(5);
const ACT_DEADLINE = seconds(10);
const WATCH_WAIT_MS = 10_000;
const SHORTEST_WAIT_MS = 250;
/** Over the wait that was asked for: a device that does not even end it is silent. */
const WATCH_DEADLINE = milliseconds(WATCH_WAIT_MS + 5000);
/** The first question of a watch is answered with the device's whole memory of edges. */
const HISTORY_MAX_BYTES = 33_554_432;

/** Client of the slot API (JSON over HTTP), bound to one slot. Throws what {@link HttpClient} throws, and `refused`, `unsupported`, `invalid-options` as the device answers. */
export class SlotDevice implements Disposable {
  readonly #http: HttpClient;
  readonly #path: string;
  readonly #watches = new DisposableStack();

  constructor(private readonly options: SlotsOptions) {
    this.#http = new HttpClient(options);
    this.#path = `/slots/${options.slot}`;
  }

  /** The device with its address, as messages name it. */
  get what(): string {
    return `${this.#http.what}, slot ${this.options.slot}`;
  }

  get(signal: AbortSignal): Promise<Slot> {
    return this.#call("GET", this.#path, undefined, READ_DEADLINE, signal);
  }

  /** @returns the slot after acting */
  setSupply(on: boolean, signal: AbortSignal): Promise<Slot> {
    return this.#call("PUT", `${this.#path}/supply`, { on }, ACT_DEADLINE, signal);
  }

  /** @throws also PortError `refused` when the supply is off, where these have no effect */
  async act(action: "reset" | "nmi" | "button", signal: AbortSignal): Promise<void> {
    const after = await this.#call("POST", `${this.#path}/${action}`, {}, ACT_DEADLINE, signal);
    if (after.supply === "off") {
      throw new PortError(
        "refused",
        `${this.what}: the supply is off, so ${action} has no effect. Switch On.`,
      );
    }
  }

  /** As `PowerPort.watch`. Ends with the device, too. */
  watch(changed: () => void): Disposable {
    const { clock } = this.options;
    const watch = retrying(clock, changed, async (heard, signal) => {
      let since = 0;
      for (let first = true; ; first = false) {
        const startedMs = clock.monotonicMs();
        const query = `since=${since}&slot=${this.options.slot}&waitMs=${first ? 0 : WATCH_WAIT_MS}`;
        const answer = await this.#http.request(
          {
            method: "GET",
            path: `/edges?${query}`,
            deadline: first ? READ_DEADLINE : WATCH_DEADLINE,
            maxBytes: HISTORY_MAX_BYTES,
          },
          signal,
        );
        const seqs = readSeqs(answer, this.what);
        since = seqs.at(-1) ?? since;
        if (first) heard();
        else if (seqs.length > 0) changed();
        else if (clock.monotonicMs() - startedMs < SHORTEST_WAIT_MS) {
          // A device that does not wait as it was asked to is not asked without pause.
          await clock.sleep(milliseconds(SHORTEST_WAIT_MS), signal);
        }
      }
    });
    return this.#watches.use(watch);
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
    this.#http[Symbol.dispose]();
  }

  async #call(
    method: "GET" | "PUT" | "POST",
    path: string,
    body: unknown,
    deadline: Duration,
    signal: AbortSignal,
  ): Promise<Slot> {
    const answer = await this.#http.request(
      { method, path, deadline, ...(body === undefined ? {} : { body }) },
      signal,
    );
    return readSlot(answer, this.what);
  }
}

const SUPPLIES = ["on", "off"] as const;
const HOSTS = ["running", "halted", "panicked", "off", "paused"] as const;

function readSlot(answer: HttpAnswer, what: string): Slot {
  throwUnlessOk(answer, what);
  const { supply, host, drawWatts } = (answer.json ?? {}) as Record<string, unknown>;
  const known = {
    supply: SUPPLIES.find((word) => word === supply),
    host: HOSTS.find((word) => word === host),
  };
  if (known.supply === undefined || known.host === undefined) throw notASlot(what);
  const draw = typeof drawWatts === "number" && drawWatts >= 0 ? { drawWatts } : {};
  return { supply: known.supply, host: known.host, ...draw };
}

function readSeqs(answer: HttpAnswer, what: string): number[] {
  throwUnlessOk(answer, what);
  if (!Array.isArray(answer.json)) throw notASlot(what);
  return answer.json.map((edge: unknown) => {
    const seq = (edge as { seq?: unknown } | null)?.seq;
    if (typeof seq !== "number") throw notASlot(what);
    return seq;
  });
}

function throwUnlessOk({ status, json }: HttpAnswer, what: string): void {
  if (status === 200) return;
  const { code, message } =
    (json as { error?: { code?: unknown; message?: unknown } } | undefined)?.error ?? {};
  const words = typeof message === "string" ? message.slice(0, 500) : `HTTP status ${status}`;
  switch (code) {
    case "refused":
    case "failed":
      throw new PortError("refused", `${what} refused: ${words}`);
    case "unsupported":
      throw new PortError("unsupported", `${what} cannot do this: ${words}`);
    case "no-such-slot":
      throw new PortError(
        "invalid-options",
        `${what}: ${words} Correct the option slot in the site file.`,
      );
    default:
      throw new PortError(
        "protocol",
        `${what} gave an answer that is not understood: ${words}. Check that the address belongs to a rack or chassis.`,
      );
  }
}

function notASlot(what: string): PortError {
  return new PortError(
    "protocol",
    `${what} answered, but not as a slot does. Check that the address belongs to a rack or chassis.`,
  );
}
