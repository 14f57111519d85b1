import { minutes, type Clock } from "@outrider/contracts/clock";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { Point, StoreHealth } from "../store/store.js";

const STORE_EVERY = minutes(1);
/** Services that are told apart; there are fewer. */
const MOST_SERVICES = 50;

/** Stores each minute, and on change, how the system itself is: which services are there, what clocks say, the store. */
export class SystemPoints {
  readonly #up = new Map<string, boolean>();
  #stopStoring: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly put: (points: readonly Point[]) => void;
      readonly offsets: () => Iterable<readonly [agent: string, offsetMs: number]>;
      readonly health: () => StoreHealth;
    },
  ) {}

  start(): void {
    this.#stopStoring = this.parts.clock.every(STORE_EVERY, () => this.#store());
  }

  stop(): void {
    this.#stopStoring?.();
  }

  @OnMessage(serviceStatus)
  service({
    payload: { state },
    parameters: { service },
  }: Received<ServiceStatus, { readonly service: string }>): void {
    const isUp = state === "ready" || state === "degraded";
    if (this.#up.get(service) === isUp) return;
    if (!this.#up.has(service) && this.#up.size >= MOST_SERVICES) return;
    this.#up.set(service, isUp);
    this.parts.put([this.#point("system_health", { service }, { up: Number(isUp) })]);
  }

  #store(): void {
    const { put, offsets, health } = this.parts;
    const { spooledPoints, droppedPoints, series } = health();
    const points = [...this.#up].map(([service, isUp]) =>
      this.#point(
        "system_health",
        { service },
        {
          up: Number(isUp),
          ...(service === "telemetry" ? { spooledPoints, droppedPoints, series } : {}),
        },
      ),
    );
    for (const [agent, offsetMs] of offsets()) {
      points.push(this.#point("agent_clock", { agent }, { offsetSeconds: offsetMs / 1000 }));
    }
    put(points);
  }

  #point(measurement: string, tags: Point["tags"], fields: Point["fields"]): Point {
    return { measurement, tags, fields, atMs: this.parts.clock.now().getTime() };
  }
}
