import type { MeasurementsPage } from "@outrider/contracts/telemetry-pages";
import { expect, it } from "vitest";
import { spansOf, STATE_SPANS } from "./spans.js";

const minute = (n: number): string => new Date(Date.UTC(2026, 10, 23, 5, n)).toISOString();
const point = (n: number, last: number, min = last, max = last): object => ({
  at: minute(n),
  mean: last,
  min,
  max,
  last,
  count: 1,
});
const pageOf = (points: readonly object[]): MeasurementsPage =>
  ({
    measurement: "node_heartbeat",
    from: minute(0),
    to: minute(60),
    everyMs: 60_000,
    series: [
      {
        tags: { node: "n1", heartbeat: "lan", proves: "network" },
        node: "n1",
        of: "lan",
        field: "alive",
        unit: "",
        codes: { "0": "Silent", "1": "Alive" },
        points,
      },
      { tags: {}, node: "n1", of: "lan", field: "tookMs", unit: "ms", points },
    ],
  }) as unknown as MeasurementsPage;
const shown = (points: readonly object[]): string[] =>
  spansOf(pageOf(points)).map((span) => STATE_SPANS.row(span).slice(3).join("|"));

it("says from when to when something was so, and what it was briefly", () => {
  const points = [
    point(0, 1),
    point(5, 1, 0, 1),
    point(10, 1),
    point(12, 0),
    point(20, 1),
    point(25, 1),
  ];
  const kept = Array.from({ length: 6 }, (_, n) => point(30 + n * 5, 1));
  expect(shown([...points, ...kept])).toEqual([
    `${minute(0)}|12m|Alive|briefly Silent`,
    `${minute(12)}|8m|Silent|`,
    `${minute(20)}|40m|Alive|until the end`,
  ]);
});

it("does not go on where nothing was told", () => {
  expect(shown([point(0, 1), point(30, 1)])).toEqual([
    `${minute(0)}|1m|Alive|`,
    `${minute(1)}|29m|nothing was told|`,
    `${minute(30)}|1m|Alive|`,
    `${minute(31)}|29m|nothing was told|until the end`,
  ]);
  expect(shown([])).toEqual([]);
});
