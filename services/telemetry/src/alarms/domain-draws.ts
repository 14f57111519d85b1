import { seconds, type Clock } from "@outrider/contracts/clock";
import { sitePolicy, type SitePolicy } from "@outrider/contracts/fleet";
import { powerState, type PowerState } from "@outrider/contracts/power";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { Point } from "../store/store.js";
import type { PowerLeft, SensorTaken, TelemetryListener } from "../telemetry-listener.js";
import type { DomainDraw } from "./alarm-engine.js";

const LOOK = seconds(5);
/** Every so many looks the draw is stored. */
const STORED_EVERY = 12;
/** A node starts while its supply comes on, and for so long after it came on. */
const STARTING_MS = 60_000;

/** What power domains draw, as far as sensors of their nodes measure it, and how many of their nodes start. */
export class DomainDraws implements TelemetryListener {
  #domains: SitePolicy["powerDomains"] = {};
  /** Watts by node and sensor. */
  readonly #watts = new Map<string, Map<string, number>>();
  /** Of nodes whose supply is on or coming on, since when. */
  readonly #onSinceMs = new Map<string, number>();
  #looks = 0;
  #stop: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly draw: (draw: DomainDraw) => void;
      /** Told which domains there are. */
      readonly domains: (domains: SitePolicy["powerDomains"]) => void;
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
    this.parts.domains(payload.powerDomains);
  }

  @OnMessage(powerState)
  power({
    payload: { supply },
    parameters: { node },
  }: Received<PowerState, { readonly node: string }>): void {
    if (supply.value === "PoweringOn") this.#onSinceMs.set(node, Number.POSITIVE_INFINITY);
    else if (supply.value === "On") this.#onSinceMs.set(node, Date.parse(supply.since));
    else this.#onSinceMs.delete(node);
  }

  powerExpired(node: string, { supply }: PowerLeft): void {
    if (supply === "Unknown") this.#onSinceMs.delete(node);
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
    const atMs = this.parts.clock.now().getTime();
    for (const [domain, { nodes, wattBudget }] of Object.entries(this.#domains)) {
      const known = nodes.flatMap((node) => {
        // Several sensors of one node measure the same current at several places.
        const own = [...(this.#watts.get(node)?.values() ?? [])];
        return own.length > 0 ? [Math.max(...own)] : [];
      });
      const watts = known.reduce((sum, one) => sum + one, 0);
      if (isStored) {
        const startsRunning = nodes.filter(
          (node) => (this.#onSinceMs.get(node) ?? 0) >= atMs - STARTING_MS,
        ).length;
        const fields = {
          startsRunning,
          ...(known.length === 0 ? {} : { drawWatts: watts }),
          ...(wattBudget === undefined ? {} : { budgetWatts: wattBudget }),
        };
        points.push({ measurement: "domain_power", tags: { domain }, atMs, fields });
      }
      if (known.length === 0) continue;
      if (wattBudget !== undefined && wattBudget > 0) {
        this.parts.draw({ domain, watts, budgetWatts: wattBudget });
      }
    }
    this.parts.put(points);
  }
}
