import type { Mirror } from "./mirror/mirror.js";

/** Metrics of the gateway in Prometheus' text format. */
export class Metrics {
  readonly #requests = new Map<string, number>();

  constructor(
    private readonly mirror: Mirror,
    private readonly clients: () => number,
  ) {}

  /** @param id name of the route's operation */
  count(id: string, status: number): void {
    const key = `operation="${id}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  text(): string {
    const { rss } = process.memoryUsage();
    return [
      "# HELP outrider_gateway_requests_total Requests answered, by operation and status.",
      "# TYPE outrider_gateway_requests_total counter",
      ...[...this.#requests].map(
        ([labels, count]) => `outrider_gateway_requests_total{${labels}} ${count}`,
      ),
      "# HELP outrider_gateway_live_clients Clients that look on.",
      "# TYPE outrider_gateway_live_clients gauge",
      `outrider_gateway_live_clients ${this.clients()}`,
      "# HELP outrider_gateway_nodes Nodes that are declared.",
      "# TYPE outrider_gateway_nodes gauge",
      `outrider_gateway_nodes ${this.mirror.nodeIds().length}`,
      "# HELP process_resident_memory_bytes Resident memory size in bytes.",
      "# TYPE process_resident_memory_bytes gauge",
      `process_resident_memory_bytes ${rss}`,
      "",
    ].join("\n");
  }
}
