import type { Clock } from "@outrider/contracts/clock";
import { isQuantity, QUANTITIES, type Absence, type Quantity } from "@outrider/contracts/reading";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import type { AlarmRule } from "@outrider/contracts/telemetry-policy";
import { limitOf, missingWords, rateWords, thresholdWords } from "./alarm-words.js";
import { RateWindow } from "./rate-window.js";
import { Watch, type Said } from "./watch.js";

/** What a sensor gave once: of each quantity its value, or why there is none. */
export interface SensorReading {
  readonly values?: Readonly<Partial<Record<Quantity, number>>> | undefined;
  readonly absent?: Readonly<Partial<Record<Quantity, Absence>>> | undefined;
}

/** Where a sensor is read; undefined where that is not known. */
export interface SensorFacts {
  readonly driver?: string | undefined;
  readonly agent?: string | undefined;
}

/** That nothing can be measured is known then, and no alarm. */
const EXPLAINED: readonly Absence[] = ["DeviceOff"];
/** There is nothing whose value could be wrong. */
const NOTHING_THERE: readonly Absence[] = ["DeviceOff", "NotPresent"];

/** The rules that look at one sensor. */
export class SensorWatches {
  readonly #watches = new Map<string, Watch>();
  /** Thresholds and rates, by what they are of. */
  readonly #byQuantity = new Map<string, Watch[]>();
  readonly #missing: Watch[] = [];
  /** Quantities of which somebody wants to know when there was a value, with since when; empty: any. */
  readonly #askedMs = new Map<string, number>();
  /** By rule. */
  readonly #rates = new Map<string, RateWindow>();
  /** When there was a value last, by the quantity that a rule asks for; empty: any. */
  readonly #seenMs = new Map<string, number>();
  /** The same for people, where a value is missed. */
  readonly #since = new Map<string, { readonly atMs: number; readonly words: string }>();
  readonly facts: SensorFacts;
  #why: Absence | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Pick<Clock, "now" | "monotonicMs">;
      readonly subject: string;
      readonly sensor: string;
      readonly facts: SensorFacts;
    },
    rules: Readonly<Record<string, AlarmRule>>,
    before: SensorWatches | undefined,
  ) {
    this.facts = parts.facts;
    const { clock, subject, sensor } = parts;
    for (const [name, rule] of Object.entries(rules)) {
      if (!this.#isFor(rule)) continue;
      const id = rule.sensor === undefined ? `${name}-${sensor}` : name;
      const watch = new Watch(subject, id, name, rule);
      const old = before ? before.#watches.get(name) : undefined;
      if (old?.id === id && old.rule.kind === rule.kind) watch.inherit(old);
      const isSame = old !== undefined && isSameRate(old.rule, rule);
      const window = isSame && before ? before.#rates.get(name) : undefined;
      if (window) this.#rates.set(name, window);
      this.#watches.set(name, watch);
      this.#file(watch);
    }
    const nowMs = clock.monotonicMs();
    for (const quantity of this.#askedMs.keys()) {
      this.#askedMs.set(quantity, (before && before.#askedMs.get(quantity)) ?? nowMs);
    }
    if (!before) return;
    for (const [quantity, seenMs] of before.#seenMs) this.#seenMs.set(quantity, seenMs);
    for (const [quantity, since] of before.#since) this.#since.set(quantity, since);
    this.#why = before.#why;
  }

  get all(): Iterable<Watch> {
    return this.#watches.values();
  }

  /** Takes a reading that is of now. @returns the watches that have judged it */
  read({ values = {}, absent = {} }: SensorReading, nowMs: number): Watch[] {
    const judged: Watch[] = [];
    for (const quantity in values) {
      this.#seen(quantity, nowMs);
      const value = values[quantity as Quantity];
      for (const watch of this.#byQuantity.get(quantity) ?? []) {
        if (value === undefined) continue;
        this.#judge(watch, quantity as Quantity, value, nowMs);
        judged.push(watch);
      }
    }
    for (const quantity in absent) {
      const why = absent[quantity as Quantity];
      if (why === undefined) continue;
      this.#why = why;
      if (EXPLAINED.includes(why)) this.#seen(quantity, nowMs);
      for (const watch of this.#byQuantity.get(quantity) ?? []) {
        this.#rates.get(watch.name)?.clear();
        if (NOTHING_THERE.includes(why)) watch.calm();
        else watch.lose();
        judged.push(watch);
      }
    }
    for (const watch of this.#missing) {
      if (watch.isQuiet) continue;
      this.#age(watch, nowMs, true);
      judged.push(watch);
    }
    return judged;
  }

  /** Time has passed. @param hasSupply whether there is a reason to expect readings */
  *tick(nowMs: number, hasSupply: boolean): Generator<Watch> {
    for (const watch of this.#watches.values()) {
      if (watch.rule.kind === "missing") this.#age(watch, nowMs, hasSupply);
      else if (watch.isPending) watch.tick(nowMs);
      else continue;
      yield watch;
    }
  }

  /** Of the newest reading, what is of no use any more by its age. */
  expired(): void {
    for (const watch of this.#watches.values()) {
      if (watch.rule.kind !== "missing") watch.lose();
    }
    for (const window of this.#rates.values()) window.clear();
  }

  #isFor({ kind, sensor, drivers }: AlarmRule): boolean {
    if (kind !== "threshold" && kind !== "rate" && kind !== "missing") return false;
    if (sensor !== undefined && sensor !== this.parts.sensor) return false;
    return drivers === undefined || drivers.includes(this.facts.driver ?? "");
  }

  #file(watch: Watch): void {
    const { kind, quantity = "" } = watch.rule;
    if (kind === "missing") {
      this.#missing.push(watch);
      this.#askedMs.set(quantity, 0);
      return;
    }
    const own = this.#byQuantity.get(quantity);
    if (own) own.push(watch);
    else this.#byQuantity.set(quantity, [watch]);
  }

  #seen(quantity: string, nowMs: number): void {
    if (this.#askedMs.has(quantity)) this.#seenMs.set(quantity, nowMs);
    if (this.#askedMs.has("")) this.#seenMs.set("", nowMs);
  }

  #judge(watch: Watch, quantity: Quantity, value: number, nowMs: number): void {
    const { rule, name } = watch;
    if (rule.kind === "threshold") {
      watch.measure(value, nowMs, (severity) => this.#threshold(rule, quantity, severity, value));
      return;
    }
    const per = rule.per ?? "minute";
    let window = this.#rates.get(name);
    if (!window) this.#rates.set(name, (window = new RateWindow(rule.overMs ?? 300_000, per)));
    const rate = window.add(nowMs, value);
    if (rate === undefined) return;
    watch.measure(rate, nowMs, (severity) => {
      const passed = limitOf(rule, severity, rate);
      return {
        message: rateWords(this.parts.sensor, quantity, severity, rate, passed, per),
        value: rate,
        limit: passed?.limit,
        unit: unitOf(quantity) === "" ? `/${per}` : `${unitOf(quantity)}/${per}`,
      };
    });
  }

  #threshold(rule: AlarmRule, quantity: Quantity, severity: AlarmSeverity, value: number): Said {
    const passed = limitOf(rule, severity, value);
    const unit = unitOf(quantity);
    return {
      message: thresholdWords(this.parts.sensor, quantity, severity, value, passed),
      value,
      limit: passed?.limit,
      ...(unit === "" ? {} : { unit }),
    };
  }

  /** Judges how old the newest value is; the rule's delay is the age. */
  #age(watch: Watch, nowMs: number, hasSupply: boolean): void {
    const key = watch.rule.quantity ?? "";
    if (!hasSupply) this.#seenMs.set(key, nowMs);
    const seenMs = this.#seenMs.get(key);
    const sinceMs = seenMs ?? this.#askedMs.get(key) ?? nowMs;
    const { forMs, severity = "Warning" } = watch.rule;
    // What was raised before a restart stays until there is a value, and says since when there was none.
    const isKept = watch.severity !== undefined && seenMs === undefined;
    if (isKept) return watch.assert(severity, nowMs);
    if (nowMs - sinceMs < forMs) return watch.calm();
    const since = this.#sinceWords(key, sinceMs, nowMs);
    watch.assert(severity, nowMs, () => ({
      message: missingWords(this.parts.sensor, since, this.#why),
    }));
  }

  /** Found out once, so that alarms do not change with the calendar. */
  #sinceWords(key: string, atMs: number, nowMs: number): string {
    const before = this.#since.get(key);
    if (before?.atMs === atMs) return before.words;
    const words = new Date(this.parts.clock.now().getTime() - (nowMs - atMs)).toISOString();
    this.#since.set(key, { atMs, words });
    return words;
  }
}

/** Whether what one has seen of a value is of use to the other. */
function isSameRate(one: AlarmRule, other: AlarmRule): boolean {
  return (
    one.kind === "rate" &&
    other.kind === "rate" &&
    one.quantity === other.quantity &&
    one.overMs === other.overMs &&
    one.per === other.per
  );
}

function unitOf(quantity: string): string {
  return isQuantity(quantity) ? QUANTITIES[quantity].unit : "";
}
