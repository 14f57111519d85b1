import { agentDesired, type AgentDesired } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import { isAgentId, type AgentId, type NodeId } from "@outrider/contracts/ids";
import {
  agentReading,
  type AgentReadings,
  type EndpointReading,
} from "@outrider/contracts/reading-report";
import type { Log } from "@outrider/messaging/log";
import type { Meta, Received, Refused, Session } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { Declared, DeclaredSource } from "../declared.js";
import type { Latest } from "../state/latest.js";
import type { Point } from "../store/store.js";
import type { DroppedReadings, TelemetryListeners } from "../telemetry-listener.js";
import { Acknowledgements } from "./acknowledgements.js";
import { AgentLine } from "./agent-line.js";
import { takenAtMs } from "./clock-offset.js";
import type { IntakeCounts, Refusal } from "./counts.js";
import type { PointWriter } from "./point-writer.js";
import { pointsOf, sorted } from "./points-of.js";
import { salvage, type LostReadings } from "./salvage.js";
import type { RememberedSpools } from "./remembered-spools.js";
import type { SpoolOrder } from "./spool-order.js";

type OfAgent = { readonly agent: string };

/** A calendar that jumps all the time fills no log. */
const LOG_STEP_EVERY_MS = 60_000;
/** What an agent was told to be only now may reach it before it reaches us by so long. */
const GRACE_MS = 5000;
/** So long after inventory is there, what it says agents are to be has been heard of all that there are. */
const NOBODY_MS = 60_000;

interface IntakeParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly log: Log;
  readonly declared: Declared;
  readonly latest: Latest;
  readonly listeners: TelemetryListeners;
  readonly writer: PointWriter;
  readonly remembered: RememberedSpools;
  readonly counts: IntakeCounts;
  /** What nodes have is another than before. */
  readonly redeclared: (nodes: ReadonlySet<NodeId>) => void;
}

/**
 * Takes what agents read: stores it in the order of each agent's numbers, acknowledges what the store has, and tells
 * what is of now. Nothing is acknowledged that is not kept, and nothing is kept here that the store has no room for: the
 * agents keep it and send it again.
 */
export class Intake {
  readonly #lines = new Map<AgentId, AgentLine>();
  readonly #acknowledgements: Acknowledgements;
  /**
   * Agents of which it has been heard on this connection what they are to be, and since when each sends what is not
   * part of that, by our monotonic clock.
   */
  readonly #heard = new Map<AgentId, { strangeMs: number | undefined }>();
  /** Of agents of which nothing has been heard on this connection, since when each sends. */
  readonly #unheard = new Map<AgentId, number>();
  /** Since when inventory is there on this connection. */
  #inventoryMs: number | undefined;
  /** Agents that are to have anything. */
  readonly #withDuties = new Set<AgentId>();
  /** Agents whose messages cannot be read, and when the last one came. */
  readonly #unreadable = new Map<string, number>();

  constructor(private readonly parts: IntakeParts) {
    this.#acknowledgements = new Acknowledgements(parts);
    parts.session.onDisconnect(() => {
      this.#heard.clear();
      this.#unheard.clear();
      this.#inventoryMs = undefined;
    });
  }

  /** @throws StorageError */
  async load(): Promise<void> {
    const { spools, offsets } = await this.parts.remembered.load();
    for (const [agent, offsetMs] of offsets) this.#line(agent, offsetMs);
    for (const { agent, spool, stored } of spools) this.#line(agent).restore(spool, stored);
  }

