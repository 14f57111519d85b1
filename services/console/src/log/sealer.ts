import type { NodeLog } from "./node-log.js";
import type { RawSegment } from "./raw-segment.js";
import { SealedSegment } from "./sealed-segment.js";
import type { WorkerPool } from "./worker-pool.js";

/** How long after a seal that failed it is tried again. */
const RETRY_AFTER_MS = 60_000;

interface SealerHost {
  monotonicMs(): number;
  report(problem: string): void;
  /** A segment has become smaller. */
  sealed(log: NodeLog): void;
}

/** Seals segments that are closed and on the disk, one at a time over all logs. */
export class Sealer {
  #running: Promise<void> | undefined;
  #sealing:
    | { readonly log: NodeLog; readonly raw: RawSegment; readonly done: Promise<void> }
    | undefined;
  readonly #notBefore = new WeakMap<RawSegment, number>();

  constructor(
    readonly pool: WorkerPool,
    readonly host: SealerHost,
  ) {}

  /** Whether a segment's files are being read. */
  isSealing(segment: unknown): boolean {
    return this.#sealing?.raw === segment;
  }

  /** Resolves when no segment of a log is being sealed. The log must not be among those that are sealed any more. */
  async whenIdle(log: NodeLog): Promise<void> {
    if (this.#sealing?.log === log) await this.#sealing.done;
  }

  /** Seals what there is to be sealed, and resolves when nothing is left. */
  seal(logs: () => Iterable<NodeLog>): Promise<void> {
    this.#running ??= this.#sealAll(logs).finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #sealAll(logs: () => Iterable<NodeLog>): Promise<void> {
    for (let next = this.#next(logs()); next; next = this.#next(logs())) {
      const [log, raw] = next;
      const { promise: done, resolve } = Promise.withResolvers<void>();
      this.#sealing = { log, raw, done };
      try {
        await this.#sealOne(log, raw);
      } catch (cause) {
        this.#notBefore.set(raw, this.host.monotonicMs() + RETRY_AFTER_MS);
        this.host.report(
          `A segment of the log of ${log.node} could not be compressed, and stays as it is: ${(cause as Error).message}`,
        );
      } finally {
        this.#sealing = undefined;
        resolve();
      }
      this.host.sealed(log);
    }
  }

  #next(logs: Iterable<NodeLog>): readonly [NodeLog, RawSegment] | undefined {
    const nowMs = this.host.monotonicMs();
    for (const log of logs) {
      const raw = log.raws
        .slice(0, -1)
        .find((candidate) => candidate.isSynced && (this.#notBefore.get(candidate) ?? 0) <= nowMs);
      if (raw) return [log, raw];
    }
    return undefined;
  }

  async #sealOne(log: NodeLog, raw: RawSegment): Promise<void> {
    await this.pool.run({ kind: "seal", directory: log.directory, first: raw.first });
    const sealed = await SealedSegment.open(log.directory, raw.first);
    if (!sealed || sealed.end !== raw.end) {
      await sealed?.discard();
      throw new Error("what was written is not what was there; look at the disk");
    }
    log.replace(raw, sealed);
    await raw.discard();
  }
}
