import { milliseconds, seconds, type Duration } from "@outrider/contracts/clock";
import type { Tested } from "@outrider/contracts/agent-request";
import type { Via } from "@outrider/contracts/power";
import { PortError } from "@outrider/ports/port-error";
import { PortEndpoint } from "./port-endpoint.js";
import { failed, saw, tested } from "./tested.js";

const SET_WITHIN = seconds(6);
/** How long a lamp shines for a person who tests it. */
const TEST_FOR = seconds(2);

/** Who asks for the lamp. */
export interface Asker {
  readonly actor: string;
  readonly via: Via;
}

/** The lamp by which a person finds a node. Nothing of the host depends on it, so that it needs no command. */
export class IdentifyEndpoint extends PortEndpoint<"identify"> {
  protected readonly kind = "identify";
  /** Ends a time that was set for it. */
  #shining: AbortController | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Lets it shine, or puts it out, recorded before it is done.
   * @param duration after which it goes out by itself
   * @returns what was then read
   * @throws PortError · StorageError when it could not be recorded · the signal's reason
   */
  identify(
    on: boolean,
    duration: Duration | undefined,
    { actor, via }: Asker,
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#inTurn(async () => {
      const forMs = duration === undefined ? {} : { forMs: duration };
      const entry = {
        actor,
        via,
        act: "identify.set",
        subject: this.id,
        data: { node: this.desired.node, on, ...forMs },
      };
      await this.journal.remember(this.id, {}, [], [entry]);
      return this.#set(on, duration, signal);
    });
  }

  override async close(): Promise<void> {
    // Who has set a time is not to find it shining after that.
    const shining = this.#shining;
    if (shining && this.port) {
      await this.#inTurn(() => this.#set(false, undefined, new AbortController().signal)).catch(
        (error: unknown) => this.#stillShining(error),
      );
    }
    await super.close();
  }

  override test(signal: AbortSignal): Promise<Tested> {
    return this.#inTurn(async () => {
      const findings = [];
      try {
        const before = await this.#read(signal);
        findings.push(saw(`It was ${word(before)}.`));
        // It goes out also when the test is given up in the middle.
        const lit = await this.#set(true, milliseconds(2 * TEST_FOR), signal);
        findings.push({ ok: lit, what: `It was told to shine, and reads ${word(lit)}.` });
        await this.clock.sleep(TEST_FOR, signal);
        const after = await this.#set(before, undefined, signal);
        const text = `After ${TEST_FOR / 1000} s it was told to be ${word(before)} again, and reads ${word(after)}.`;
        findings.push({ ok: after === before, what: text });
      } catch (error) {
        findings.push(failed(error));
      }
      return tested(...findings);
    });
  }

  async #set(on: boolean, duration: Duration | undefined, signal: AbortSignal): Promise<boolean> {
    this.#shining?.abort(new Error("it was told otherwise"));
    this.#shining = undefined;
    await this.ask(SET_WITHIN, signal, (port, within) => port.set(on, within));
    if (on && duration !== undefined) this.#endAfter(duration);
    return this.#read(signal);
  }

  #read(signal: AbortSignal): Promise<boolean> {
    return this.ask(SET_WITHIN, signal, (port, within) => port.read(within));
  }

  #endAfter(duration: Duration): void {
    const shining = new AbortController();
    this.#shining = shining;
    this.clock.sleep(duration, shining.signal).then(
      () =>
        this.#inTurn(async () => {
          if (this.#shining !== shining) return;
          await this.#set(false, undefined, new AbortController().signal);
        }).catch((error: unknown) => this.#stillShining(error)),
      () => undefined,
    );
  }

  #stillShining(error: unknown): void {
    if (!(error instanceof PortError)) throw error;
    this.log.warn({ reason: error.message }, "a lamp could not be put out");
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function word(on: boolean): string {
  return on ? "on" : "off";
}

/** How long a lamp shall shine. */
export function shiningFor(forMs: number | undefined): Duration | undefined {
  return forMs === undefined ? undefined : milliseconds(forMs);
}
