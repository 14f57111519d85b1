import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";

/** Counts what happens, by labels. */
export interface Count {
  add(labels?: Readonly<Record<string, string>>, by?: number): void;
}

/**
 * What one service measures of itself, as Prometheus reads it. Names begin with `outrider_` and end in their unit, or in
 * `_total` when they count. Labels have few values: never ids of nodes or commands.
 */
export class Metrics {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** @throws Error when the name is taken */
  counter(name: string, help: string, labels: readonly string[] = []): Count {
    const counter = new Counter({ name, help, labelNames: labels, registers: [this.#registry] });
    return { add: (values = {}, by = 1) => counter.inc({ ...values }, by) };
  }

  /** A value that is read when somebody asks. @throws Error when the name is taken */
  gauge(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    this.#registry.registerMetric(gauge);
  }

  /** Several values of one name, read when somebody asks. @throws Error when the name is taken */
  gauges(
    name: string,
    help: string,
    label: string,
    read: () => Iterable<readonly [value: string, reading: number]>,
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [],
      collect() {
        this.reset();
        for (const [value, reading] of read()) this.set({ [label]: value }, reading);
      },
    });
    this.#registry.registerMetric(gauge);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
