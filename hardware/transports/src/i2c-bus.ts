import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock, type Duration } from "@outrider/ports/time";

/** One transfer, as SMBus 2.0 §5.5 names them; `exchange` is plain I²C: a write and, after a repeated start, a read. */
export type I2cTransfer = { readonly address: number } & (
  | { readonly kind: "receive-byte" }
  | { readonly kind: "send-byte"; readonly value: number }
  | { readonly kind: "read-byte"; readonly register: number }
  | { readonly kind: "write-byte"; readonly register: number; readonly value: number }
  /** Low byte first on the wire. */
  | { readonly kind: "read-word"; readonly register: number }
  | { readonly kind: "write-word"; readonly register: number; readonly value: number }
  | { readonly kind: "read-block"; readonly register: number; readonly bytes: number }
  | { readonly kind: "exchange"; readonly write: Uint8Array; readonly bytes: number }
);

/** Why a transfer failed. */
export type I2cFault = "no-answer" | "busy" | "timed-out" | "not-supported" | "no-bus" | "denied";

export class I2cError extends Error {
  override readonly name = "I2cError";
  constructor(
    readonly fault: I2cFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What makes the transfers of one bus: the kernel's device, a library, or a simulation. */
export interface I2cBackEnd extends AsyncDisposable {
  /** Awaited before a transfer, outside of its deadline: what the host itself needs first. */
  ready?(): Promise<void>;
  /** @returns what was read, nothing for a write @throws I2cError */
  transfer(transfer: I2cTransfer): Promise<Uint8Array>;
}

/** A transfer may take so long; the kernel's own limit is a second for most adapters. */
const TRANSFER_WITHIN = milliseconds(1500);
const STUCK_PATIENCE = milliseconds(250);
const READY_WITHIN = milliseconds(30_000);

interface Waiting {
  readonly transfer: I2cTransfer;
  readonly signal: AbortSignal;
  readonly answered: PromiseWithResolvers<Uint8Array>;
}

/**
 * One bus, shared by all chips on it: transfers one after the other, each with a deadline. While one is stuck, whoever
 * asks for another is told so at once instead of waiting for it.
 */
export class I2cBus implements AsyncDisposable {
  readonly #queue: Waiting[] = [];
  readonly #locks = new Map<number, Promise<void>>();
  #ready = false;
  #busy = false;
  #stuck = false;

  constructor(
    /** As people know it: `The I²C bus /dev/i2c-1`. */
    readonly what: string,
    private readonly backEnd: I2cBackEnd,
    private readonly clock: Clock,
    private readonly within: Duration = TRANSFER_WITHIN,
  ) {}

  /** @throws PortError · the signal's reason, with a transfer that had begun perhaps made */
  async transfer(transfer: I2cTransfer, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const { ready } = this.backEnd;
    if (ready && !this.#ready) {
      await withDeadline(this.clock, READY_WITHIN, signal, this.what, () =>
        ready.call(this.backEnd),
      );
      this.#ready = true;
    }
    const chip = `${this.what}, chip 0x${transfer.address.toString(16)}`;
    if (this.#stuck) return this.#patiently(transfer, signal);
    // However many are before it: each of them ends in its own time.
    const longest = milliseconds(this.within * (this.#queue.length + 2));
    return withDeadline(this.clock, longest, signal, chip, (until) =>
      this.#enqueue(transfer, until),
    );
  }

  /** Runs `work` while nobody else of this process does at this chip. */
  async exclusive<T>(address: number, work: () => Promise<T>): Promise<T> {
    const before = this.#locks.get(address) ?? Promise.resolve();
    const run = before.then(work);
    const settled = run.then(
      () => {},
      () => {},
    );
    this.#locks.set(address, settled);
    try {
      return await run;
    } finally {
      if (this.#locks.get(address) === settled) this.#locks.delete(address);
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.backEnd[Symbol.asyncDispose]();
  }

  /** While it is stuck nobody waits for long. */
  #patiently(transfer: I2cTransfer, signal: AbortSignal): Promise<Uint8Array> {
    const what = `${this.what} is stuck: a transfer of another does not end. Check pull-ups and wiring; a chip that holds the bus has to be switched off. It`;
    return withDeadline(this.clock, STUCK_PATIENCE, signal, what, (until) =>
      this.#enqueue(transfer, until),
    );
  }

  /** @param signal of its caller and of its deadline: what was given up is not made later */
  #enqueue(transfer: I2cTransfer, signal: AbortSignal): Promise<Uint8Array> {
    const answered = Promise.withResolvers<Uint8Array>();
    this.#queue.push({ transfer, signal, answered });
    void this.#work();
    const chip = `${this.what}, chip 0x${transfer.address.toString(16)}`;
    return answered.promise.catch((error: unknown) => {
      throw portError(error, chip);
    });
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      // Whoever has given up is gone already.
      if (next.signal.aborted) continue;
      await this.#one(next);
    }
    this.#busy = false;
  }

  async #one({ transfer, answered }: Waiting): Promise<void> {
    const done = new AbortController();
    this.clock.sleep(this.within, done.signal).then(
      () => {
        this.#stuck = true;
        const late = new I2cError("timed-out", "the transfer does not end");
        answered.reject(late);
        for (const each of this.#queue.splice(0)) each.answered.reject(late);
      },
      () => {},
    );
    try {
      answered.resolve(await this.backEnd.transfer(transfer));
    } catch (error) {
      answered.reject(error);
    } finally {
      this.#stuck = false;
      done.abort();
    }
  }
}

function portError(error: unknown, chip: string): Error {
  if (!(error instanceof I2cError)) return error as Error;
  const options = { cause: error };
  const say = (code: ConstructorParameters<typeof PortError>[0], advice: string) =>
    new PortError(code, `${chip}: ${error.message}. ${advice}`, options);
  switch (error.fault) {
    case "no-answer":
      return say("unreachable", "Check its supply, its wires and the option address.");
    case "busy":
      return say(
        "refused",
        "A driver of the kernel has this chip: use sensor/hwmon or digital-output/gpio for it, or take the chip away from the kernel.",
      );
    case "timed-out":
      return say(
        "timed-out",
        "Check pull-ups and wiring; a chip that holds the bus has to be switched off.",
      );
    case "not-supported":
      return say("unsupported", "This adapter cannot make such a transfer: choose another bus.");
    case "no-bus":
      return say(
        "unreachable",
        "There is no such bus: switch I²C on (raspi-config, or dtparam=i2c_arm=on), load i2c-dev, or correct the option bus.",
      );
    case "denied":
      return say("refused", "Add the user of the agent to the group i2c.");
  }
}
