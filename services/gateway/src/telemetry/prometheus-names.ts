import { QUANTITIES, type Quantity } from "@outrider/contracts/reading";

/** How a quantity is told to Prometheus: under its conventional name, in base units. */
export interface MetricOfQuantity {
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** What a value is multiplied with. */
  readonly factor: number;
  readonly help: string;
}

interface Unit {
  readonly suffix: string;
  readonly metric: string;
  readonly factor: number;
  readonly counts?: boolean;
  readonly told: string;
}

/** Of units that Prometheus does not count in, by the end of the quantity's name. */
const CONVERTED: readonly Unit[] = [
  { suffix: "_watt_hours", metric: "_joules_total", factor: 3600, counts: true, told: "joules" },
  { suffix: "_percent", metric: "_ratio", factor: 0.01, told: "a share of 1" },
  {
    suffix: "_megabits_per_second",
    metric: "_speed_bytes_per_second",
    factor: 125_000,
    told: "bytes per second",
  },
  // As node_exporter and ipmi_exporter have it: hertz of a fan says nothing to anybody.
  {
    suffix: "_revolutions_per_minute",
    metric: "_speed_rpm",
    factor: 1,
    told: "revolutions per minute",
  },
];

/** Of every quantity its metric. Names are made of the quantities' own, so that a new one has its metric at once. */
export const METRICS: Readonly<Record<Quantity, MetricOfQuantity>> = Object.fromEntries(
  Object.keys(QUANTITIES).map((quantity) => [quantity, metricOf(quantity as Quantity)]),
) as Record<Quantity, MetricOfQuantity>;

function metricOf(quantity: Quantity): MetricOfQuantity {
  const { unit, min, max } = QUANTITIES[quantity];
  const snake = quantity.replaceAll(/[A-Z]|\d+/g, (part) => `_${part.toLowerCase()}`);
  const isFlag = unit === "" && min === 0 && max === 1;
  const converted = CONVERTED.find(({ suffix }) => snake.endsWith(suffix));
  const words = snake.replaceAll("_", " ");
  if (!converted) {
    const told = isFlag ? `${words}: 1 yes, 0 no` : unit === "" ? words : `${words} (${unit})`;
    return {
      name: `outrider_node_${snake}`,
      type: "gauge",
      factor: 1,
      help: `Last reading of ${told}.`,
    };
  }
  const stem = snake.slice(0, -converted.suffix.length);
  return {
    name: `outrider_node_${stem}${converted.metric}`,
    type: converted.counts ? "counter" : "gauge",
    factor: converted.factor,
    help: `Last reading of ${stem.replaceAll("_", " ")}, in ${converted.told}.`,
  };
}
