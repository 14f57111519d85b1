import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock, type Duration } from "@outrider/ports/time";
import type { HttpAddress, HttpAnswer } from "./http.js";
import { SharedByClock, type Share } from "./shared.js";
import { readLamp, readSensors, readSlot, throwUnlessOk, type Slot } from "./slot-answers.js";
import { SlotRack } from "./slot-rack.js";

export type { Slot } from "./slot-answers.js";

export interface SlotsOptions {
  readonly address: HttpAddress;
  /** Counts from 1. */
  readonly slot: number;
  /** What the device is, for messages: "The rack". */
  readonly name: string;
  readonly clock: Clock;
}

const ACT_DEADLINE = seconds(10);
const ASK_DEADLINE = seconds(5);
const AT_ONCE = milliseconds(0);

/** The one connection of this process to a device; it ends with its last user. */
const racks = new SharedByClock<SlotRack>();

/** Client of the slot API (JSON over HTTP), bound to one slot. Throws what {@link HttpClient} throws, and `refused`, `unsupported`, `invalid-options` as the device answers. */
export class SlotDevice implements Disposable {
  readonly #rack: Share<SlotRack>;
  readonly #path: string;
  readonly #watches = new DisposableStack();

  constructor(private readonly options: SlotsOptions) {
    const { address, name, clock } = options;
    const key = JSON.stringify([address, name]);
    this.#rack = racks.take(clock, key, () => new SlotRack({ address, name, clock }));
    this.#path = `/slots/${options.slot}`;
  }

  /** The device with its address, as messages name it. */
  get what(): string {
    return `${this.#rack.value.http.what}, slot ${this.options.slot}`;
  }

  /** @param patience how long the question may be kept back, to be asked together with those for other slots */
  get(signal: AbortSignal, patience: Duration = AT_ONCE): Promise<Slot> {
    return this.#rack.value.read(this.options.slot, signal, patience);
  }

  /** @returns the slot after acting */
  setSupply(on: boolean, signal: AbortSignal): Promise<Slot> {
    return this.#call("PUT", `${this.#path}/supply`, { on }, signal);
  }

  /** @throws also PortError `refused` when the supply is off, where these have no effect */
  async act(action: "reset" | "nmi" | "button", signal: AbortSignal): Promise<void> {
    const after = await this.#call("POST", `${this.#path}/${action}`, {}, signal);
    if (after.supply === "off") {
      throw new PortError(
        "refused",
        `${this.what}: the supply is off, so ${action} has no effect. Switch On.`,
      );
    }
  }

  /** Whether the slot's lamp shines. */
  async lamp(signal: AbortSignal): Promise<boolean> {
    return readLamp(await this.#ask("GET", "lamp", undefined, signal), this.what);
  }

  async setLamp(on: boolean, signal: AbortSignal): Promise<void> {
    readLamp(await this.#ask("PUT", "lamp", { on }, signal), this.what);
  }

  /** What the device measures of the slot, by the name of each quantity. */
  async sensors(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    return readSensors(await this.#ask("GET", "sensors", undefined, signal), this.what);
  }

  /** Holds the console's line in the break condition for so long. */
  async sendBreak(duration: Duration, signal: AbortSignal): Promise<void> {
    const path = `${this.#path}/break`;
    const deadline = milliseconds(ACT_DEADLINE + duration);
    const asked = { method: "POST", path, deadline, body: { ms: duration } } as const;
    throwUnlessOk(await this.#rack.value.http.request(asked, signal), this.what);
  }

  /** As `PowerPort.watch`. Ends with the device, too. */
  watch(changed: () => void): Disposable {
    return this.#watches.use(this.#rack.value.watch(this.options.slot, changed));
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
    this.#rack[Symbol.dispose]();
  }

  #ask(
    method: "GET" | "PUT",
    what: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const path = `${this.#path}/${what}`;
    const asked = { method, path, deadline: ASK_DEADLINE, ...(body === undefined ? {} : { body }) };
    return this.#rack.value.http.request(asked, signal);
  }

  async #call(
    method: "PUT" | "POST",
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<Slot> {
    const answer = await this.#rack.value.http.request(
      { method, path, deadline: ACT_DEADLINE, body },
      signal,
    );
    return readSlot(answer, this.what);
  }
}