  /** How far the calendars of agents on which something hangs are ahead, in milliseconds. */
  *offsets(): Generator<readonly [AgentId, number]> {
    for (const [agent, { offset }] of this.#lines) {
      if (this.#withDuties.has(agent)) yield [agent, offset.ms];
    }
  }

  /** What is wrong, in sentences. */
  *problems(): Generator<string> {
    const { clock } = this.parts;
    for (const [agent, atMs] of this.#unreadable) {
      if (clock.monotonicMs() - atMs > 60_000) this.#unreadable.delete(agent);
      else
        yield `agent ${agent} sends readings that cannot be read; its release may be another one`;
    }
  }

  @OnMessage(agentDesired, { cleared: "noMore" })
  desired({ payload, parameters: { agent } }: Received<AgentDesired, OfAgent>): void {
    if (isAgentId(agent)) this.#declare(agent, payload);
  }

  noMore({ parameters: { agent } }: Meta<OfAgent>): void {
    if (isAgentId(agent)) this.#declare(agent, undefined);
  }

  @OnMessage(serviceStatus)
  service({ payload, parameters }: Received<ServiceStatus, { readonly service: string }>): void {
    if (parameters.service !== "inventory") return;
    const isThere = payload.state === "ready";
    if (!isThere) this.#inventoryMs = undefined;
    else this.#inventoryMs ??= this.parts.clock.monotonicMs();
  }

  @OnMessage(agentReading, { retained: "drop", refused: "unreadable" })
  readings({ payload, parameters: { agent }, receivedMs }: Received<AgentReadings, OfAgent>): void {
    if (isAgentId(agent)) this.#batch(this.#line(agent), payload, receivedMs, {});
  }

  /** What of it can be read is taken like any other, so that it does not hold up those behind it. */
  unreadable(
    _: unknown,
    { parameters: { agent }, bytes, refusal, receivedMs }: Refused<OfAgent>,
  ): void {
    this.#refuse("malformed", 1);
    this.#unreadable.set(agent, this.parts.clock.monotonicMs());
    if (!isAgentId(agent)) return;
    const salvaged = salvage(bytes, refusal, this.parts.clock.now().toISOString());
    if (!salvaged) return;
    const { batch, hasTime, lost } = salvaged;
    this.#batch(this.#line(agent), batch, receivedMs, { lost, hasTime });
  }

  #batch(
    line: AgentLine,
    payload: AgentReadings,
    receivedMs: number,
    {
      lost,
      hasTime = true,
    }: { readonly lost?: LostReadings | undefined; readonly hasTime?: boolean },
  ): void {
    const { agent } = line;
    const { clock, writer } = this.parts;
    const nowMs = clock.now().getTime() - (clock.monotonicMs() - receivedMs);
    line.epoch = payload.epoch;
    if (hasTime && line.offset.seen(Date.parse(payload.at) - nowMs, receivedMs)) this.#step(line);
    if (hasTime && !line.clockTold) {
      line.clockTold = true;
      this.parts.listeners.clockSeen(agent, line.offset.ms / 1000);
    }
    const sources = payload.readings.map(({ endpoint }) => this.#source(agent, endpoint));
    const points = this.#take(line, payload, sources, nowMs, receivedMs);
    const { spool, seq, oldest } = payload;
    if (spool === undefined) {
      // Of an agent that keeps nothing.
      writer.put(points());
      return;
    }
    line.spoolId = spool;
    const order = line.spool(spool, Math.min(oldest ?? seq, seq));
    switch (order.judge(seq, oldest)) {
      case "next":
        // What cannot be given its time or its name yet is sent again.
        if (line.settling || line.offset.isDoubtful || sources.includes("unknown")) return;
        return this.#store(line, spool, order, payload, points(), lost);
      case "under-way":
        return;
      case "stored":
      case "early":
        return this.#acknowledgements.repeat(line, spool, order);
    }
  }

  #store(
    line: AgentLine,
    spool: string,
    order: SpoolOrder,
    { seq, readings, dropped }: AgentReadings,
    points: readonly Point[],
    lost: LostReadings | undefined,
  ): void {
    const { writer, counts } = this.parts;
    const isTaken = writer.offer(points, (kept) => {
      if (!kept) return order.failed(seq);
      counts.readings.add({}, readings.length);
      if (!order.kept(seq)) return undefined;
      line.keep(spool, order);
      if (dropped) this.#lost(line, dropped);
      if (lost) this.#lost(line, lost);
      return this.#acknowledgements.advanced(line, spool, order);
    });
    if (isTaken) order.accept();
  }

