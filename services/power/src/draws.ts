import type { SitePolicy } from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import type { Policies } from "./policies.js";

/** What a node has drawn at most, in watts, apart by whether it was starting. */
export interface LearnedDraw {
  readonly runningWatts?: number | undefined;
  readonly startingWatts?: number | undefined;
}

/** So long after it came on a node counts as starting at least, in milliseconds: what it draws then is its surge. */
const STARTS_FOR_MS = 2000;

/** A reading of more than so many times the declared starting draw says something of the meter, not of the node. */
const PLAUSIBLE = 4;

/** What nodes draw: as declared, or as it was measured where that is more. */
export class Draws {
  readonly #learned = new Map<NodeId, LearnedDraw>();
  /** The reading before, of nodes that run. */
  readonly #before = new Map<NodeId, number>();
  /** Learned since it was last asked for. */
  #news = new Map<NodeId, LearnedDraw>();

  /** The declared draws as text, once a policy is known. */
  #declared: ReadonlyMap<string, string> | undefined;
  readonly #doubted = new Set<NodeId>();

  /** @param doubted told once of each node whose meter shows what cannot be */
  constructor(
    private readonly policies: Policies,
    private readonly doubted: (node: NodeId, watts: number, limitWatts: number) => void = () => {},
  ) {
    policies.onChange(({ draws }) => this.#govern(draws));
  }

  /** What a former process had learned. */
  recall(draws: Iterable<readonly [NodeId, LearnedDraw]>): void {
    for (const [node, draw] of draws) this.#learned.set(node, draw);
  }

  /**
   * A measurement. Only the largest counts: a domain must bear the worst that a node has done. Of a node that runs,
   * what two readings in turn agree on: the tail of a surge, once taken for its draw, would keep a tight budget
   * without room for ever.
   * A reading that cannot be, above the budget of its domain or far above the declaration, is not learned.
   * @param onForMs how long the supply had been on, in milliseconds
   */
  measured(node: NodeId, watts: number, onForMs: number): void {
    const limitWatts = this.#plausibleWatts(node);
    if (watts > limitWatts) {
      this.#before.delete(node);
      if (!this.#doubted.has(node)) this.doubted(node, watts, limitWatts);
      this.#doubted.add(node);
      return;
    }
    const startsForMs = Math.max(
      STARTS_FOR_MS,
      this.policies.domainOf(node)?.domain.startDurationMs ?? 0,
    );
    const starting = onForMs < startsForMs;
    const key = starting ? "startingWatts" : "runningWatts";
    const sure = starting ? watts : Math.min(watts, this.#before.get(node) ?? 0);
    if (starting) this.#before.delete(node);
    else this.#before.set(node, watts);
    const known = this.#learned.get(node);
    if (sure <= (known?.[key] ?? 0)) return;
    const learned = { ...known, [key]: sure };
    this.#learned.set(node, learned);
    this.#news.set(node, learned);
  }

  /** What is new since the last call. */
  news(): [NodeId, LearnedDraw][] {
    const news = [...this.#news];
    this.#news = new Map();
    return news;
  }

  /** What a node draws while it runs, in watts; its share of the budget where nothing is known. */
  runningWatts(node: NodeId): number {
    const known = max(
      this.policies.drawOf(node)?.runningWatts,
      this.#learned.get(node)?.runningWatts,
    );
    return known ?? this.#share(node);
  }

  /** What a node draws while it starts, in watts; never less than while it runs. */
  startingWatts(node: NodeId): number {
    const starting = max(
      this.policies.drawOf(node)?.startingWatts,
      this.#learned.get(node)?.startingWatts,
    );
    return Math.max(starting ?? 0, this.runningWatts(node));
  }

  /** Whoever declares another draw knows better than what was measured before. */
  #govern(draws: SitePolicy["draws"]): void {
    const before = this.#declared;
    const declared = new Map(
      Object.entries(draws).map(([node, { runningWatts, startingWatts }]) => [
        node,
        `${runningWatts} ${startingWatts}`,
      ]),
    );
    this.#declared = declared;
    if (!before) return;
    for (const node of this.#learned.keys()) {
      if (before.get(node) === declared.get(node)) continue;
      this.#learned.delete(node);
      this.#before.delete(node);
      this.#doubted.delete(node);
      this.#news.set(node, {});
    }
  }

  #plausibleWatts(node: NodeId): number {
    const declared = this.policies.drawOf(node);
    const most = Math.max(declared?.startingWatts ?? 0, declared?.runningWatts ?? 0);
    return Math.min(
      this.policies.domainOf(node)?.domain.wattBudget ?? Number.POSITIVE_INFINITY,
      most > 0 ? most * PLAUSIBLE : Number.POSITIVE_INFINITY,
    );
  }

  #share(node: NodeId): number {
    const domain = this.policies.domainOf(node)?.domain;
    return domain?.wattBudget === undefined ? 0 : domain.wattBudget / domain.nodes.length;
  }
}

function max(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
