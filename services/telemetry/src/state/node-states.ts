import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { ConsoleStageState } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import {
  HEALTH,
  LIVENESS,
  MANAGEMENT,
  nodeStatus,
  type NodeEvent,
  type NodeStatus,
} from "@outrider/contracts/node";
import { HOST_VALUES, SUPPLY_VALUES, type PowerState } from "@outrider/contracts/power";
import type { Absence } from "@outrider/contracts/reading";
import type { HeartbeatReading } from "@outrider/contracts/reading-report";
import type { Session } from "@outrider/messaging/session";
import type { Happened } from "../events/event-log.js";
import type { Point } from "../store/store.js";
import type {
  HeartbeatTaken,
  PowerLeft,
  SensorTaken,
  TelemetryListener,
} from "../telemetry-listener.js";
import type { AlarmHealth } from "./alarm-health.js";
import { HeardPower } from "./heard-power.js";
import { HeartbeatTurns, type HeartbeatTurn } from "./heartbeat-turns.js";
import { isFresh, type Latest, type LastHeartbeat } from "./latest.js";
import { canLook, livenessOf, type Look } from "./liveness.js";
import type { Management } from "./management.js";
import { panicOf } from "./panic.js";

const LOOK_EVERY = seconds(1);
/** Age at which a status is stale. */
const STALE_AFTER_MS = 60_000;
const REPEAT_EVERY_MS = STALE_AFTER_MS / 3;
/** What is stored on change is stored so often without. */
const STORE_EVERY_MS = 60_000;

type Said = Pick<NodeStatus, "management" | "liveness" | "health">;

interface Told {
  readonly said: Said;
  readonly atMs: number;
}

interface Known {
  told: Told | undefined;
  stored: { readonly code: string; readonly atMs: number } | undefined;
  readonly power: HeardPower;
  /** How far the machine has come, as its console shows. */
  stage: ConsoleStageState | undefined;
  /** Whether it was told that it is silent, so that its return is news. */
  toldSilent: boolean;
  readonly turns: Map<string, HeartbeatTurns>;
}

interface NodeStatesParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly latest: Latest;
  readonly management: Management;
  readonly alarms: AlarmHealth;
  readonly livenessChanged: (node: NodeId, liveness: NodeStatus["liveness"]) => void;
  readonly powerExpired: (node: NodeId, left: PowerLeft) => void;
  /** Writes down what happened and tells it, also when the broker comes back only later. */
  readonly happened: (happened: Happened) => void;
  readonly store: (points: readonly Point[]) => void;
}

/** Says of every node whether it can be managed, lives and is well, and tells when heartbeats miss or come back. */
export class NodeStates implements TelemetryListener {
  readonly #nodes = new Map<NodeId, Known>();
  #stopLooking: (() => void) | undefined;

  constructor(private readonly parts: NodeStatesParts) {
    parts.alarms.onChange((node) => this.judge(node));
  }

  start(): void {
    this.#stopLooking = this.parts.clock.every(LOOK_EVERY, () => this.#look());
  }

  stop(): void {
    this.#stopLooking?.();
  }

  /** A node is part of the site; or is no more, and what was published of it is cleared. */
  described(node: NodeId, isThere: boolean): void {
    if (isThere) return this.judge(node);
    this.#nodes.delete(node);
    this.parts.session.retain(nodeStatus, { node }, undefined);
  }

  /** @param receivedMs by our monotonic clock */
  powerSeen(node: NodeId, power: PowerState | undefined, receivedMs: number): void {
    if (!this.parts.management.knows(node)) return;
    this.#known(node).power.heard(power, receivedMs);
    this.judge(node);
  }

  stageSeen(node: NodeId, stage: ConsoleStageState | undefined): void {
    if (this.parts.management.knows(node)) this.#known(node).stage = stage;
  }

