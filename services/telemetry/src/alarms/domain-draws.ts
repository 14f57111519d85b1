import { seconds, type Clock } from "@outrider/contracts/clock";
import { sitePolicy, type SitePolicy } from "@outrider/contracts/fleet";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { Point } from "../store/store.js";
import type { SensorTaken, TelemetryListener } from "../telemetry-listener.js";
import type { DomainDraw } from "./alarm-engine.js";

const LOOK = seconds(5);
/** Every so many looks the draw is stored. */
const STORED_EVERY = 12;

/** What power domains draw, as far as sensors of their nodes measure it. */
export class DomainDraws implements TelemetryListener {
  #domains: SitePolicy["powerDomains"] = {};
  /** Watts by node and sensor. */
  readonly #watts = new Map<string, Map<string, number>>();
  #looks = 0;
  #stop: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly draw: (draw: DomainDraw) => void;
      readonly put: (points: readonly Point[]) => void;
    },
  ) {}

  start(): void {
    this.#stop = this.parts.clock.every(LOOK, () => this.#look());
  }

  stop(): void {
    this.#stop?.();
  }

  @OnMessage(sitePolicy)
  policy({ payload }: Received<SitePolicy, object>): void {
    this.#domains = payload.powerDomains;
  }

  sensorRead({ node, sensor, values, absent }: SensorTaken): void {
    const watts = values.powerWatts;
    if (watts !== undefined) {
      let own = this.#watts.get(node);
      if (!own) this.#watts.set(node, (own = new Map<string, number>()));
      own.set(sensor, watts);
    } else if (absent.powerWatts !== undefined) this.sensorExpired(node, sensor);
  }

  sensorExpired(node: string, sensor: string): void {
    const own = this.#watts.get(node);
    own?.delete(sensor);
    if (own?.size === 0) this.#watts.delete(node);
  }

  #look(): void {
    const isStored = this.#looks++ % STORED_EVERY === 0;
    const points: Point[] = [];
    for (const [domain, { nodes, wattBudget }] of Object.entries(this.#domains)) {
      const known = nodes.flatMap((node) => {
        // Several sensors of one node measure the same current at several places.
        const own = [...(this.#watts.get(node)?.values() ?? [])];
        return own.length > 0 ? [Math.max(...own)] : [];
      });
      if (known.length === 0) continue;
      const watts = known.reduce((sum, one) => sum + one, 0);
      if (isStored) {
        const fields = {
          drawWatts: watts,
          ...(wattBudget === undefined ? {} : { budgetWatts: wattBudget }),
        };
        const atMs = this.parts.clock.now().getTime();
        points.push({ measurement: "domain_power", tags: { domain }, atMs, fields });
      }
      if (wattBudget !== undefined && wattBudget > 0) {
        this.parts.draw({ domain, watts, budgetWatts: wattBudget, nodes });
      }
    }
    this.parts.put(points);
  }
}
