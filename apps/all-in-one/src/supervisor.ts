import {
  minutes,
  seconds,
  systemClock,
  type Clock,
  type Duration,
} from "@outrider/contracts/clock";
import { Part, type PartOptions } from "./part.js";
import { EX_CONFIG } from "./report.js";

const READY_WITHIN_MS = 30_000;
/** Before the first, the second and every later start of a part that does not stay. */
const PAUSES = [seconds(1), seconds(4), seconds(15)] as const;
/** A part that has served for so long is thought sound again. */
const SOUND_AFTER = minutes(1);

/**
 * Runs parts as child processes. A part that ends by itself is started again, by itself, while the others go on. Two
 * ends are final and end everything: before it has ever served, because whoever started us waits for it, and with exit
 * code 78, because a wrong configuration does not become right by trying again.
 */
export class Supervisor {
  readonly #parts: Part[] = [];
  readonly #kept: Promise<void>[] = [];
  readonly #over = new AbortController();
  /** Of the part whose end was final. */
  #exitCode = 0;

  /** @param stop told from outside to end everything */
  constructor(
    private readonly say: (line: string) => void,
    stop: AbortSignal,
    private readonly clock: Clock = systemClock,
  ) {
    stop.addEventListener("abort", () => this.#over.abort(), { once: true });
    if (stop.aborted) this.#over.abort();
  }

  /** Aborted as soon as everything shall end. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * Starts a part and waits until it serves; from then on it is kept running.
   * @returns what its line says that it serves
   * @throws Error when it ends before, or is not ready in time
   */
  async start(options: PartOptions): Promise<Readonly<Record<string, unknown>>> {
    this.#over.signal.throwIfAborted();
    const part = new Part(options);
    this.#parts.push(part);
    const served = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    this.#kept.push(this.#keep(part, served.resolve));
    const late = AbortSignal.any([this.#over.signal, AbortSignal.timeout(READY_WITHIN_MS)]);
    const give = (): void => served.reject(new Error(`${part.name} did not become ready`));
    late.addEventListener("abort", give, { once: true });
    if (late.aborted) give();
    return served.promise;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#parts.find((part) => part.name === name)?.signal(signal);
  }

  pids(): Record<string, number> {
    return Object.fromEntries(this.#parts.map((part) => [part.name, part.pid]));
  }

  /** Resolves with the exit code once everything shall end. */
  ended(): Promise<number> {
    return new Promise((resolve) => {
      const end = (): void => resolve(this.#exitCode);
      if (this.#over.signal.aborted) end();
      else this.#over.signal.addEventListener("abort", end, { once: true });
    });
  }

  /**
   * Ends all parts, by force where one takes too long: the agents at once and first, because they wait for what they do
   * and report it to the others; then the last one started first.
   */
  async stop(): Promise<void> {
    this.#over.abort();
    const isAgent = ({ name }: Part): boolean => name.startsWith("agent-");
    await Promise.all(this.#parts.filter(isAgent).map((part) => part.stop(this.say)));
    for (const part of this.#parts.filter((one) => !isAgent(one)).toReversed()) {
      await part.stop(this.say);
    }
    await Promise.all(this.#kept);
  }

  async #keep(
    part: Part,
    served: (said: Readonly<Record<string, unknown>>) => void,
  ): Promise<void> {
    const { clock } = this;
    let hasServed = false;
    for (let retry = 0; !this.over.aborted; retry++) {
      const { pid, ready, ended } = part.run();
      let sinceMs = Number.POSITIVE_INFINITY;
      void ready.then((said) => {
        sinceMs = clock.monotonicMs();
        if (hasServed) this.say(`${part.name} (process ${pid}) serves again`);
        hasServed = true;
        served(said);
      });
      const { how, code } = await ended;
      if (this.over.aborted) return;
      const what = `${part.name} (process ${pid}) ended with ${how}`;
      if (!hasServed || code === EX_CONFIG) {
        this.#exitCode = code || 1;
        this.say(`${what}; the other parts are stopped`);
        this.#over.abort();
        return;
      }
      if (clock.monotonicMs() - sinceMs >= SOUND_AFTER) retry = 0;
      const pause = pauseBefore(retry);
      this.say(`${what}; it is started again in ${pause / 1000} s, the others go on`);
      // Aborted by the end of everything, which the loop sees.
      await clock.sleep(pause, this.over).catch(() => undefined);
    }
  }
}

function pauseBefore(retry: number): Duration {
  return PAUSES[Math.min(retry, PAUSES.length - 1)] ?? PAUSES[0];
}
