/** Writes sets of names with ranges, as ClusterShell does. */

interface Name {
  /** The name with each number taken out. */
  readonly shape: string;
  /** Its numbers, with leading zeros. */
  readonly numbers: readonly string[];
}

/** NUL stands in no id. */
const HOLE = "\u0000";

/** Compares names so that `n9` comes before `n10`, and `n2` before `n01`, as ClusterShell orders them. */
export function byName(a: string, b: string): number {
  const [one, other] = [nameOf(a), nameOf(b)];
  if (one.shape !== other.shape) return one.shape < other.shape ? -1 : 1;
  return byNumbers(one.numbers, other.numbers);
}

export function foldNames(names: Iterable<string>): string {
  const shapes = new Map<string, (readonly string[])[]>();
  for (const name of new Set(names)) {
    const { shape, numbers } = nameOf(name);
    const found = shapes.get(shape);
    if (found) found.push(numbers);
    else shapes.set(shape, [numbers]);
  }
  return [...shapes]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([shape, tuples]) =>
      foldTuples(tuples.toSorted(byNumbers)).map((ranges) => fill(shape, ranges)),
    )
    .join(",");
}

function nameOf(name: string): Name {
  const numbers: string[] = [];
  const shape = name.replaceAll(/\d+/g, (digits) => {
    numbers.push(digits);
    return HOLE;
  });
  return { shape, numbers };
}

function fill(shape: string, ranges: readonly string[]): string {
  let at = 0;
  return shape.replaceAll(HOLE, () => {
    const range = ranges[at++] ?? "";
    return /[-,]/.test(range) ? `[${range}]` : range;
  });
}

/**
 * Products of ranges that make up a set of tuples: those that have the same last numbers are one, and so on to the
 * left. @param tuples sorted
 */
function foldTuples(tuples: readonly (readonly string[])[]): string[][] {
  const width = tuples[0]?.length ?? 0;
  if (width === 0) return [[]];
  const lasts = new Map<string, { readonly prefix: readonly string[]; readonly last: string[] }>();
  for (const tuple of tuples) {
    const prefix = tuple.slice(0, -1);
    const last = tuple.at(-1) ?? "";
    const key = prefix.join(HOLE);
    const found = lasts.get(key);
    if (found) found.last.push(last);
    else lasts.set(key, { prefix, last: [last] });
  }
  const alike = new Map<string, (readonly string[])[]>();
  for (const { prefix, last } of lasts.values()) {
    const ranges = foldNumbers(last);
    const found = alike.get(ranges);
    if (found) found.push(prefix);
    else alike.set(ranges, [prefix]);
  }
  return [...alike].flatMap(([ranges, prefixes]) =>
    foldTuples(prefixes).map((prefix) => [...prefix, ranges]),
  );
}

/** `1,2,3,7` → `1-3,7`; `09,10,11` → `09-11`. @param numbers sorted, each once */
function foldNumbers(numbers: readonly string[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < numbers.length;) {
    const first = numbers[at] ?? "";
    let last = first;
    for (at += 1; numbers[at] === successor(first, last); at += 1) last = numbers[at] ?? "";
    ranges.push(first === last ? first : `${first}-${last}`);
  }
  return ranges.join(",");
}

/** The number that goes on a range, with as many digits where zeros lead; a text that is no number where none can. */
function successor(first: string, last: string): string {
  const next = String(BigInt(last) + 1n);
  const isPadded = first.length > 1 && first.startsWith("0");
  if (!isPadded) return next;
  return next.length > first.length ? "" : next.padStart(first.length, "0");
}

/** Fewer digits first, so that `9` comes before `10`, and all of `01` to `99` after `1` to `9`. */
function byNumbers(one: readonly string[], other: readonly string[]): number {
  for (const [at, digits] of one.entries()) {
    const against = other[at] ?? "";
    if (digits === against) continue;
    if (digits.length !== against.length) return digits.length - against.length;
    return digits < against ? -1 : 1;
  }
  return 0;
}
