import { seconds, type Clock } from "@outrider/contracts/clock";
import type { Right } from "@outrider/contracts/identity";
import { HttpProblem } from "../http/problem.js";
import type { Admitted } from "../people/people.js";

/** Those who look on at once; each costs memory and a state per node and change. */
const MAX_CLIENTS = 500;
/** How soon somebody whose session ended or whose rights were taken away is cut off. */
const RECHECK = seconds(10);

/** What somebody must go on to have for what they look at. */
export interface Needs {
  readonly rights: readonly Right[];
  /** On which node; missing: on none in particular. */
  readonly node?: string | undefined;
}

const READ: Needs = { rights: ["read"] };

interface Seated {
  readonly admitted: Admitted;
  readonly needs: Needs;
  readonly close: () => void;
}

/** Who is looking on now. */
export class LiveClients {
  readonly #seated = new Set<Seated>();
  #stop: (() => void) | undefined;

  /** @param stillStands whether somebody who was admitted earlier would be now, with what they need */
  constructor(
    private readonly clock: Clock,
    private readonly stillStands: (admitted: Admitted, needs: Needs) => Promise<boolean>,
    private readonly atMost = MAX_CLIENTS,
  ) {}

  get count(): number {
    return this.#seated.size;
  }

  start(defect: (error: unknown) => void): void {
    this.#stop = this.clock.every(RECHECK, () => void this.#recheck().catch(defect));
  }

  /** Takes a place until it is disposed. @throws HttpProblem 429 when all are taken */
  sit(close: () => void, admitted: Admitted, needs = READ): Disposable {
    if (this.#seated.size >= this.atMost) {
      throw new HttpProblem(
        "too-many",
        `${this.atMost} clients look on already; close some, or try later`,
      );
    }
    const seated = { admitted, needs, close };
    this.#seated.add(seated);
    return { [Symbol.dispose]: () => void this.#seated.delete(seated) };
  }

  /** Ends all of them. */
  stop(): void {
    this.#stop?.();
    for (const { close } of this.#seated) close();
  }

  async #recheck(): Promise<void> {
    for (const { admitted, needs, close } of this.#seated) {
      if (!(await this.stillStands(admitted, needs))) close();
    }
  }
}
