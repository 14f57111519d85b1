import * as fc from "fast-check";
import { it } from "vitest";

export { fc };

/** A test that holds for all values. */
export function test<Values extends [unknown, ...unknown[]]>(
  arbitraries: { [Index in keyof Values]: fc.Arbitrary<Values[Index]> },
  name: string,
  check: (...values: Values) => void,
): void {
  it(name, () => fc.assert(fc.property(...arbitraries, check)));
}
