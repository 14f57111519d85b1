import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { encode } from "@outrider/contracts/codec";
import { topicOf, type Contract, type Parameters } from "@outrider/contracts/contract";

/** Who a client says it is: the retained document that it is born with, and the one that it leaves. */
export interface Presence {
  // oxlint-disable-next-line typescript/no-explicit-any -- checked against the contract when it is encoded
  readonly contract: Contract<any, any>;
  readonly parameters: Readonly<Record<string, string>>;
  /** Published when everything else of the connection is in place. */
  readonly birth: (epoch: string) => object;
  /** Given to the broker at CONNECT; it publishes this when the client is gone without a word. */
  readonly will: (epoch: string) => object;
  /** Published by `stop()`. Default: the will. */
  readonly leaving?: (epoch: string) => object;
}

/** The same, checked against its contract by the compiler. */
export function presenceOf<T extends string, P extends object>(
  contract: Contract<T, P>,
  parameters: NoInfer<Parameters<T>>,
  documents: {
    readonly birth: (epoch: string) => NoInfer<P>;
    readonly will: (epoch: string) => NoInfer<P>;
    readonly leaving?: (epoch: string) => NoInfer<P>;
  },
): Presence {
  return { contract, parameters, ...documents };
}

export interface PresenceDocuments {
  readonly topic: string;
  readonly birth: string;
  readonly will: string;
  readonly leaving: string;
}

/** The documents of one epoch as they go onto the wire. @throws ContractError */
export function presenceDocuments(presence: Presence, epoch: string): PresenceDocuments {
  const { contract, parameters, birth, will, leaving = will } = presence;
  return {
    topic: topicOf<string>(contract, parameters),
    birth: encode(contract, birth(epoch)),
    will: encode(contract, will(epoch)),
    leaving: encode(contract, leaving(epoch)),
  };
}

/** Two births because of others' words are at least this far apart. */
const REBIRTH_MS = 1000;

/**
 * Notices when something else than our birth comes to stand on our presence topic and says the birth again. The will
 * of an old connection may arrive late: a broker publishes it when it gives the old socket up, or at the takeover.
 */
export class PresenceGuard {
  readonly #clock: Clock;
  readonly #birth: string;
  readonly #publish: () => void;
  readonly #ended = new AbortController();
  #lastMs = Number.NEGATIVE_INFINITY;
  #pending = false;

  constructor(clock: Clock, birth: string, publish: () => void) {
    this.#clock = clock;
    this.#birth = birth;
    this.#publish = publish;
  }

  /** @param text what stands on the topic now; empty when it was cleared */
  seen(text: string): void {
    if (text === this.#birth || this.#pending || this.#ended.signal.aborted) return;
    const waitMs = Math.max(0, this.#lastMs + REBIRTH_MS - this.#clock.monotonicMs());
    if (waitMs === 0) return this.#again();
    this.#pending = true;
    this.#clock.sleep(milliseconds(waitMs), this.#ended.signal).then(
      () => this.#again(),
      () => undefined,
    );
  }

  end(): void {
    this.#ended.abort();
  }

  #again(): void {
    this.#pending = false;
    this.#lastMs = this.#clock.monotonicMs();
    this.#publish();
  }
}
