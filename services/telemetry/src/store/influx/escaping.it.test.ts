import { join } from "node:path";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isName, isValue } from "../line-protocol.js";
import type { Point, Store } from "../store.js";
import { hasInflux, startInflux, type TestDatabase } from "../testing/databases.js";
import { openInflux } from "../testing/open-influx.js";
import { HOUR } from "../testing/store-suite.js";

/** Everything that has a meaning in line protocol or in InfluxQL. */
const any = fc.string({
  unit: fc.constantFrom(..."ab0,= \\\"'#ü✓😀/.:;$`()|*^-_"),
  minLength: 1,
  maxLength: 12,
});
const name = any.filter((one) => isName(one) && !one.startsWith("#"));
const value = any.filter(isValue);
const text = fc.string({ unit: fc.constantFrom(..."ab ,=\\\"'#ü✓😀"), maxLength: 30 });
/** Names of roll-ups are ours. */
const field = name.filter((one) => !/_(?:sum|min|max|last|count)$/.test(one) && one !== "message");

interface Case {
  readonly measurement: string;
  readonly tag: string;
  readonly value: string;
  readonly field: string;
  readonly number: number;
  readonly text: string;
}
const someCase = fc
  .record<Case>({
    measurement: name,
    tag: name,
    value,
    field,
    number: fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
  })
  // InfluxQL cannot tell a tag from a field of the same name; no measurement of ours has both.
  .filter(({ tag, field: named }) => tag !== named);

describe.runIf(hasInflux())("names and values in a real InfluxDB", () => {
  let directory: TempDir;
  let influx: TestDatabase;
  let store: Store;
  beforeAll(async () => {
    directory = await tempDir("escaping-");
    influx = await startInflux(join(directory.path, "influx"));
    const own = join(directory.path, "own");
    ({ store } = await openInflux({ directory: own, url: `${influx.url}/a%20"db"` }));
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await influx[Symbol.asyncDispose]();
    await directory.remove();
  });

  it("come back as they were, whatever is in them", async () => {
    const cases = fc.sample(someCase, 300);
    const points: Point[] = cases.map((one, index) => ({
      // Each by itself, so that none can stand in for another.
      measurement: `${index}${one.measurement}`,
      tags: { [one.tag]: one.value, other: "x" },
      atMs: HOUR + index,
      fields: { [one.field]: one.number },
      text: one.text,
    }));
    await store.write(points);
    await eventually("all is delivered", () => store.health().spooledPoints === 0);
    expect(store.health()).toMatchObject({ droppedPoints: 0, refusedPoints: 0 });
    for (const [index, one] of cases.entries()) {
      const { measurement, tags, atMs } = points[index] as Point;
      const query = { measurement, fromMs: HOUR, toMs: HOUR + 1000 };
      const wanted = { [one.tag]: [one.value] };
      const [series, ...more] = await store.range({ ...query, tags: wanted, everyMs: 0 }, within());
      expect(more, JSON.stringify(one)).toEqual([]);
      expect(series?.tags, JSON.stringify(one)).toEqual(tags);
      expect(series?.field).toBe(one.field);
      expect(series?.buckets[0]?.last).toBe(one.number === 0 ? 0 : one.number);
      const texts = await store.texts({ ...query, tags: wanted, limit: 5 }, within());
      expect(texts).toEqual([{ atMs, tags, text: one.text }]);
    }
  });
});
