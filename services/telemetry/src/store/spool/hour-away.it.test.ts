import { freePort } from "@outrider/testing/free-port";
import { tempDir } from "@outrider/testing/temp-dir";
import { expect, it } from "vitest";
import { openStore } from "../open-store.js";
import { DEFAULT_SPOOL_BYTES } from "../store-config.js";
import type { Point } from "../store.js";
import { DEPS } from "../testing/quiet.js";
import { HOUR } from "../testing/store-suite.js";

const NODES = 1000;
const ROUNDS = 6;
const ROUNDS_AN_HOUR = 360;

/** Six readings of each node, each a point of its own as the worst case, with digits that do not repeat. */
function round(number: number): Point[] {
  return Array.from({ length: NODES }, (_, node) => node).flatMap((node) =>
    ["supply", "soc", "board", "fan", "nvme", "inlet"].map((sensor) => ({
      measurement: "node_sensor",
      tags: { node: `rack-a-n${node}`, sensor },
      atMs: HOUR + number * 10_000 + Math.floor(Math.random() * 10_000),
      fields: { temperatureCelsius: 20 + Math.random() * 60 },
    })),
  );
}

it("holds an hour of 1,000 nodes with six readings every ten seconds four times over", async () => {
  await using directory = await tempDir("hour-");
  const url = `influx+http://127.0.0.1:${await freePort()}`;
  await using store = await openStore({ directory: directory.path, url }, DEPS);
  for (let number = 0; number < ROUNDS; number++) await store.write(round(number));
  const { spooledPoints, spooledBytes, droppedPoints } = store.health();
  expect([spooledPoints, droppedPoints]).toEqual([NODES * ROUNDS * 6, 0]);
  expect((spooledBytes / ROUNDS) * ROUNDS_AN_HOUR * 4).toBeLessThan(DEFAULT_SPOOL_BYTES);
});
