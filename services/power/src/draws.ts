import type { NodeId } from "@outrider/contracts/ids";
import type { Policies } from "./policies.js";

/** What nodes draw: as declared, or as it was measured where that is more. */
export class Draws {
  readonly #learned = new Map<NodeId, number>();
  /** Learned since it was last asked for. */
  #news = new Map<NodeId, number>();

  constructor(private readonly policies: Policies) {}

  /** What a former process had learned. */
  recall(draws: Iterable<readonly [NodeId, number]>): void {
    for (const [node, watts] of draws) this.#learned.set(node, watts);
  }

  /** A measurement. Only the largest counts: a domain must bear the worst that a node has done. */
  measured(node: NodeId, watts: number): void {
    if (watts <= (this.#learned.get(node) ?? 0)) return;
    this.#learned.set(node, watts);
    this.#news.set(node, watts);
  }

  /** What is new since the last call. */
  news(): [NodeId, number][] {
    const news = [...this.#news];
    this.#news = new Map();
    return news;
  }

  /** What a node draws while it runs, in watts; its share of the budget where nothing is known. */
  runningWatts(node: NodeId): number {
    const known = max(this.policies.drawOf(node)?.runningWatts, this.#learned.get(node));
    return known ?? this.#share(node);
  }

  /** What a node draws while it starts, in watts. */
  startingWatts(node: NodeId): number {
    const starting = this.policies.drawOf(node)?.startingWatts;
    return Math.max(starting ?? 0, this.runningWatts(node));
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
