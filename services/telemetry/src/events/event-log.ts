import { hours, timestamp, type Clock } from "@outrider/contracts/clock";
import type { NodeEvent } from "@outrider/contracts/node";
import type { NodeId } from "@outrider/contracts/ids";
import type { EventsAsked, LoggedEvent, LoggedEvents } from "@outrider/contracts/telemetry-pages";
import { mintId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import type { Storage } from "@outrider/storage/storage";
import { fromJson, toJson } from "@outrider/storage/values";
import type { Ledger } from "../alarms/ledger.js";
import { nodeOfSubject } from "../alarms/alarm.js";
import type { Point } from "../store/store.js";
import { NodeEvents } from "./node-events.js";

/** What is older, or beyond the newest so many, goes. */
const KEPT_MS = 90 * 86_400_000;
const MOST_KEPT = 200_000;
const PRUNE = hours(1);
/** Ids by which the same event is known again without asking the database. */
const REMEMBERED_IDS = 10_000;
/** More nodes than this are looked for one row after another. */
const MOST_NAMED = 5000;
const ROWS = 2000;

/** Something that happened. */
export interface Happened {
  /** The same id is the same event. Minted when left out. */
  readonly id?: string | undefined;
  /** RFC 3339. Default: now. */
  readonly at?: string | undefined;
  /** `node:n1`, `agent:rack-a`, `domain:psu-a`, `service:telemetry` */
  readonly subject: string;
  readonly severity: NodeEvent["severity"];
  readonly kind: string;
  readonly message: string;
  readonly data?: Record<string, unknown> | undefined;
}

interface Row {
  readonly seq: number;
  readonly at_ms: number;
  readonly subject: string;
  readonly node: string | null;
  readonly severity: NodeEvent["severity"];
  readonly kind: string;
  readonly message: string;
  readonly data: string | null;
}

export interface EventLogParts {
  readonly storage: Storage;
  readonly ledger: Ledger;
  readonly session: Session;
  readonly clock: Clock;
  /** Also stored among what is measured. */
  readonly put: (points: readonly Point[]) => void;
  /** Default: {@link MOST_KEPT}. */
  readonly mostKept?: number;
}

/** What happened, kept over restarts and bounded by age and number. */
export class EventLog {
  readonly #recent = new Set<string>();
  readonly #own: NodeEvents;
  readonly #listeners = new Set<() => void>();
  #seq = 0;
  #stopPruning: (() => void) | undefined;

  constructor(private readonly parts: EventLogParts) {
    this.#own = new NodeEvents(parts.session, parts.clock);
  }

  /** @throws StorageError */
  async start(): Promise<void> {
    const last = await this.parts.storage.get<{ seq: number | null }>(
      "SELECT MAX(seq) AS seq FROM telemetry_events",
    );
    this.#seq = last?.seq ?? 0;
    this.#prune();
    this.#stopPruning = this.parts.clock.every(PRUNE, () => this.#prune());
  }

  stop(): void {
    this.#stopPruning?.();
    this.#own.stop();
  }

  /** Is told when something was written down. */
  onAppended(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Writes down what was heard. Resolves when it is written, see {@link Ledger.put}. */
  async append(happened: Happened): Promise<void> {
    const { id = mintId(), at = timestamp(this.parts.clock), subject, severity, kind } = happened;
    if (this.#recent.has(id)) return;
    this.#recent.add(id);
    if (this.#recent.size > REMEMBERED_IDS) {
      for (const oldest of this.#recent) {
        this.#recent.delete(oldest);
        break;
      }
    }
    const node = nodeOfSubject(subject);
    const message = happened.message.slice(0, 1000);
    const atMs = Date.parse(at);
    if (node !== undefined) {
      const tags = { node, kind, severity };
      this.parts.put([
        { measurement: "node_event", tags, atMs, fields: { count: 1 }, text: message },
      ]);
    }
    await this.parts.ledger.put([
      {
        sql: `INSERT INTO telemetry_events (seq, id, at_ms, subject, node, severity, kind, message, data)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
        params: [
          ++this.#seq,
          id,
          atMs,
          subject,
          node ?? null,
          severity,
          kind,
          message,
          happened.data === undefined ? null : toJson(happened.data),
        ],
      },
    ]);
    for (const listener of this.#listeners) listener();
  }

  /** Writes down what this service has found, then says it on the bus where it is of a node. */
  async happened(happened: Happened): Promise<void> {
    const event: NodeEvent = {
      id: happened.id ?? mintId(),
      at: happened.at ?? timestamp(this.parts.clock),
      severity: happened.severity,
      kind: happened.kind,
      message: happened.message.slice(0, 1000),
      ...(happened.data ? { data: happened.data } : {}),
    };
    await this.append({ ...happened, ...event });
    const node = nodeOfSubject(happened.subject);
    if (node !== undefined) this.#own.tell(node as NodeId, event);
  }

  /** Newest first. @throws StorageError; the signal's reason */
  async events(asked: EventsAsked, signal: AbortSignal): Promise<LoggedEvents> {
    const { nodes, limit } = asked;
    const found: Row[] = [];
    const named = nodes && nodes.length <= MOST_NAMED ? nodes : undefined;
    const wanted = nodes && !named ? new Set<string>(nodes) : undefined;
    if (nodes?.length === 0) return { events: [] };
    let { before } = asked;
    for (;;) {
      signal.throwIfAborted();
      const rows = await this.#rows({ ...asked, before, nodes: named }, wanted ? ROWS : limit + 1);
      const fitting = wanted ? rows.filter(({ node }) => node !== null && wanted.has(node)) : rows;
      found.push(...fitting);
      before = rows.at(-1)?.seq;
      if (!wanted || rows.length < ROWS || found.length > limit) break;
    }
    const events = found.slice(0, limit);
    const last = events.at(-1);
    return {
      events: events.map(toEvent),
      ...(found.length > limit && last ? { next: last.seq } : {}),
    };
  }

  #rows(
    {
      nodes,
      kinds,
      severities,
      from,
      to,
      before,
      after,
    }: Omit<EventsAsked, "limit" | "nodes" | "before"> & {
      readonly nodes: readonly string[] | undefined;
      readonly before: number | undefined;
    },
    limit: number,
  ): Promise<Row[]> {
    const conditions: string[] = [];
    const params: (string | number)[] = [];
    const among = (column: string, values: readonly string[] | undefined): void => {
      if (!values) return;
      conditions.push(
        values.length === 0 ? "1 = 0" : `${column} IN (${values.map(() => "?").join(", ")})`,
      );
      params.push(...values);
    };
    const compared = (condition: string, value: number | undefined): void => {
      if (value === undefined) return;
      conditions.push(condition);
      params.push(value);
    };
    among("node", nodes);
    among("kind", kinds);
    among("severity", severities);
    compared("at_ms >= ?", from === undefined ? undefined : Date.parse(from));
    compared("at_ms < ?", to === undefined ? undefined : Date.parse(to));
    compared("seq < ?", before);
    compared("seq > ?", after);
    const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
    return this.parts.storage.all<Row>(
      `SELECT seq, at_ms, subject, node, severity, kind, message, data
        FROM telemetry_events ${where} ORDER BY seq DESC LIMIT ?`,
      [...params, limit],
    );
  }

  #prune(): void {
    const { ledger, clock, mostKept = MOST_KEPT } = this.parts;
    void ledger.put([
      {
        sql: "DELETE FROM telemetry_events WHERE at_ms < ? OR seq <= ?",
        params: [clock.now().getTime() - KEPT_MS, this.#seq - mostKept],
      },
    ]);
  }
}

function toEvent({ seq, at_ms, subject, node, severity, kind, message, data }: Row): LoggedEvent {
  return {
    seq,
    at: new Date(at_ms).toISOString(),
    subject,
    ...(node === null ? {} : { node }),
    severity,
    kind,
    message,
    ...(data === null ? {} : { data: fromJson<Record<string, unknown>>(data) }),
  };
}
