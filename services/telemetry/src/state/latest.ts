import type { Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import { isQuantity, QUANTITIES, type Quantity } from "@outrider/contracts/reading";
import type {
  LatestHeartbeat,
  LatestSensor,
  LatestValue,
  NodeSensors,
} from "@outrider/contracts/telemetry-pages";
import type { Declared, DeclaredSource } from "../declared.js";
import type { HeartbeatTaken, SensorTaken } from "../telemetry-listener.js";

/** The newest look of a heartbeat, and when it was heard last. */
export interface LastHeartbeat extends HeartbeatTaken {
  /** When it said `alive` last, by our monotonic clock. */
  readonly aliveMs: number | undefined;
}

interface NodeLatest {
  readonly sensors: Map<string, SensorTaken>;
  readonly heartbeats: Map<string, LastHeartbeat>;
}

/** Times of one calendar against the monotonic clock differ by no more, however long messages are on their way. */
const SAME_CALENDAR_MS = 5000;

/** What every sensor and heartbeat said last. Bounded by what is declared. */
export class Latest {
  readonly #nodes = new Map<NodeId, NodeLatest>();

  constructor(private readonly clock: Pick<Clock, "monotonicMs">) {}

  /**
   * Whether a reading is newer than what is known. The monotonic clock decides, so that no calendar that is set back
   * makes what is new look old. It knows the time only as well as messages are quick: where the calendar has gone on
   * like it, the calendar says which of two readings is the older one, and that one that is sent twice is the same.
   */
  isNews(
    { node, kind, name }: Pick<DeclaredSource, "node" | "kind" | "name">,
    { atMs, takenMs }: Pick<SensorTaken, "atMs" | "takenMs">,
  ): boolean {
    const known = this.#nodes.get(node);
    const last = kind === "sensor" ? known?.sensors.get(name) : known?.heartbeats.get(name);
    if (last === undefined) return true;
    const [byCalendarMs, byClockMs] = [atMs - last.atMs, takenMs - last.takenMs];
    const isSameCalendar = Math.abs(byCalendarMs - byClockMs) <= SAME_CALENDAR_MS;
    return (isSameCalendar ? byCalendarMs : byClockMs) > 0;
  }

  sensorRead(reading: SensorTaken): void {
    this.#of(reading.node).sensors.set(reading.sensor, reading);
  }

  heartbeatRead(reading: HeartbeatTaken): void {
    const { heartbeats } = this.#of(reading.node);
    const aliveMs =
      reading.look.alive === true ? reading.takenMs : heartbeats.get(reading.heartbeat)?.aliveMs;
    heartbeats.set(reading.heartbeat, { ...reading, aliveMs });
  }

  sensors(node: NodeId): ReadonlyMap<string, SensorTaken> {
    return this.#nodes.get(node)?.sensors ?? new Map<string, SensorTaken>();
  }

  heartbeats(node: NodeId): ReadonlyMap<string, LastHeartbeat> {
    return this.#nodes.get(node)?.heartbeats ?? new Map<string, LastHeartbeat>();
  }

  /** Forgets what is not declared any more. @returns the sensors of it */
  prune(node: NodeId, declared: Pick<Declared, "of">): string[] {
    const known = this.#nodes.get(node);
    if (!known) return [];
    const before = [...known.sensors.keys()];
    const sources = declared.of(node);
    for (const [kind, all] of [
      ["sensor", known.sensors],
      ["heartbeat", known.heartbeats],
    ] as const) {
      for (const name of all.keys()) {
        if (!sources.some((one) => one.kind === kind && one.name === name)) all.delete(name);
      }
    }
    if (known.sensors.size === 0 && known.heartbeats.size === 0) this.#nodes.delete(node);
    return before.filter((sensor) => !known.sensors.has(sensor));
  }

  /** With ages as they are now; empty lists for a node that never said anything. */
  latest(node: string): NodeSensors {
    const id = node as NodeId;
    const nowMs = this.clock.monotonicMs();
    const byName = (
      [one]: readonly [string, unknown],
      [other]: readonly [string, unknown],
    ): number => (one < other ? -1 : 1);
    return {
      node: id,
      sensors: [...this.sensors(id)].toSorted(byName).map(([, one]) => sensorOf(one, nowMs)),
      heartbeats: [...this.heartbeats(id)]
        .toSorted(byName)
        .map(([, one]) => heartbeatOf(one, nowMs)),
    };
  }

  #of(node: NodeId): NodeLatest {
    let known = this.#nodes.get(node);
    if (!known) this.#nodes.set(node, (known = { sensors: new Map(), heartbeats: new Map() }));
    return known;
  }
}

export function isFresh(
  { takenMs, staleAfterMs }: Pick<SensorTaken, "takenMs" | "staleAfterMs">,
  nowMs: number,
): boolean {
  return nowMs - takenMs <= staleAfterMs;
}

function common(
  one: SensorTaken | HeartbeatTaken,
  nowMs: number,
): Pick<LatestSensor, "at" | "ageMs" | "staleAfterMs" | "stale" | "problem"> {
  return {
    at: new Date(one.atMs).toISOString(),
    ageMs: Math.max(0, Math.round(nowMs - one.takenMs)),
    staleAfterMs: one.staleAfterMs,
    stale: !isFresh(one, nowMs),
    ...(one.problem === undefined ? {} : { problem: one.problem }),
  };
}

function sensorOf(one: SensorTaken, nowMs: number): LatestSensor {
  const names = [...new Set([...Object.keys(one.values), ...Object.keys(one.absent)])];
  const values = names.filter(isQuantity).map((quantity: Quantity): LatestValue => {
    const [value, absent] = [one.values[quantity], one.absent[quantity]];
    return {
      quantity,
      unit: QUANTITIES[quantity].unit,
      ...(value === undefined ? {} : { value }),
      ...(value !== undefined || absent === undefined ? {} : { absent }),
    };
  });
  return { sensor: one.sensor, ...common(one, nowMs), values };
}

function heartbeatOf(one: HeartbeatTaken, nowMs: number): LatestHeartbeat {
  const { proves, alive, absent, tookMs, detail, bootId, uptimeSeconds } = one.look;
  return {
    heartbeat: one.heartbeat,
    proves,
    ...(alive === undefined ? {} : { alive }),
    ...(absent === undefined ? {} : { absent }),
    ...common(one, nowMs),
    ...(tookMs === undefined ? {} : { tookMs }),
    ...(detail === undefined ? {} : { detail }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(uptimeSeconds === undefined ? {} : { uptimeSeconds }),
  };
}
