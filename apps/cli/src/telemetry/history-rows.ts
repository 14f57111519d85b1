import type { ReadingSeries, ReadingsPage } from "@outrider/contracts/telemetry-pages";
import type { Columns } from "../output.js";
import { valueText } from "./quantity-text.js";
import { sparkline } from "./sparkline.js";

/**
 * Series over time, a line each.
 * @param columns of the sparkline; 0: none, where nobody would see it as one
 */
export function historyColumns(
  { from, to }: Pick<ReadingsPage, "from" | "to">,
  columns: number,
): Columns<ReadingSeries> {
  const span = { fromMs: Date.parse(from), toMs: Date.parse(to) };
  return {
    things: "readings in this time",
    head: [
      "NODE",
      "SENSOR",
      "QUANTITY",
      "MIN",
      "MEAN",
      "MAX",
      "LAST",
      ...(columns > 0 ? ["OVER TIME"] : []),
    ],
    name: ({ node, sensor, quantity }) => `${node}/${sensor}/${quantity}`,
    row: ({ node, sensor, quantity, unit, points }) => {
      const text = (value: number | undefined): string =>
        value === undefined ? "-" : valueText(quantity, unit, value);
      const dots = points.map(({ at, mean }) => ({ atMs: Date.parse(at), value: mean }));
      return [
        node,
        sensor,
        quantity,
        text(least(points.map(({ min }) => min))),
        text(meanOf(points)),
        text(greatest(points.map(({ max }) => max))),
        text(points.at(-1)?.last),
        ...(columns > 0 ? [sparkline(dots, span, columns)] : []),
      ];
    },
  };
}

/** Weighted by how many readings each point is made of. */
function meanOf(points: ReadingSeries["points"]): number | undefined {
  const count = points.reduce((sum, point) => sum + point.count, 0);
  if (count === 0) return undefined;
  return points.reduce((sum, point) => sum + point.mean * point.count, 0) / count;
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b));
}

function greatest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b));
}
