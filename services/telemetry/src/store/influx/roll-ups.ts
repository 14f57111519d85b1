import { readFile, rename, writeFile } from "node:fs/promises";
import { seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { POLICIES, type InfluxClient, type Policy } from "./influx-client.js";
import { quotedName } from "./influx-text.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const RUN_EVERY = seconds(15);
/** Points that come no later than this are part of the first roll-up of their minute. */
const GRACE_MS = 30_000;
/** Minutes of one statement, so that none takes the database for long. */
const SPAN_MINUTES = 60;
/** What is looked at again when nothing is known of the time before. */
const UNKNOWN_HOURS = 2;

/** A field as the finer tier has it, in terms of which the coarser one is made. */
export const ROLLED = ["sum", "min", "max", "last", "count"] as const;

interface Kept {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
}

/**
 * Makes minutes of raw points and hours of minutes. What was delivered marks its minutes, however old they are, and a
 * marked minute is made anew from all its points: so what comes days late is in the roll-ups as well, and doing it twice
 * changes nothing. The marks outlast the process.
 */
export class RollUps implements AsyncDisposable {
  /** Of each marked minute a number that is new with each mark. */
  readonly #minutes = new Map<number, number>();
  readonly #hours = new Set<number>();
  #marks = 0;
  #saving: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;
  #problem: string | undefined;
  readonly #closing = new AbortController();
  readonly #stop: () => void;

  private constructor(
    private readonly client: InfluxClient,
    private readonly file: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#stop = clock.every(RUN_EVERY, () => void this.run());
  }

  static async open(client: InfluxClient, file: string, clock: Clock, log: Log): Promise<RollUps> {
    const rollUps = new RollUps(client, file, clock, log);
    try {
      const kept = JSON.parse(await readFile(file, "utf8")) as Kept;
      for (const minute of kept.minutes) rollUps.#minutes.set(minute, 0);
      for (const hour of kept.hours) rollUps.#hours.add(hour);
    } catch {
      const now = Math.floor(clock.now().getTime() / MINUTE_MS);
      for (let back = 0; back < UNKNOWN_HOURS * 60; back++) rollUps.#minutes.set(now - back, 0);
    }
    return rollUps;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Minutes have new points in the database. Resolves when that is kept. */
  async mark(minutes: Iterable<number>): Promise<void> {
    let isNew = false;
    for (const minute of minutes) {
      isNew ||= !this.#minutes.has(minute);
      this.#minutes.set(minute, ++this.#marks);
    }
    if (isNew) await this.#save();
  }

  /** Everything before it is in the roll-ups of a tier as it is in the database. */
  completeUntilMs(policy: "minutes" | "hours"): number {
    let until = Number.POSITIVE_INFINITY;
    const unitMs = policy === "minutes" ? MINUTE_MS : HOUR_MS;
    for (const minute of this.#minutes.keys()) until = Math.min(until, minute * MINUTE_MS);
    if (policy === "hours") {
      for (const hour of this.#hours) until = Math.min(until, hour * HOUR_MS);
    }
    return Math.floor(until / unitMs) * unitMs;
  }

  /** Brings what is due up to date. Never throws: it is tried again. */
  run(): Promise<void> {
    this.#running ??= this.#run()
      .then(() => (this.#problem = undefined))
      .catch((error: Error) => this.#failed(error))
      .finally(() => (this.#running = undefined));
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    this.#closing.abort();
    await this.#running;
    await this.#saving;
  }

  async #run(): Promise<void> {
    const nowMs = this.clock.now().getTime();
    const due = [...this.#minutes.keys()]
      .filter((minute) => (minute + 1) * MINUTE_MS + GRACE_MS <= nowMs)
      .toSorted((a, b) => a - b);
    const dueHours = (): number[] =>
      [...this.#hours].filter((hour) => this.#isHourDue(hour, nowMs)).toSorted((a, b) => a - b);
    if (due.length === 0 && dueHours().length === 0) return;
    for (const [first, end] of spans(due)) {
      const marks = new Map(
        [...this.#minutes].filter(([minute]) => minute >= first && minute < end),
      );
      await this.#roll("raw", "minutes", first * MINUTE_MS, end * MINUTE_MS);
      for (let minute = first; minute < end; minute++) {
        this.#hours.add(Math.floor(minute / 60));
        if (this.#minutes.get(minute) === marks.get(minute)) this.#minutes.delete(minute);
      }
      await this.#save();
    }
    for (const hour of dueHours()) {
      await this.#roll("minutes", "hours", hour * HOUR_MS, (hour + 1) * HOUR_MS);
      this.#hours.delete(hour);
      await this.#save();
    }
  }

  /** Its last minute has passed, and none of it waits. */
  #isHourDue(hour: number, nowMs: number): boolean {
    if ((hour + 1) * HOUR_MS + GRACE_MS > nowMs) return false;
    for (let minute = hour * 60; minute < (hour + 1) * 60; minute++) {
      if (this.#minutes.has(minute)) return false;
    }
    return true;
  }

  async #roll(from: Policy, to: "minutes" | "hours", fromMs: number, toMs: number): Promise<void> {
    const { signal } = this.#closing;
    const fields = await this.client.query(
      `SHOW FIELD KEYS FROM ${this.client.everything("raw")}`,
      signal,
    );
    // Names are the same in all policies; those of roll-ups are made by us.
    for (const { name, values } of fields) {
      const numbers = values
        .filter(([, type]) => type === "float" || type === "integer")
        .map(([field]) => String(field))
        .filter((field) => !isRolled(field));
      if (numbers.length === 0) continue;
      const columns = [...new Set(numbers)].flatMap((field) => columnsOf(field, from));
      const every = to === "minutes" ? "1m" : "1h";
      await this.client.query(
        `SELECT ${columns.join(", ")} INTO ${this.client.source(to, name)} FROM ${this.client.source(from, name)} WHERE time >= ${fromMs}ms AND time < ${toMs}ms GROUP BY time(${every}), *`,
        signal,
      );
    }
  }

  #failed(error: Error): void {
    if (this.#closing.signal.aborted) return;
    const problem = `Minutes and hours cannot be made in the time-series database: ${error.message}. It is tried again.`;
    if (this.#problem === undefined) this.log.warn({ problem }, "roll-ups fail");
    this.#problem = problem;
  }

  /** One after the other, each with what is known when its turn comes. */
  #save(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(async () => {
        const kept: Kept = { minutes: [...this.#minutes.keys()], hours: [...this.#hours] };
        await writeFile(`${this.file}.new`, JSON.stringify(kept));
        await rename(`${this.file}.new`, this.file);
      });
    return this.#saving.catch(() => undefined);
  }
}

/** Minutes as spans from the first to before the second. @param minutes in order */
function* spans(minutes: readonly number[]): Iterable<readonly [number, number]> {
  let first: number | undefined;
  let end = 0;
  for (const minute of minutes) {
    if (first !== undefined && minute === end && end - first < SPAN_MINUTES) {
      end += 1;
      continue;
    }
    if (first !== undefined) yield [first, end];
    first = minute;
    end = minute + 1;
  }
  if (first !== undefined) yield [first, end];
}

function isRolled(field: string): boolean {
  return ROLLED.some((one) => field.endsWith(`_${one}`));
}

/** The mean goes by the name of the field itself, so that a graph needs another policy and nothing else. */
function columnsOf(field: string, from: Policy): string[] {
  const name = (suffix: string): string => quotedName(`${field}${suffix}`);
  if (from === POLICIES.raw) {
    const of = ROLLED.map((one) => `${one}(${name("")}) AS ${name(`_${one}`)}`);
    return [`mean(${name("")}) AS ${name("")}`, ...of];
  }
  return [
    `sum(${name("_sum")}) / sum(${name("_count")}) AS ${name("")}`,
    ...ROLLED.map((one) => {
      const how = one === "count" ? "sum" : one;
      return `${how}(${name(`_${one}`)}) AS ${name(`_${one}`)}`;
    }),
  ];
}
