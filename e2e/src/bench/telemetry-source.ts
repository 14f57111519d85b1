import type { Point } from "@outrider/telemetry-service/store/store";

export const MEASUREMENT = "node_sensor";
export const VALUES_PER_POINT = 3;
const EVERY_MS = 10_000;

/** What a rack of nodes tells: three quantities of the supply of each, every ten seconds, as a shunt measures them. */
export class ReadingSource {
  readonly nodes: readonly string[];
  #round = 0;

  constructor(
    nodes: number,
    private readonly startMs: number,
    private readonly measurement: string,
  ) {
    this.nodes = Array.from({ length: nodes }, (_, node) => `n${node}`);
  }

  /** The time of the last round. */
  get lastMs(): number {
    return this.startMs + (this.#round - 1) * EVERY_MS;
  }

  /** One point of each node. */
  round(): Point[] {
    const atMs = this.startMs + this.#round * EVERY_MS;
    this.#round += 1;
    return this.nodes.map((node, index) => {
      const load = 800 + ((this.#round * 7 + index * 13) % 400);
      const voltageVolts = 5.1 - load / 10_000;
      return {
        measurement: this.measurement,
        tags: { node, sensor: "supply" },
        atMs,
        fields: {
          voltageVolts: Math.round(voltageVolts * 10_000) / 10_000,
          currentAmperes: load / 1000,
          powerWatts: Math.round(load * voltageVolts) / 1000,
        },
      };
    });
  }
}
