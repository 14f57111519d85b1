import {
  POWER_COMMAND_ACT,
  searchAudit,
  type AuditPage,
  type AuditRecord,
  type AuditSearch,
} from "@outrider/contracts/audit";
import { seconds, type Clock } from "@outrider/contracts/clock";
import { COMMAND_STATUSES, type CommandStatus } from "@outrider/contracts/power";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import type { RequestClient } from "@outrider/messaging/request-client";
import { RequestError } from "@outrider/messaging/request-error";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { isStorageError } from "@outrider/storage/storage-error";
import type { EventLog } from "./event-log.js";
import { powerResultOf } from "./power-results.js";

/** What was written down last may be of a while before this service stopped hearing. */
const MARGIN_MS = 600_000;
/** The power service remembers commands for so long. */
const LONGEST_MS = 7 * 86_400_000;
const PAGE = 100;
/** Beyond that the oldest are not caught up with. */
const MOST_PAGES = 50;
const AGAIN = seconds(10);

export interface CatchUpParts {
  readonly events: Pick<EventLog, "append" | "events">;
  readonly clock: Clock;
  readonly log: Log;
  readonly asking: Pick<RequestClient, "ask">;
  readonly defect: (error: unknown) => void;
}

/**
 * Outcomes of power commands that were told while this service, or the broker, was away: the power service has them in
 * its audit log, and is asked whenever it is heard of anew.
 */
export class CatchUp {
  readonly #stopped = new AbortController();
  /** Since when something may have been missed, in milliseconds since 1970 UTC. */
  #sinceMs: number | undefined;
  #running = false;

  constructor(private readonly parts: CatchUpParts) {}

  /** Finds out when this service heard something last. @throws StorageError */
  async start(): Promise<void> {
    const { events, clock } = this.parts;
    const { signal } = this.#stopped;
    const { events: newest } = await events.events({ limit: 1 }, signal);
    const [last] = newest;
    // Where nothing is written down yet, nothing was missed.
    if (last) this.#sinceMs = Math.min(Date.parse(last.at), clock.now().getTime());
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** The broker went away. */
  disconnected(): void {
    this.#sinceMs ??= this.parts.clock.now().getTime();
  }

  @OnMessage(serviceStatus)
  service({
    payload: { state },
    parameters: { service },
  }: Received<ServiceStatus, { readonly service: string }>): void {
    const isThere = service === "power" && (state === "ready" || state === "degraded");
    if (!isThere || this.#running || this.#sinceMs === undefined) return;
    this.#running = true;
    this.#run()
      .catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) this.parts.defect(error);
      })
      .finally(() => {
        this.#running = false;
      });
  }

  async #run(): Promise<void> {
    const { clock, log } = this.parts;
    const { signal } = this.#stopped;
    for (;;) {
      const sinceMs = this.#sinceMs;
      if (sinceMs === undefined) return;
      this.#sinceMs = undefined;
      try {
        await this.#catchUp(sinceMs, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#sinceMs = sinceMs;
        if (!isPassing(error)) throw error;
        log.debug({ code: error.code }, "what was missed of power commands is asked for again");
        await clock.sleep(AGAIN, signal);
      }
    }
  }

  async #catchUp(sinceMs: number, signal: AbortSignal): Promise<void> {
    const { events, clock, log } = this.parts;
    const fromMs = Math.max(sinceMs - MARGIN_MS, clock.now().getTime() - LONGEST_MS);
    const since = new Date(fromMs).toISOString();
    const records = await this.#records(since, signal);
    const known = new Set<string>();
    const heard = await events.events(
      { kinds: ["power-result"], from: since, limit: 10_000 },
      signal,
    );
    for (const { node = "", data = {} } of heard.events)
      known.add(`${node} ${String(data["actor"])} ${String(data["id"])}`);
    let missed = 0;
    // Newest first: the log is written in the order of time.
    for (const record of records.toReversed()) {
      const result = resultOf(record);
      if (!result || known.has(`${record.subject} ${record.actor} ${result.id}`)) continue;
      missed += 1;
      await events.append(powerResultOf(record.subject, { ...result, endedAt: record.at }));
    }
    if (missed > 0)
      log.info({ missed }, "results of power commands that were missed are in the log");
  }

  async #records(since: string, signal: AbortSignal): Promise<AuditRecord[]> {
    const records: AuditRecord[] = [];
    let before: number | undefined;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const page = await this.#page(
        { act: POWER_COMMAND_ACT, since, limit: PAGE, ...(before === undefined ? {} : { before }) },
        signal,
      );
      records.push(...page.records);
      before = page.next;
      if (before === undefined) break;
    }
    return records;
  }

  #page(asked: AuditSearch, signal: AbortSignal): Promise<AuditPage> {
    return this.parts.asking.ask(searchAudit.power, asked, {
      actor: "service:telemetry",
      via: "policy",
      signal,
    });
  }
}

/** The broker, the power service or the database may be back by the next time. */
function isPassing(error: unknown): error is { readonly code: string } & Error {
  if (isStorageError(error)) return error.code !== "programming";
  return error instanceof RequestError || error instanceof MessagingError;
}

function resultOf(
  record: AuditRecord,
): Omit<Parameters<typeof powerResultOf>[1], "endedAt"> | undefined {
  const { stage, data = {}, actor, via } = record;
  const { id, action, status, reasonCode } = data;
  if (stage !== "outcome" || typeof id !== "string" || !isStatus(status)) return undefined;
  return {
    id,
    status,
    actor,
    via,
    ...(typeof action === "string" ? { action } : {}),
    ...(typeof reasonCode === "string" ? { reasonCode } : {}),
  };
}

function isStatus(word: unknown): word is CommandStatus {
  return (COMMAND_STATUSES as readonly unknown[]).includes(word);
}
