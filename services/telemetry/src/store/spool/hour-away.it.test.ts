import { join } from "node:path";
import { eventually, within } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../open-store.js";
import { DEFAULT_SPOOL_BYTES } from "../store-config.js";
import type { Point, StoreHealth } from "../store.js";
import { hasInflux, startInflux } from "../testing/databases.js";
import { DEPS } from "../testing/quiet.js";
import { HOUR } from "../testing/store-suite.js";

const NODES = 1000;
const SENSORS = ["supply", "soc", "board", "fan", "nvme", "inlet"] as const;
const ROUND_MS = 10_000;
const ROUNDS = 360;

/** Between 0 and 1, with digits that do not repeat, and always the same. */
function unit(number: number): number {
  const large = Math.sin(number + 1) * 1e4;
  return large - Math.floor(large);
}

/**
 * One of the six readings of each node, in turn: a round has a sixth of what is measured in ten seconds. Each is a point
 * of its own, as the worst case.
 */
function round(number: number): Point[] {
  const sensor = SENSORS[number % SENSORS.length] ?? "supply";
  return Array.from({ length: NODES }, (_, node) => {
    const known = unit(number * NODES + node);
    return {
      measurement: "node_sensor",
      tags: { node: `rack-a-n${node}`, sensor },
      atMs: HOUR + number * ROUND_MS + Math.floor(known * ROUND_MS),
      fields: { temperatureCelsius: 20 + known * 60 },
    };
  });
}

describe("an hour without its database", () => {
  let directory: TempDir;
  let port: number;
  let url: string;
  let kept: StoreHealth;
  beforeAll(async () => {
    directory = await tempDir("hour-");
    port = await freePort();
    url = `influx+http://127.0.0.1:${port}`;
    await using store = await openStore({ directory: join(directory.path, "own"), url }, DEPS);
    // Some at a time: what comes together shares a flush.
    for (let number = 0; number < ROUNDS; number += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, more) => store.write(round(number + more))));
    }
    kept = store.health();
  }, 120_000);
  afterAll(() => directory.remove());

  it("of 1,000 nodes with six readings every ten seconds fits into the spool four times over", () => {
    expect([kept.spooledPoints, kept.droppedPoints]).toEqual([NODES * ROUNDS, 0]);
    expect(kept.spooledBytes * SENSORS.length * 4).toBeLessThan(DEFAULT_SPOOL_BYTES);
  });

  it.runIf(hasInflux())(
    "of 1,000 nodes with a reading every ten seconds is in it, point by point, when it is there",
    async () => {
      await using database = await startInflux(join(directory.path, "database"), port);
      await using store = await openStore({ directory: join(directory.path, "own"), url }, DEPS);
      await eventually(
        "all is delivered",
        () => {
          const { spooledPoints, detail } = store.health();
          if (spooledPoints > 0) throw new Error(`${spooledPoints} are left: ${detail}`);
          return true;
        },
        { withinMs: 150_000, everyMs: 200 },
      );
      expect(database.child.running).toBe(true);
      expect(store.health()).toMatchObject({ state: "ok", droppedPoints: 0, refusedPoints: 0 });
      for (const [index, sensor] of SENSORS.entries()) {
        const span = { fromMs: HOUR, toMs: HOUR + ROUNDS * ROUND_MS, everyMs: 0 };
        const found = await store.range(
          { measurement: "node_sensor", tags: { sensor: [sensor] }, ...span },
          within(60_000),
        );
        const values = new Map<string, number>();
        for (const { tags, buckets } of found) {
          for (const { atMs, last } of buckets) values.set(`${tags["node"]} ${atMs}`, last);
        }
        const rounds = Array.from({ length: ROUNDS / SENSORS.length }, (_, at) =>
          round(at * SENSORS.length + index),
        );
        const wrong = rounds
          .flat()
          .filter(
            ({ tags, atMs, fields }) =>
              values.get(`${tags["node"]} ${atMs}`) !== fields["temperatureCelsius"],
          );
        expect(wrong.slice(0, 10)).toEqual([]);
        expect(values.size).toBe(rounds.length * NODES);
      }
    },
    300_000,
  );
});
