import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "./log.js";

export type RefusedKind = "connect" | "publish" | "subscribe";

/** How often each thing was refused, by reason. */
export type RefusalCounts = Readonly<Record<RefusedKind, Readonly<Record<string, number>>>>;

const QUIET_MS = 60_000;
const MAX_KEYS = 4096;

/** Counts what was refused and says it once a minute for each name, address and reason, however often it happens. */
export class Refusals {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #counts: Record<RefusedKind, Record<string, number>> = {
    connect: {},
    publish: {},
    subscribe: {},
  };
  readonly #said = new Map<string, { atMs: number; since: number }>();

  constructor(log: Log, clock: Pick<Clock, "monotonicMs">) {
    this.#log = log;
    this.#clock = clock;
  }

  get counts(): RefusalCounts {
    return structuredClone(this.#counts);
  }

  /** @param fields for the log; never a secret, never a payload */
  note(
    kind: RefusedKind,
    reason: string,
    who: { readonly name: string; readonly address: string },
    fields: object,
  ): void {
    const { name, address } = who;
    const counts = this.#counts[kind];
    counts[reason] = (counts[reason] ?? 0) + 1;
    const nowMs = this.#clock.monotonicMs();
    const key = `${kind} ${reason} ${address} ${name}`;
    const said = this.#said.get(key);
    if (said && nowMs - said.atMs < QUIET_MS) {
      said.since++;
      return;
    }
    if (this.#said.size >= MAX_KEYS) this.#said.clear();
    this.#said.set(key, { atMs: nowMs, since: 0 });
    this.#log.warn(
      { kind, reason, name, address, ...fields, ...(said?.since && { notLogged: said.since }) },
      SENTENCES[kind],
    );
  }
}

const SENTENCES: Readonly<Record<RefusedKind, string>> = {
  connect: "a client was refused",
  publish: "a message was refused",
  subscribe: "a subscription was refused",
};
