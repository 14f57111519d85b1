import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { EventsAsked, LoggedEvent } from "@outrider/contracts/telemetry-pages";
import type { HeartbeatTaken, SensorTaken, TelemetryListener } from "../telemetry-listener.js";
import type { EventSource, LatestSource } from "./sources.js";

/** What changes within this span is told as one. */
const GATHER = milliseconds(250);
/** So often at least something is told, so that a stream that has died is no quiet one. */
const ALIVE = seconds(15);
/** Of the event log in one question. */
const AT_ONCE = 10_000;

/** An object a line, without end. An empty object says only that it goes on. */
export type LiveLines = AsyncGenerator<string, never>;

/** Says of which node something was read, and that something was written down. */
export class LiveChanges implements TelemetryListener {
  readonly #listeners = new Set<(node: string | undefined) => void>();

  sensorRead({ node }: Pick<SensorTaken, "node">): void {
    this.#tell(node);
  }

  heartbeatRead({ node }: Pick<HeartbeatTaken, "node">): void {
    this.#tell(node);
  }

  /** The event log has grown. */
  logged(): void {
    this.#tell(undefined);
  }

  /** @param listener is given the node, or undefined where it is the event log */
  onChange(listener: (node: string | undefined) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(node: string | undefined): void {
    for (const listener of this.#listeners) listener(node);
  }
}

export interface LiveParts {
  readonly changes: LiveChanges;
  readonly clock: Clock;
}

/**
 * What the sensors of these nodes say, all of them at first, then each node of which something new was read. Of a node
 * only its last state waits, so that a reader that is slow costs no more than one state per node.
 */
export async function* liveSensors(
  nodes: readonly string[],
  { latest, changes, clock }: LiveParts & { readonly latest: LatestSource },
  signal: AbortSignal,
): LiveLines {
  const wanted = new Set(nodes);
  const changed = new Set(nodes);
  const bell = new Bell(clock, signal);
  using undo = changes.onChange((node) => {
    if (node === undefined || !wanted.has(node)) return;
    changed.add(node);
    bell.ring();
  });
  void undo;
  for (;;) {
    const some = [...changed];
    changed.clear();
    bell.hush();
    for (const node of some) yield lineOf(latest.latest(node));
    if (!(await bell.heard())) yield lineOf({});
  }
}

/**
 * What is in the event log, the newest so many or what comes after a place, the oldest first, then what is written.
 * @throws StorageError
 */
export async function* liveEvents(
  asked: EventsAsked,
  { events, changes, clock }: LiveParts & { readonly events: EventSource },
  signal: AbortSignal,
): LiveLines {
  const bell = new Bell(clock, signal);
  using undo = changes.onChange((node) => {
    if (node === undefined) bell.ring();
  });
  void undo;
  let { after } = asked;
  for (;;) {
    bell.hush();
    const found =
      after === undefined
        ? (await events.events(asked, signal)).events
        : await allAfter({ ...asked, after, limit: AT_ONCE }, events, signal);
    for (const event of found.toReversed()) {
      yield lineOf(event);
      after = event.seq;
    }
    // Nothing was there yet: whatever is written from now on comes after it.
    after ??= 0;
    if (!(await bell.heard())) yield lineOf({});
  }
}

/** Newest first, however many. */
async function allAfter(
  asked: EventsAsked,
  events: EventSource,
  signal: AbortSignal,
): Promise<LoggedEvent[]> {
  const found: LoggedEvent[] = [];
  let before: number | undefined;
  do {
    const page = await events.events(before === undefined ? asked : { ...asked, before }, signal);
    found.push(...page.events);
    before = page.next;
  } while (before !== undefined);
  return found;
}

/** Waits until it is rung, and a moment longer for what comes with it. */
class Bell {
  #rung = Promise.withResolvers<void>();

  constructor(
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {}

  ring(): void {
    this.#rung.resolve();
  }

  hush(): void {
    this.#rung = Promise.withResolvers();
  }

  /** @returns false when nobody has rung for long. @throws the signal's reason */
  async heard(): Promise<boolean> {
    const enough = new AbortController();
    const signal = AbortSignal.any([this.signal, enough.signal]);
    const late = this.clock.sleep(ALIVE, signal).then(() => false);
    try {
      const isRung = await Promise.race([this.#rung.promise.then(() => true), late]);
      if (isRung) await this.clock.sleep(GATHER, this.signal);
      return isRung;
    } finally {
      enough.abort();
      late.catch(() => undefined);
    }
  }
}

function lineOf(told: object): string {
  return `${JSON.stringify(told)}\n`;
}