  heartbeatRead({ node, heartbeat, look, takenMs }: HeartbeatTaken): void {
    if (!this.parts.management.knows(node)) return;
    const turn = this.#turns(node, heartbeat).read(
      look.alive,
      takenMs,
      this.#isSilenceExpected(node),
    );
    if (turn) this.#tellTurn(node, heartbeat, turn, look.proves);
    this.judge(node);
  }

  /** Decides anew, and tells what is another than before, or was told too long ago. */
  judge(node: NodeId): void {
    const { management, clock, session } = this.parts;
    if (!management.knows(node)) return;
    const nowMs = clock.monotonicMs();
    const known = this.#known(node);
    const looks = [...this.parts.latest.heartbeats(node).values()].map(lookOf);
    const said: Said = {
      management: management.of(node),
      liveness: livenessOf(looks, nowMs),
      health: this.#healthOf(node, known, nowMs),
    };
    const { told } = known;
    const isNews =
      told?.said.management !== said.management ||
      told.said.liveness !== said.liveness ||
      told.said.health !== said.health;
    if (isNews || nowMs - told.atMs >= REPEAT_EVERY_MS) {
      known.told = { said, atMs: nowMs };
      session.retain(
        nodeStatus,
        { node },
        { ...said, observedAt: timestamp(clock), staleAfterMs: STALE_AFTER_MS },
      );
    }
    if (told?.said.liveness !== said.liveness) this.#turned(node, known, told?.said, said);
    this.#store(node, known, said, nowMs);
  }

  #look(): void {
    const { management, latest, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    for (const node of management.nodes()) {
      const { power } = this.#known(node);
      if (power.expire(nowMs)) {
        const { fault } = power;
        this.parts.powerExpired(node, {
          supply: power.supply(nowMs),
          host: power.host(nowMs),
          fault,
          problem: power.seen(nowMs).problem,
        });
      }
      for (const [heartbeat, last] of latest.heartbeats(node)) {
        if (canLook(lookOf(last), nowMs)) continue;
        // An agent that is away is told of itself.
        const isExpected = this.#isSilenceExpected(node) || !management.isThere(last.agent);
        const turn = this.#turns(node, heartbeat).expire(nowMs, isExpected);
        if (turn) this.#tellTurn(node, heartbeat, turn, last.look.proves);
      }
      this.judge(node);
    }
  }

  #turned(node: NodeId, known: Known, before: Said | undefined, now: Said): void {
    this.parts.livenessChanged(node, now.liveness);
    if (now.liveness === "Alive" && known.toldSilent) {
      known.toldSilent = false;
      this.#tell(node, "notice", "node-alive", `${node} gives signs of life again`);
    }
    if (now.liveness !== "Silent" || before?.liveness !== "Alive") return;
    if (this.#isSilenceExpected(node)) return;
    known.toldSilent = true;
    this.#tell(
      node,
      "warning",
      "node-silent",
      `${node} gives no sign of life although it should run; look at its console`,
    );
  }

  #tellTurn(node: NodeId, heartbeat: string, turn: HeartbeatTurn, proves: string): void {
    const what = {
      missed: `heartbeat ${heartbeat} (${proves}) was looked for and not found`,
      late: `heartbeat ${heartbeat} (${proves}) could not be looked at for too long`,
      returned: `heartbeat ${heartbeat} (${proves}) is there again`,
    }[turn];
    const severity = turn === "returned" ? "info" : "notice";
    this.#tell(node, severity, `heartbeat-${turn}`, what, { heartbeat, proves });
  }

  #tell(
    node: NodeId,
    severity: NodeEvent["severity"],
    kind: string,
    message: string,
    data?: Record<string, unknown>,
  ): void {
    const at = timestamp(this.parts.clock);
    this.parts.happened({ subject: `node:${node}`, at, severity, kind, message, data });
  }

  /** Faults and alarms make a node unwell; where nobody looks, nobody knows. */
  #healthOf(node: NodeId, { power }: Known, nowMs: number): NodeStatus["health"] {
    if (power.fault !== undefined) return "Critical";
    const worst = this.parts.alarms.of(node);
    if (worst !== undefined) return worst;
    const { latest } = this.parts;
    const sensors = [...latest.sensors(node).values()].filter(hasLooked);
    const looks = [...latest.heartbeats(node).values()].filter(({ look }) => hasSeen(look));
    return [...sensors, ...looks].some((one) => isFresh(one, nowMs)) ? "OK" : "Unknown";
  }

  /** What is off or was halted is silent by somebody's will; what died is not. */
  #isSilenceExpected(node: NodeId): boolean {
    const known = this.#nodes.get(node);
    if (!known) return false;
    const seen = known.power.seen(this.parts.clock.monotonicMs());
    if (seen.supply === "Off") return true;
    return seen.host === "Halted" && panicOf(seen, known.stage) === undefined;
  }

  #store(node: NodeId, known: Known, said: Said, nowMs: number): void {
    const fields = {
      supply: SUPPLY_VALUES.indexOf(known.power.supply(nowMs)),
      host: HOST_VALUES.indexOf(known.power.host(nowMs)),
      management: MANAGEMENT.indexOf(said.management),
      liveness: LIVENESS.indexOf(said.liveness),
      health: HEALTH.indexOf(said.health),
    };
    const code = Object.values(fields).join(" ");
    const { stored } = known;
    if (stored?.code === code && nowMs - stored.atMs < STORE_EVERY_MS) return;
    known.stored = { code, atMs: nowMs };
    const atMs = this.parts.clock.now().getTime();
    this.parts.store([{ measurement: "node_state", tags: { node }, atMs, fields }]);
  }

  #known(node: NodeId): Known {
    let known = this.#nodes.get(node);
    if (!known) {
      known = {
        told: undefined,
        stored: undefined,
        power: new HeardPower(),
        stage: undefined,
        toldSilent: false,
        turns: new Map(),
      };
      this.#nodes.set(node, known);
    }
    return known;
  }

  #turns(node: NodeId, heartbeat: string): HeartbeatTurns {
    const { turns } = this.#known(node);
    let found = turns.get(heartbeat);
    if (!found) turns.set(heartbeat, (found = new HeartbeatTurns()));
    return found;
  }
}

function lookOf({ look, takenMs, aliveMs, staleAfterMs }: LastHeartbeat): Look {
  return { proves: look.proves, alive: look.alive, takenMs, aliveMs, staleAfterMs };
}

/** A device that did not answer has seen nothing; that it is off, or not there, is something seen. */
function isAnswer(absence: Absence | undefined): boolean {
  return absence === "DeviceOff" || absence === "NotPresent";
}

function hasLooked({ values, absent }: SensorTaken): boolean {
  return Object.keys(values).length > 0 || Object.values(absent).some(isAnswer);
}

function hasSeen({ alive, absent }: HeartbeatReading): boolean {
  return alive !== undefined || isAnswer(absent);
}
