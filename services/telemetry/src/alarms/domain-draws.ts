import { seconds, type Clock } from "@outrider/contracts/clock";
import { sitePolicy, type SitePolicy } from "@outrider/contracts/fleet";
import { powerState, type PowerState } from "@outrider/contracts/power";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { Point } from "../store/store.js";
import type { PowerLeft, SensorTaken, TelemetryListener } from "../telemetry-listener.js";
import type { DomainDraw } from "./alarm-engine.js";
import { JUST_STARTED, unmeasuredWords } from "./alarm-words.js";

const LOOK = seconds(5);
/** Every so many looks the draw is stored. */
const STORED_EVERY = 12;
/** A node starts while its supply comes on, and for so long after it came on. */
const STARTING_MS = 60_000;
/** After a start all sensors are given so long to be heard. */
const UNHEARD_MS = 60_000;

/** Watts, or why there are none: it is off, or it is not known any more. */
type Draw = number | "off" | "unknown";

/** What power domains draw, as far as sensors of their nodes measure it, and how many of their nodes start. */
export class DomainDraws implements TelemetryListener {
  #domains: SitePolicy["powerDomains"] = {};
  /** Of nodes that were measured, by node and sensor. */
  readonly #drawn = new Map<string, Map<string, Draw>>();
  readonly #off = new Set<string>();
  /** Of nodes whose supply is on or coming on, since when. */
  readonly #onSinceMs = new Map<string, number>();
  #looks = 0;
  #startedMs = 0;
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
    this.#startedMs = this.parts.clock.monotonicMs();
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
    if (supply.value === "Off") this.#off.add(node);
    else this.#off.delete(node);
    if (supply.value === "PoweringOn") this.#onSinceMs.set(node, Number.POSITIVE_INFINITY);
    else if (supply.value === "On") this.#onSinceMs.set(node, Date.parse(supply.since));
    else this.#onSinceMs.delete(node);
  }

  powerExpired(node: string, { supply }: PowerLeft): void {
    if (supply !== "Unknown") return;
    this.#off.delete(node);
    this.#onSinceMs.delete(node);
  }

  sensorRead({ node, sensor, values, absent }: SensorTaken): void {
    const { powerWatts: why } = absent;
    if (values.powerWatts !== undefined) this.#draws(node, sensor, values.powerWatts);
    else if (why === "NotPresent") this.sensorGone(node, sensor);
    else if (why === "DeviceOff") this.#draws(node, sensor, "off");
    else if (why !== undefined) this.sensorExpired(node, sensor);
  }

  sensorExpired(node: string, sensor: string): void {
    if (this.#drawn.get(node)?.has(sensor)) this.#draws(node, sensor, "unknown");
  }

  sensorGone(node: string, sensor: string): void {
    const own = this.#drawn.get(node);
    own?.delete(sensor);
    if (own?.size === 0) this.#drawn.delete(node);
  }

  #draws(node: string, sensor: string, draw: Draw): void {
    let own = this.#drawn.get(node);
    if (!own) this.#drawn.set(node, (own = new Map<string, Draw>()));
    own.set(sensor, draw);
  }

  /** Several sensors of one node measure the same current at several places. */
  #drawOf(node: string): Draw | undefined {
    const own = [...(this.#drawn.get(node)?.values() ?? [])];
    const watts = own.filter((draw) => typeof draw === "number");
    if (watts.length > 0) return Math.max(...watts);
    if (own.length === 0) return undefined;
    return own.includes("off") || this.#off.has(node) ? "off" : "unknown";
  }

  #look(): void {
    const isStored = this.#looks++ % STORED_EVERY === 0;
    const points: Point[] = [];
    const atMs = this.parts.clock.now().getTime();
    for (const [domain, { nodes, wattBudget }] of Object.entries(this.#domains)) {
      const draws = nodes.map((node) => this.#drawOf(node));
      const known = draws.filter((draw) => typeof draw === "number");
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
      if (wattBudget === undefined || wattBudget <= 0) continue;
      if (draws.every((draw) => draw === undefined)) continue;
      const unknown = nodes.filter((_, at) => draws[at] === "unknown");
      const unmeasured = this.#whyUnmeasured(unknown);
      this.parts.draw({
        domain,
        watts,
        budgetWatts: wattBudget,
        ...(unmeasured === undefined ? {} : { unmeasured }),
      });
    }
    this.parts.put(points);
  }

  /** @param unknown nodes of which it is not known any more what they draw */
  #whyUnmeasured(unknown: readonly string[]): string | undefined {
    if (unknown.length > 0) return unmeasuredWords(unknown);
    const isNew = this.parts.clock.monotonicMs() - this.#startedMs < UNHEARD_MS;
    return isNew ? JUST_STARTED : undefined;
  }
}
