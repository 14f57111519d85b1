import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import { nodeTelemetry } from "@outrider/contracts/telemetry";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import type { SensorTaken, TelemetryListener } from "../telemetry-listener.js";
import { isFresh, type Latest } from "./latest.js";
import { nodeTelemetryOf } from "./node-telemetry.js";

/** Of one node no more often. */
const AT_MOST_EVERY_MS = 1000;
const LOOK_EVERY = milliseconds(250);
/** Messages that wait for the connection at once. Who has waited longest is told first. */
const MOST_UNDER_WAY = 500;

interface Told {
  /** When it was told last, by our monotonic clock. */
  readonly atMs: number;
  /** Whether there is something new since. */
  readonly isDue: boolean;
  /** When it is told again, or something of it has become too old. */
  readonly nextMs: number;
}

/**
 * Tells what the sensors of each node say: as soon as there is something new, at most once a second, and again three
 * times in the span in which it holds, for those who came later. What has become too old is told as absent, once.
 */
export class Publication implements TelemetryListener {
  readonly #told = new Map<NodeId, Told>();
  /** Sensors whose newest reading is too old, and was told to be. */
  readonly #expired = new Map<NodeId, Set<string>>();
  #underWay = 0;
  #stopLooking: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly session: Session;
      readonly clock: Clock;
      readonly log: Log;
      readonly latest: Latest;
      readonly expired: (node: NodeId, sensor: string) => void;
    },
  ) {}

  start(): void {
    this.#stopLooking = this.parts.clock.every(LOOK_EVERY, () => this.#look());
  }

  stop(): void {
    this.#stopLooking?.();
  }

  sensorRead({ node, sensor }: SensorTaken): void {
    this.#expired.get(node)?.delete(sensor);
    const told = this.#told.get(node);
    this.#told.set(node, {
      atMs: told?.atMs ?? Number.NEGATIVE_INFINITY,
      isDue: true,
      nextMs: told?.nextMs ?? Number.POSITIVE_INFINITY,
    });
  }

  forget(node: NodeId): void {
    this.#told.delete(node);
    this.#expired.delete(node);
  }

  /** Of a sensor that is none any more. */
  forgetSensor(node: NodeId, sensor: string): void {
    this.#expired.get(node)?.delete(sensor);
  }

  #look(): void {
    const nowMs = this.parts.clock.monotonicMs();
    // Who is told goes to the end, where it is met again and has nothing to be told.
    for (const [node, { atMs, isDue, nextMs }] of this.#told) {
      if (this.#underWay >= MOST_UNDER_WAY) return;
      if (isDue ? nowMs - atMs >= AT_MOST_EVERY_MS : nowMs >= nextMs) this.#tell(node, nowMs);
    }
  }

  #tell(node: NodeId, nowMs: number): void {
    const { latest, session, log } = this.parts;
    const sensors = latest.sensors(node);
    this.#expire(node, sensors, nowMs);
    this.#told.delete(node);
    this.#told.set(node, { atMs: nowMs, isDue: false, nextMs: nextOf(sensors, nowMs) });
    const telemetry = nodeTelemetryOf(sensors, nowMs);
    if (!telemetry || !session.connected) return;
    this.#underWay += 1;
    session
      .publish(nodeTelemetry, { node }, telemetry)
      .catch((error: unknown) => {
        if (!(error instanceof MessagingError)) throw error;
        log.debug({ code: error.code, node }, "not told; it is told again");
      })
      .finally(() => {
        this.#underWay -= 1;
      });
  }

  #expire(node: NodeId, sensors: ReadonlyMap<string, SensorTaken>, nowMs: number): void {
    for (const [sensor, one] of sensors) {
      if (isFresh(one, nowMs)) continue;
      const expired = this.#expired.get(node) ?? new Set();
      if (expired.has(sensor)) continue;
      this.#expired.set(node, expired.add(sensor));
      this.parts.expired(node, sensor);
    }
  }
}

/** When a node is told again where nothing new is read. */
function nextOf(sensors: ReadonlyMap<string, SensorTaken>, nowMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const one of sensors.values()) {
    if (!isFresh(one, nowMs)) continue;
    nextMs = Math.min(nextMs, nowMs + one.staleAfterMs / 3, one.takenMs + one.staleAfterMs + 1);
  }
  return nextMs;
}
