import { seconds, type Clock } from "@outrider/contracts/clock";
import { HttpProblem } from "../http/problem.js";
import type { Admitted } from "../people/people.js";

/** Those who look on at once; each costs memory and a state per node and change. */
const MAX_CLIENTS = 500;
/** How soon somebody whose session ended or whose rights were taken away is cut off. */
const RECHECK = seconds(10);

interface Seated {
  readonly admitted: Admitted;
  readonly close: () => void;
}

/** Who is looking on now. */
export class LiveClients {
  readonly #seated = new Set<Seated>();
  #stop: (() => void) | undefined;

  /** @param stillStands whether somebody who was admitted earlier would be now */
  constructor(
    private readonly clock: Clock,
    private readonly stillStands: (admitted: Admitted) => Promise<boolean>,
  ) {}

  get count(): number {
    return this.#seated.size;
  }

  start(defect: (error: unknown) => void): void {
    this.#stop = this.clock.every(RECHECK, () => void this.#recheck().catch(defect));
  }

  /** Takes a place until it is disposed. @throws HttpProblem 429 when all are taken */
  sit(close: () => void, admitted: Admitted): Disposable {
    if (this.#seated.size >= MAX_CLIENTS) {
      throw new HttpProblem(
        "too-many",
        `${MAX_CLIENTS} clients look on already; close some, or try later`,
      );
    }
    const seated = { admitted, close };
    this.#seated.add(seated);
    return { [Symbol.dispose]: () => void this.#seated.delete(seated) };
  }

  /** Ends all of them. */
  stop(): void {
    this.#stop?.();
    for (const { close } of this.#seated) close();
  }

  async #recheck(): Promise<void> {
    for (const { admitted, close } of this.#seated) {
      if (!(await this.stillStands(admitted))) close();
    }
  }
}