  #lost({ agent }: AgentLine, lost: DroppedReadings): void {
    const { counts, listeners, log } = this.parts;
    counts.lost.add({}, lost.readings);
    listeners.readingsLost(agent, lost);
    log.warn(
      { agent, ...lost },
      lost.why === undefined
        ? "an agent could not keep all of its readings until they were stored; give it more room, or look why it was away"
        : "readings of an agent cannot be read and are lost; bring the agent and this service to the same release",
    );
  }

  /** Tells what is of now. @returns what makes the points of all that is to be stored */
  #take(
    line: AgentLine,
    payload: AgentReadings,
    sources: readonly (DeclaredSource | "unknown" | undefined)[],
    nowMs: number,
    receivedMs: number,
  ): () => Point[] {
    const taken = payload.readings.map((reading, at) => {
      const source = sources[at];
      if (source === undefined || source === "unknown") return undefined;
      const atMs = takenAtMs(reading, payload.at, line.offset.ms, nowMs);
      if (atMs === undefined) return undefined;
      const sort = sorted(reading);
      const takenMs = receivedMs - reading.ageMs;
      if (reading.ageMs <= source.staleAfterMs) {
        this.#tell(source, reading, sort, atMs, takenMs);
      }
      return { source, reading, sort, atMs };
    });
    return () => {
      this.#refuse("not-declared", sources.filter((source) => source === undefined).length);
      const impossible = taken.filter((one, at) => !one && sources[at] !== undefined).length;
      this.#refuse("impossible-time", impossible);
      return taken.flatMap((one) => {
        if (!one) return [];
        this.#refuse("impossible-value", one.sort.refused);
        return pointsOf(one.source, one.reading, one.sort, one.atMs);
      });
    };
  }

  #tell(
    source: DeclaredSource,
    reading: EndpointReading,
    { values, absent }: ReturnType<typeof sorted>,
    atMs: number,
    takenMs: number,
  ): void {
    const { latest, listeners } = this.parts;
    if (!latest.isNews(source, { atMs, takenMs })) return;
    const { node, agent, name, staleAfterMs } = source;
    const { problem, heartbeat } = reading;
    const common = { node, agent, atMs, takenMs, staleAfterMs, problem };
    if (source.kind === "sensor") {
      const read = { ...common, sensor: name, values, absent };
      latest.sensorRead(read);
      listeners.sensorRead(read);
    } else if (heartbeat) {
      const read = { ...common, heartbeat: name, look: heartbeat };
      latest.heartbeatRead(read);
      listeners.heartbeatRead(read);
    }
  }

  #declare(agent: AgentId, desired: AgentDesired | undefined): void {
    this.#heard.set(agent, { strangeMs: undefined });
    this.#unheard.delete(agent);
    this.parts.redeclared(this.parts.declared.declare(agent, desired));
    const hasDuties = (desired?.endpoints.length ?? 0) > 0;
    if (hasDuties) this.#withDuties.add(agent);
    else this.#withDuties.delete(agent);
    this.parts.listeners.agentDeclared(agent, hasDuties);
    // Of one that was gone meanwhile nobody knows it any more.
    const line = this.#lines.get(agent);
    if (line) line.clockTold = false;
  }

  /**
   * Unknown: it has not been heard what this agent is to be, or not long enough ago to judge by. Undefined: the agent
   * has no such endpoint.
   */
  #source(
    agent: AgentId,
    endpoint: EndpointReading["endpoint"],
  ): DeclaredSource | "unknown" | undefined {
    const source = this.parts.declared.source(endpoint);
    if (source?.agent === agent) return source;
    const heard = this.#heard.get(agent);
    if (!heard) return this.#isNobody(agent) ? undefined : "unknown";
    const nowMs = this.parts.clock.monotonicMs();
    heard.strangeMs ??= nowMs;
    return nowMs - heard.strangeMs >= GRACE_MS ? undefined : "unknown";
  }

  /**
   * Whether an agent is in no site, as one that was removed while this service was away: nobody says what it is to be
   * although inventory has been there for long enough. What it reads is of nobody, and it need not keep it.
   */
  #isNobody(agent: AgentId): boolean {
    const { clock, log } = this.parts;
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#unheard.get(agent) ?? nowMs;
    this.#unheard.set(agent, sinceMs);
    const inventoryMs = this.#inventoryMs ?? nowMs;
    if (nowMs - Math.max(sinceMs, inventoryMs) < NOBODY_MS) return false;
    this.#heard.set(agent, { strangeMs: sinceMs });
    const message =
      "an agent that is in no site sends readings, which are not stored; add it to the site, or end it";
    log.warn({ agent }, message);
    return true;
  }

  /** The agent's calendar is off by something else than before. */
  #step(line: AgentLine): void {
    const { remembered, log, clock } = this.parts;
    const offsetSeconds = line.offset.ms / 1000;
    const nowMs = clock.monotonicMs();
    if (nowMs - line.stepLoggedMs >= LOG_STEP_EVERY_MS) {
      line.stepLoggedMs = nowMs;
      log.warn({ agent: line.agent, offsetSeconds }, "the calendar of an agent is another one now");
    }
    line.settling = true;
    void remembered.keepOffset(line.agent, line.offset.ms).then(() => {
      line.settling = false;
    });
    line.clockTold = false;
  }

  #line(agent: AgentId, offsetMs = 0): AgentLine {
    let line = this.#lines.get(agent);
    if (!line) {
      line = new AgentLine(agent, offsetMs, this.parts.remembered);
      this.#lines.set(agent, line);
    }
    return line;
  }

  #refuse(why: Refusal, count: number): void {
    if (count > 0) this.parts.counts.refused.add({ why }, count);
  }
}
