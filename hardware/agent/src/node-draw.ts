import type { DesiredDomain, DesiredEndpoint } from "@outrider/contracts/agent";
import { drawOfNode, mostPlausibleWatts, type Draw } from "./start-plan.js";

export type DeclaredDraw = Pick<DesiredEndpoint, "runningWatts" | "startingWatts">;

/** What a node draws, as it is declared and as it was measured, as far as that can be believed. */
export class NodeDraw {
  #declared: DeclaredDraw | undefined;
  #limits: DesiredDomain | undefined;
  #measured: Partial<Draw> = {};
  /** The reading before, while it runs. */
  #lastRunningWatts: number | undefined;
  #doubted = false;

  /** @param doubted is told once, and again after a new declaration, why a measurement is not believed */
  constructor(private readonly doubted: (detail: string) => void) {}

  /** Undefined: neither declared nor measured. */
  get draw(): Draw | undefined {
    return drawOfNode(this.#declared ?? {}, this.#measured);
  }

  /**
   * Takes what a configuration says. A draw that is declared anew is believed.
   * @returns whether what was measured before is forgotten for it
   */
  declare(declared: DeclaredDraw, limits: DesiredDomain | undefined): boolean {
    const former = this.#declared;
    this.#declared = declared;
    this.#limits = limits;
    const isNew =
      former !== undefined &&
      (former.runningWatts !== declared.runningWatts ||
        former.startingWatts !== declared.startingWatts);
    if (isNew) {
      this.#measured = {};
      this.#lastRunningWatts = undefined;
      this.#doubted = false;
    }
    this.#keepPlausible();
    return isNew;
  }

  /** What former processes have measured. */
  remember(measured: Partial<Draw>): void {
    this.#measured = { ...this.#measured, ...measured };
    this.#keepPlausible();
  }

  /**
   * Of a node that runs, what two readings in turn agree on: the tail of a surge, once taken for its draw, would keep
   * a tight budget without room for ever.
   * @returns what is now known, when it has grown
   */
  measure(watts: number, starting: boolean): Partial<Draw> | undefined {
    if (!this.#isPlausible(watts)) return undefined;
    const key = starting ? "startingWatts" : "runningWatts";
    const sure = starting ? watts : Math.min(watts, this.#lastRunningWatts ?? 0);
    this.#lastRunningWatts = starting ? undefined : watts;
    if (sure <= (this.#measured[key] ?? 0)) return undefined;
    this.#measured = { ...this.#measured, [key]: sure };
    return this.#measured;
  }

  #keepPlausible(): void {
    const { runningWatts, startingWatts } = this.#measured;
    this.#measured = {
      ...(runningWatts !== undefined && this.#isPlausible(runningWatts) ? { runningWatts } : {}),
      ...(startingWatts !== undefined && this.#isPlausible(startingWatts) ? { startingWatts } : {}),
    };
  }

  #isPlausible(watts: number): boolean {
    const most = mostPlausibleWatts(this.#declared ?? {}, this.#limits);
    if (watts <= most) return true;
    if (!this.#doubted) {
      this.doubted(
        `${watts} W was measured and is not believed: more than ${Math.round(most)} W is above the budget of the power domain or far above the declared draw; look at the meter, or mend the draw in the site file`,
      );
    }
    this.#doubted = true;
    return false;
  }
}
