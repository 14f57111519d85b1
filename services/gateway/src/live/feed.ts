import { milliseconds, seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { MirrorChange } from "../mirror/mirror.js";
import type { GatewayParts } from "../parts.js";
import { nodeView } from "../routes/node-view.js";
import type { Numbered } from "./happenings.js";
import type { LiveFilter } from "./live-filter.js";

/** One thing that is told. `id` only where a client that comes back can go on from it. */
export interface Told {
  readonly kind: string;
  readonly id?: string;
  readonly at?: string;
  readonly node?: string;
  readonly agent?: string;
  readonly service?: string;
  readonly data: object;
}

/** The way to one client. */
export interface Sink {
  send(told: Told): void;
  /** What was sent and has not left this process, in bytes. */
  readonly backlogBytes: number;
  /** Ends the connection because the client does not keep up. */
  drop(): void;
}

/** A client that leaves more unread is dropped: it would be shown what was long ago. */
const MAX_BACKLOG_BYTES = 4_194_304;
/** Changes of a node within this span are told as one. */
const GATHER = milliseconds(100);
/** Where only times have changed, so seldom: a console that talks is a change every second. */
const GATHER_QUIET = seconds(5);
const HEARTBEAT = seconds(15);
/** Nodes of the snapshot that are written before others get their turn. */
const CHUNK = 250;

/**
 * Tells one client what is and what happens: first the nodes as they are, then changes. Of a node only the last state
 * waits to be told, so that a slow client costs no more than one state per node.
 */
export class Feed implements Disposable {
  readonly #ended = new AbortController();
  readonly #changed = new Set<string>();
  readonly #undo: (() => void)[] = [];
  #gathering = false;
  #gatheringQuiet = false;

  constructor(
    private readonly parts: Pick<GatewayParts, "mirror" | "happenings" | "clock">,
    private readonly filter: LiveFilter,
    private readonly sink: Sink,
  ) {}

  /** @param lastId what the client has seen last, if it was here before */
  start(lastId: string | undefined): void {
    const { mirror, happenings, clock } = this.parts;
    const missed = lastId === undefined ? [] : happenings.since(lastId);
    this.#tell({
      kind: "hello",
      id: happenings.lastId,
      data: { now: timestamp(clock), start: happenings.start, missed: missed === undefined },
    });
    for (const happening of missed ?? []) this.#happened(happening);
    this.#undo.push(
      happenings.onAdded((happening) => this.#happened(happening)),
      mirror.onChange((change) => this.#change(change)),
      clock.every(HEARTBEAT, () =>
        this.#tell({ kind: "heartbeat", data: { now: timestamp(clock) } }),
      ),
    );
    this.#snapshot(clock).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    for (const undo of this.#undo.splice(0)) undo();
  }

  async #snapshot(clock: Clock): Promise<void> {
    const { mirror } = this.parts;
    if (this.filter.kind("node")) {
      const ids = mirror.nodeIds();
      for (let at = 0; at < ids.length; at += CHUNK) {
        for (const id of ids.slice(at, at + CHUNK)) this.#tellNode(id);
        do await clock.sleep(milliseconds(1), this.#ended.signal);
        while (this.sink.backlogBytes > MAX_BACKLOG_BYTES / 4);
      }
    }
    for (const agent of mirror.agents()) this.#tellAgent(agent.id);
    for (const service of mirror.services()) this.#tellService(service.id);
    for (const { subject, alarm } of mirror.siteAlarms()) this.#tellAlarm(subject, alarm.id);
    this.#tell({ kind: "snapshot-end", data: {} });
  }

  #change(change: MirrorChange): void {
    if (change.of === "agent") return this.#tellAgent(change.id);
    if (change.of === "service") return this.#tellService(change.id);
    if (change.of === "alarm") return this.#tellAlarm(change.subject, change.id);
    if (change.part === "description") this.filter.outdate();
    if (!this.filter.kind("node")) return;
    this.#changed.add(change.id);
    if (this.#gathering || (change.quiet && this.#gatheringQuiet)) return;
    if (change.quiet) this.#gatheringQuiet = true;
    else this.#gathering = true;
    const gather = change.quiet ? GATHER_QUIET : GATHER;
    this.parts.clock.sleep(gather, this.#ended.signal).then(
      () => this.#tellChanged(change.quiet),
      () => undefined,
    );
  }

  #tellChanged(quiet = false): void {
    if (quiet) this.#gatheringQuiet = false;
    else this.#gathering = false;
    const ids = [...this.#changed];
    this.#changed.clear();
    for (const id of ids) this.#tellNode(id);
  }

  #tellNode(id: string): void {
    const { mirror, clock } = this.parts;
    const record = mirror.node(id);
    const view = record && this.filter.node(id) ? nodeView(record, clock) : undefined;
    if (view) this.#tell({ kind: "node", node: id, data: view });
    else if (!record && this.filter.gone(id)) this.#tell({ kind: "node-gone", node: id, data: {} });
  }

  #tellAgent(id: string): void {
    if (!this.filter.kind("agent")) return;
    const status = this.parts.mirror.agent(id)?.status;
    this.#tell({ kind: "agent", agent: id, data: status ?? { state: "gone" } });
  }

  #tellService(id: string): void {
    if (!this.filter.kind("service")) return;
    const status = this.parts.mirror.service(id)?.status;
    if (status) this.#tell({ kind: "service", service: id, data: status });
  }

  /** Of what is no node: those of nodes are told with their node. */
  #tellAlarm(subject: string, id: string): void {
    if (!this.filter.kind("alarm") || !this.filter.site()) return;
    const alarm = this.parts.mirror.siteAlarm(subject, id);
    this.#tell({ kind: "alarm", data: { subject, id, ...alarm, stands: alarm !== undefined } });
  }

  #happened(happening: Numbered): void {
    if (!this.filter.happening(happening)) return;
    const { seq: _, ...told } = happening;
    this.#tell(told);
  }

  #tell(told: Told): void {
    if (this.#ended.signal.aborted) return;
    if (this.sink.backlogBytes > MAX_BACKLOG_BYTES) {
      this[Symbol.dispose]();
      return this.sink.drop();
    }
    this.sink.send(told);
  }
}
