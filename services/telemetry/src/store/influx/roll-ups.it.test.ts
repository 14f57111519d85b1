import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasInflux, startInflux, type TestDatabase } from "../testing/databases.js";
import { openInflux } from "../testing/open-influx.js";
import { countOf, freshName, HOUR, pointOf, rangeOnce } from "../testing/store-suite.js";

const HOUR_MS = 3_600_000;

describe.runIf(hasInflux())("roll-ups in InfluxDB", () => {
  let directory: TempDir;
  let influx: TestDatabase;
  beforeAll(async () => {
    directory = await tempDir("rolled-");
    influx = await startInflux(join(directory.path, "influx"));
  });
  afterAll(async () => {
    await influx[Symbol.asyncDispose]();
    await directory.remove();
  });

  const ask = async (text: string): Promise<string> => {
    const body = new URLSearchParams({ q: text, db: "outrider" });
    const answer = await fetch(`${influx.url}/query`, { method: "POST", body });
    return answer.text();
  };

  it("outlast the raw points, by the same names, also where these came late", async () => {
    const own = join(directory.path, freshName());
    const measurement = freshName();
    const { store, backend } = await openInflux({ directory: own, url: influx.url });
    const delivered = (): Promise<boolean> =>
      eventually("all is delivered", () => store.health().spooledPoints === 0);
    const points = Array.from({ length: 720 }, (_, n) =>
      pointOf(measurement, `n${n % 2}`, HOUR + n * 10_000, n),
    );
    await store.write(points.filter((_, n) => n % 6 !== 0));
    await delivered();
    await backend.rollUp();
    // The rest comes after its hours were made.
    await store.write(points.filter((_, n) => n % 6 === 0));
    await delivered();
    await backend.rollUp();
    await ask(`DROP RETENTION POLICY "raw" ON "outrider"`);
    await ask(`CREATE RETENTION POLICY "raw" ON "outrider" DURATION 1d REPLICATION 1 DEFAULT`);
    for (const everyMs of [60_000, HOUR_MS]) {
      const query = { measurement, fromMs: HOUR, toMs: HOUR + 2 * HOUR_MS, everyMs };
      const found = await rangeOnce(store, query, (series) => countOf(series) === 720);
      expect(found[0]?.buckets.at(-1)).toMatchObject({ max: 718, last: 718 });
      const means = found.flatMap(({ buckets }) => buckets.map(({ mean, count }) => mean * count));
      const sum = means.reduce((all, one) => all + one, 0);
      expect(sum).toBeCloseTo((719 * 720) / 2, 3);
    }
    const rolled = await ask(`SELECT mean("voltageVolts") FROM "hours"."${measurement}"`);
    expect(rolled).toContain("359.5");
    await store[Symbol.asyncDispose]();
  });

  it("are made anew after a restart, also where nobody knows any more what was rolled up", async () => {
    const own = join(directory.path, freshName());
    const measurement = freshName();
    const first = await openInflux({ directory: own, url: `${influx.url}/again` });
    await first.store.write([pointOf(measurement, "n1", HOUR, 5)]);
    await eventually("it is delivered", () => first.store.health().spooledPoints === 0);
    await first.store[Symbol.asyncDispose]();
    const file = join(own, "roll-ups.json");
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
      minutes: expect.arrayContaining([HOUR / 60_000]),
    });
    const second = await openInflux({ directory: own, url: `${influx.url}/again` });
    await second.backend.rollUp();
    const query = { measurement, fromMs: HOUR, toMs: HOUR + HOUR_MS, everyMs: HOUR_MS };
    const expected = { measurement, buckets: [{ atMs: HOUR, mean: 5, count: 1 }] };
    expect(await second.store.range(query, within())).toMatchObject([expected]);
    await second.store[Symbol.asyncDispose]();
    await rm(file);
    const third = await openInflux({ directory: own, url: `${influx.url}/again` });
    await third.backend.rollUp();
    expect(third.store.health()).toMatchObject({ state: "ok" });
    await third.store[Symbol.asyncDispose]();
  });
});
