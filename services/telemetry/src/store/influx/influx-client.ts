import { InfluxDB } from "influx";
import type { Retention } from "../store-config.js";
import type { DatabaseUrl } from "./influx-url.js";
import { quotedName } from "./influx-text.js";

/** One series of an answer. */
export interface InfluxSeries {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | null)[])[];
}

interface InfluxAnswer {
  readonly results: readonly {
    readonly series?: readonly InfluxSeries[];
    readonly error?: string;
  }[];
}

const WITHIN_MS = 60_000;

/** Names of the retention policies that are ours. */
export const POLICIES = { raw: "raw", minutes: "minutes", hours: "hours" } as const;
export type Policy = keyof typeof POLICIES;

/** Questions and orders to an InfluxDB, by its client. */
export class InfluxClient {
  readonly #influx: InfluxDB;

  constructor(private readonly at: DatabaseUrl) {
    const { url, username, password } = at;
    // Whether to try again is decided by whoever asks; a host that failed is asked again the next time.
    const backoff = { getDelay: () => 0, next: () => backoff, reset: () => backoff };
    const isUser = username !== undefined && username !== "token";
    // Without a word of it the client would be root.
    const credentials = isUser
      ? { username, password: password ?? "" }
      : { username: null as unknown as string };
    this.#influx = new InfluxDB({
      hosts: [
        {
          host: url.hostname,
          port: Number(url.port || (url.protocol === "https:" ? 443 : 80)),
          protocol: url.protocol === "https:" ? "https" : "http",
          path: url.pathname === "/" ? "" : url.pathname,
          options: { headers: at.target.headers },
        },
      ],
      ...credentials,
      pool: { backoff, maxRetries: 0, requestTimeout: WITHIN_MS },
    });
  }

  /** Makes database and retention policies that are missing; those that are there may have been changed by a person. */
  async prepare(retention: Retention): Promise<void> {
    const { database } = this.at;
    await within(this.#influx.createDatabase(database));
    const policies = await within(this.#influx.showRetentionPolicies(database));
    const there = new Set(policies.map(({ name }) => name));
    const wanted: readonly (readonly [Policy, number])[] = [
      ["raw", retention.rawMs],
      ["minutes", retention.minutesMs],
      ["hours", retention.hoursMs],
    ];
    for (const [policy, keptMs] of wanted) {
      if (there.has(POLICIES[policy])) continue;
      const duration = `${Math.ceil(keptMs / 3_600_000)}h`;
      const options = { database, duration, replication: 1, isDefault: policy === "raw" };
      await within(this.#influx.createRetentionPolicy(POLICIES[policy], options));
    }
  }

  /** The series of one statement. @throws Error with what the database says, or the signal's reason */
  async query(text: string, signal?: AbortSignal): Promise<readonly InfluxSeries[]> {
    const options = { database: this.at.database, precision: "ms", method: "POST" } as const;
    const limited = AbortSignal.any([
      ...(signal === undefined ? [] : [signal]),
      AbortSignal.timeout(WITHIN_MS),
    ]);
    const answer = (await within(
      this.#influx.queryRaw(text, { ...options, signal: limited }),
      limited,
    )) as InfluxAnswer;
    const [result] = answer.results;
    if (result?.error !== undefined) throw new Error(result.error);
    return result?.series ?? [];
  }

  /** All measurements of a policy. */
  everything(policy: Policy): string {
    return `${quotedName(this.at.database)}.${quotedName(POLICIES[policy])}./.*/`;
  }

  /** Where a measurement is kept, as a name in a statement. */
  source(policy: Policy | undefined, measurement: string): string {
    if (policy === undefined) return quotedName(measurement);
    const parts = [this.at.database, POLICIES[policy], measurement];
    return parts.map((part) => quotedName(part)).join(".");
  }
}

/** The client never settles when a connection ends in the middle of an answer. */
function within<T>(
  asked: Promise<T>,
  signal: AbortSignal = AbortSignal.timeout(WITHIN_MS),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const settle = (): void => signal.removeEventListener("abort", abort);
    asked.then(resolve, reject).finally(settle);
  });
}
