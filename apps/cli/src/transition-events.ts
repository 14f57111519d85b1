import type { TransitionPage } from "@outrider/contracts/transition";
import type { Api } from "./api.js";
import { innerData, type EventView, type Known } from "./event-rows.js";

/** In this span a transition is told of once while its state stays, in milliseconds. */
const QUIET_MS = 5000;

/** Looks up what transitions are that events tell of, each once. */
export class KnownTransitions {
  readonly #known = new Map<string, Promise<Known | undefined>>();

  constructor(private readonly api: Api) {}

  /** Undefined for other events, and where it cannot be read any more. */
  of({ kind, data }: EventView): Promise<Known | undefined> {
    const id = data["subject"];
    if (kind !== "transition" || typeof id !== "string") return Promise.resolve(undefined);
    const known = this.#known.get(id) ?? this.#read(id);
    this.#known.set(id, known);
    return known;
  }

  async #read(id: string): Promise<Known | undefined> {
    try {
      const path = `/transitions/${encodeURIComponent(id)}`;
      return (await this.api.get<TransitionPage>(path, { limit: 1 })).transition;
    } catch {
      // The event is told with what it says itself.
      return undefined;
    }
  }
}

/** Keeps back news of a transition that only counts on. @param nowMs monotonic */
export function quietTransitions(nowMs: () => number): (event: EventView) => boolean {
  const told = new Map<string, { readonly state: unknown; readonly atMs: number }>();
  return (event) => {
    if (event.kind !== "transition") return false;
    const id = String(event.data["subject"]);
    const { state } = innerData(event);
    const before = told.get(id);
    const isQuiet =
      before !== undefined && before.state === state && nowMs() - before.atMs < QUIET_MS;
    if (!isQuiet) told.set(id, { state, atMs: nowMs() });
    return isQuiet;
  };
}
