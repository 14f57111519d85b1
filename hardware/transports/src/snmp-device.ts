import { milliseconds, seconds, type Duration } from "@outrider/ports/time";
import { Gathered } from "./gathered.js";
import { SharedByClock, type Share } from "./shared.js";
import {
  SnmpSession,
  type SnmpSessionOptions,
  type SnmpValue,
  type SnmpWrite,
} from "./snmp-session.js";

export type SnmpValues = ReadonlyMap<string, SnmpValue | undefined>;

const READ_DEADLINE = seconds(5);
const WRITE_DEADLINE = seconds(8);
const WALK_DEADLINE = seconds(20);
const AT_ONCE = milliseconds(0);

class GatheringSession implements Disposable {
  readonly session: SnmpSession;
  readonly reads: Gathered<readonly string[], SnmpValues>;

  constructor(options: SnmpSessionOptions) {
    this.session = new SnmpSession(options);
    this.reads = new Gathered(options.clock, this.session.what, (questions, signal) =>
      this.session.get([...new Set(questions.flat())], READ_DEADLINE, signal),
    );
  }

  [Symbol.dispose](): void {
    this.reads[Symbol.dispose]();
    this.session[Symbol.dispose]();
  }
}

const devices = new SharedByClock<GatheringSession>();

/**
 * A device by SNMP. All who have the same address and the same credentials share one session with one socket, which
 * ends with the last of them; what they ask in the same moment is asked in one exchange.
 */
export class SnmpDevice implements Disposable {
  readonly #share: Share<GatheringSession>;

  constructor(options: SnmpSessionOptions) {
    const { address, credentials, name, clock } = options;
    const key = JSON.stringify([address, credentials, name]);
    this.#share = devices.take(clock, key, () => new GatheringSession(options));
  }

  /** The device with its address, as messages name it. */
  get what(): string {
    return this.#share.value.session.what;
  }

  /**
   * Reads objects; what the device does not have is undefined. Throws what {@link SnmpSession.get} throws.
   * @param patience how long the question may be kept back, to be asked together with others
   */
  get(
    oids: readonly string[],
    signal: AbortSignal,
    patience: Duration = AT_ONCE,
  ): Promise<SnmpValues> {
    return this.#share.value.reads.read(oids, signal, patience);
  }

  /** Writes once, and returns when the device has taken it. */
  set(writes: readonly SnmpWrite[], signal: AbortSignal): Promise<void> {
    return this.#share.value.session.set(writes, WRITE_DEADLINE, signal);
  }

  /** Reads a whole table. */
  walk(root: string, signal: AbortSignal): Promise<ReadonlyMap<string, SnmpValue>> {
    return this.#share.value.session.walk(root, WALK_DEADLINE, signal);
  }

  [Symbol.dispose](): void {
    this.#share[Symbol.dispose]();
  }
}
