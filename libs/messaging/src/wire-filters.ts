/**
 * Which filters of one contract go onto the wire. Brokers differ in what they do with overlapping subscriptions of
 * one client (one copy, or one for each), so ours never overlap: overlapping ones are joined and told apart here.
 */

/** The parameters of a subscription by name; left out means any. */
export type Filter = Readonly<Record<string, string | undefined>>;

/** Whether every topic of `inner` is one of `outer`. */
export function covers(outer: Filter, inner: Filter): boolean {
  return Object.entries(outer).every(
    ([name, value]) => value === undefined || inner[name] === value,
  );
}

/** Whether some topic is one of both. */
export function overlap(one: Filter, other: Filter): boolean {
  return Object.entries(one).every(([name, value]) => {
    const second = other[name];
    return value === undefined || second === undefined || value === second;
  });
}

/** The narrowest filter that covers both. */
export function join(one: Filter, other: Filter): Filter {
  return Object.fromEntries(
    Object.entries(one).filter(([name, value]) => value !== undefined && other[name] === value),
  );
}

/**
 * The filters to subscribe so that everything wanted is covered and nothing overlaps.
 * @param standing filters subscribed now; one that is still of use stays, because leaving it for a narrower one
 *   would make the broker send every retained document again
 */
export function wireFilters(standing: readonly Filter[], wanted: readonly Filter[]): Filter[] {
  const useful = standing.filter((one) => wanted.some((want) => covers(one, want)));
  const disjoint: Filter[] = [];
  for (let next of [...useful, ...wanted]) {
    for (;;) {
      const at = disjoint.findIndex((one) => overlap(one, next));
      const other = disjoint[at];
      if (!other) break;
      disjoint.splice(at, 1);
      next = join(other, next);
    }
    disjoint.push(next);
  }
  return disjoint;
}
