import type {
  ConsoleAbility,
  ConsoleCondition,
  ConsoleRequest,
} from "@outrider/console-link/console-stream";
import { LinkError } from "@outrider/console-link/link-error";
import type { LinkedConsole } from "@outrider/console-link/linked-console";
import { ActRefused } from "./act-refused.js";
import { seemly } from "./seemly.js";

/** Sent to the device at once; whoever types waits for it. */
const PIECE_BYTES = 4096;

/** The device of a console, as far as it can be reached now: its agent comes and goes. */
export class FarEnd {
  #linked: LinkedConsole | undefined;
  #whyNot = "its agent is not connected to the console service";
  /** Something that no typed byte may come into. */
  #alone: Promise<unknown> | undefined;

  /** The agent announced it. */
  connect(linked: LinkedConsole): void {
    this.#linked = linked;
  }

  /** @param why for a person */
  disconnect(why: string): void {
    this.#linked = undefined;
    this.#whyNot = why;
  }

  get linked(): LinkedConsole | undefined {
    return this.#linked;
  }

  get condition(): ConsoleCondition | undefined {
    return this.#linked?.condition;
  }

  /** Why nothing can be sent now, as a sentence; undefined when it can. */
  get problem(): string | undefined {
    if (!this.#linked) return `the console cannot be reached: ${this.#whyNot}`;
    const { up, detail = "its agent does not say why" } = this.#linked.condition;
    return up ? undefined : `the console cannot be reached: ${seemly(detail)}`;
  }

  /** Refuses what needs the device, when nothing can be sent now: it is away, or lent. */
  get refusal(): ActRefused | undefined {
    const { problem } = this;
    if (problem === undefined) return undefined;
    return new ActRefused(this.condition?.closed ? "busy" : "unreachable", problem);
  }

  can(ability: ConsoleAbility): boolean {
    return this.condition?.abilities.includes(ability) ?? false;
  }

  /**
   * Does something with the device to itself: what others type meanwhile comes after it. A kernel takes the first byte
   * after a break for a SysRq key, whoever typed it.
   */
  async alone(work: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<void> {
    while (this.#alone) await this.#alone;
    const working = work((bytes) => this.#send(bytes));
    const over = working.then(
      () => {},
      () => {},
    );
    this.#alone = over;
    try {
      await working;
    } finally {
      this.#alone = undefined;
    }
  }

  /** Resolves when the device has taken all of it. @throws ActRefused · the signal's reason */
  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      while (this.#alone) await this.#alone;
      if (signal?.aborted) throw new ActRefused("aborted", "it was interrupted");
      await this.#send(bytes.subarray(at, at + PIECE_BYTES), signal);
    }
  }

  async #send(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const linked = this.#reach();
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      await told(linked.write(piece, signal), signal, "whether it arrived");
    }
  }

  /** @throws ActRefused · the signal's reason */
  async request(request: ConsoleRequest, signal?: AbortSignal): Promise<void> {
    await told(this.#reach().request(request, signal), signal, "whether it was done");
  }

  /** Gives up the device, or takes it back: also while it cannot be reached. @throws ActRefused */
  async lend(request: Extract<ConsoleRequest, { kind: "close" | "open" }>): Promise<void> {
    const linked = this.#linked;
    if (!linked) throw new ActRefused("unreachable", this.problem ?? "the agent is not connected");
    await told(linked.request(request), undefined, "whether it was done");
  }

  /** @throws ActRefused `unsupported` */
  need(ability: ConsoleAbility, what: string): void {
    this.#reach();
    if (!this.can(ability)) {
      throw new ActRefused("unsupported", `the device of this console cannot ${what}`);
    }
  }

  #reach(): LinkedConsole {
    if (this.refusal) throw this.refusal;
    if (!this.#linked) throw new ActRefused("unreachable", "the console cannot be reached");
    return this.#linked;
  }
}

/** @param unknown what nobody knows where the agent was lost meanwhile */
async function told(
  doing: Promise<void>,
  signal: AbortSignal | undefined,
  unknown: string,
): Promise<void> {
  try {
    await doing;
  } catch (error) {
    if (signal?.aborted) throw new ActRefused("aborted", "it was interrupted", { cause: error });
    if (!(error instanceof LinkError)) throw error;
    const message =
      error.code === "gone"
        ? `the agent was lost (${error.message}), and nobody knows ${unknown}; look before you do it again`
        : error.message;
    throw new ActRefused(REFUSALS[error.code], message, { cause: error });
  }
}

const REFUSALS = {
  gone: "failed",
  unreachable: "unreachable",
  unsupported: "unsupported",
  busy: "busy",
  purged: "aborted",
  failed: "failed",
} as const;
