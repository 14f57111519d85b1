import { join } from "node:path";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasInflux, startInflux, type TestDatabase } from "../testing/databases.js";
import { openInflux } from "../testing/open-influx.js";
import { countOf, freshName, HOUR, pointOf } from "../testing/store-suite.js";

const DAY_MS = 24 * 3_600_000;

describe.runIf(hasInflux())("what InfluxDB refuses for good", () => {
  let directory: TempDir;
  let influx: TestDatabase;
  beforeAll(async () => {
    directory = await tempDir("refused-");
    influx = await startInflux(join(directory.path, "influx"));
  });
  afterAll(async () => {
    await influx[Symbol.asyncDispose]();
    await directory.remove();
  });

  it("is counted, and the rest of the same request is kept", async () => {
    const measurement = freshName();
    const own = join(directory.path, freshName());
    const { store } = await openInflux({ directory: own, url: influx.url });
    const kept = Array.from({ length: 50 }, (_, n) => pointOf(measurement, `n${n}`, HOUR, n));
    await store.write(kept.slice(0, 10));
    await eventually("it is delivered", () => store.health().spooledPoints === 0);
    // Somebody else has made it a text.
    const lines = `${measurement},node=n1 model="CM5" ${HOUR}\n`;
    const path = "/write?db=outrider&rp=raw&precision=ms";
    await fetch(influx.url + path, { method: "POST", body: lines });
    const at = { ...pointOf(measurement, "n1", HOUR + 1, 1), fields: { model: 5 } };
    const old = pointOf(measurement, "n1", Date.now() - 30 * DAY_MS, 7);
    await store.write([...kept.slice(10, 30), at, ...kept.slice(30)]);
    await store.write([old]);
    await eventually("all are judged", () => store.health().spooledPoints === 0);
    expect(store.health()).toMatchObject({ state: "ok", droppedPoints: 2 });
    const query = { measurement, fields: ["voltageVolts"], fromMs: 0, toMs: HOUR + 5, everyMs: 0 };
    expect(countOf(await store.range(query, within()))).toBe(50);
    await store[Symbol.asyncDispose]();
  });

  it("is written again into a database that somebody has removed", async () => {
    const measurement = freshName();
    const own = join(directory.path, freshName());
    const url = `${influx.url}/removed`;
    const { store } = await openInflux({ directory: own, url });
    await store.write([pointOf(measurement, "n1", HOUR, 1)]);
    await eventually("it is delivered", () => store.health().spooledPoints === 0);
    await fetch(`${influx.url}/query?q=DROP+DATABASE+removed`, { method: "POST" });
    await store.write([pointOf(measurement, "n1", HOUR, 2)]);
    await eventually("it is delivered", () => store.health().spooledPoints === 0);
    const query = { measurement, fromMs: HOUR, toMs: HOUR + 5, everyMs: 0 };
    expect(await store.range(query, within())).toMatchObject([{ buckets: [{ last: 2 }] }]);
    await store[Symbol.asyncDispose]();
  });
});
