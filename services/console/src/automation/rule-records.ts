import type { Clock } from "@outrider/contracts/clock";
import type { ConsolePolicies } from "@outrider/contracts/console";
import type { RuleRecord } from "@outrider/contracts/console-operations";
import type { NodeId } from "@outrider/contracts/ids";
import type { Action } from "@outrider/contracts/power";
import type { Statement, Storage } from "@outrider/storage/storage";
import { fromJson, toJson } from "@outrider/storage/values";
import type { Doings } from "./rule-limits.js";
import type { NamedRule } from "./rule-set.js";

/** What a rule has done on a node. Times are milliseconds of the process's monotonic clock. */
export interface RuleState extends Doings {
  readonly rule: string;
  readonly node: NodeId;
  matches: number;
  /** Wall time. */
  lastMatchMs: number | undefined;
  /** Does nothing to power any more until a person has. */
  latched: boolean;
  detail: string | undefined;
  /** A power action that is about to be done, kept so that the next process can tell what became of it. */
  pending: PendingPower | undefined;
  /** Where the log stood at the silence that was spoken of: none is spoken of twice. */
  silencePosition: number | undefined;
  /** Matches since the last one that was told. */
  untold: number;
}

/** `waits`: it was not asked for yet. `asked`: it may have been done. */
export interface PendingPower {
  readonly action: Action;
  readonly state: "waits" | "asked";
}

interface Row {
  readonly rule: string;
  readonly node: string;
  readonly matches: number;
  readonly last_match_ms: number | null;
  readonly acted_ms: number | null;
  readonly power_actions: number;
  readonly latched: number;
  readonly detail: string | null;
  readonly pending: string | null;
  readonly silence_position: number | null;
}

/** As many as one answer holds. */
const MOST_LISTED = 200;

/** What rules have done, kept over restarts: counts and latches above all. */
export class RuleRecords {
  readonly #records = new Map<string, RuleState>();
  readonly #changed = new Set<RuleState>();
  #rules: string | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly clock: Clock,
  ) {}

  /** @returns the rules that were in force last, if any ever were @throws StorageError */
  async load(): Promise<ConsolePolicies["rules"] | undefined> {
    const rows = await this.storage.all<Row>("SELECT * FROM console_rule_records ORDER BY rule");
    for (const row of rows) {
      const record = this.of(row.rule, row.node as NodeId);
      record.matches = row.matches;
      record.lastMatchMs = row.last_match_ms ?? undefined;
      record.actedMs = row.acted_ms === null ? undefined : this.#monotonic(row.acted_ms);
      record.powerActions = row.power_actions;
      record.latched = row.latched !== 0;
      record.detail = row.detail ?? undefined;
      record.pending = row.pending === null ? undefined : fromJson<PendingPower>(row.pending);
      record.silencePosition = row.silence_position ?? undefined;
    }
    const kept = await this.storage.all<{ name: string; rule: string }>(
      "SELECT name, rule FROM console_rules ORDER BY name",
    );
    if (kept.length === 0) return undefined;
    const rules = Object.fromEntries(
      kept.map(({ name, rule }) => [name, fromJson<NamedRule>(rule)]),
    );
    this.#rules = toJson(rules);
    return rules;
  }

  /** Remembers the rules in force, so that they hold also when the next start hears nobody. @throws StorageError */
  async keepRules(rules: ConsolePolicies["rules"]): Promise<void> {
    const sorted = Object.fromEntries(
      Object.entries(rules).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
    const text = toJson(sorted);
    if (text === this.#rules) return;
    await this.storage.write([
      { sql: "DELETE FROM console_rules" },
      ...Object.entries(sorted).map(([name, rule]) => ({
        sql: "INSERT INTO console_rules (name, rule) VALUES (?, ?)",
        params: [name, toJson(rule)],
      })),
    ]);
    this.#rules = text;
  }

  of(rule: string, node: NodeId): RuleState {
    const key = `${rule} ${node}`;
    let found = this.#records.get(key);
    if (!found) {
      found = {
        rule,
        node,
        matches: 0,
        lastMatchMs: undefined,
        toldMs: undefined,
        toldBoot: undefined,
        actedMs: undefined,
        powerActions: 0,
        latched: false,
        detail: undefined,
        pending: undefined,
        silencePosition: undefined,
        untold: 0,
      };
      this.#records.set(key, found);
    }
    return found;
  }

  find(rule: string, node: string): RuleState | undefined {
    return this.#records.get(`${rule} ${node}`);
  }

  *on(node: NodeId): Generator<RuleState> {
    for (const record of this.#records.values()) if (record.node === node) yield record;
  }

  /** Those whose power action was interrupted, as long as nobody has taken it up. */
  *pending(): Generator<RuleState> {
    for (const record of this.#records.values()) if (record.pending) yield record;
  }

  *latched(): Generator<RuleState> {
    for (const record of this.#records.values()) if (record.latched) yield record;
  }

  /** What has changed is stored with the next {@link flush}. */
  touch(record: RuleState): void {
    this.#changed.add(record);
  }

  /** Stores one at once: nothing may be done before it is. @throws StorageError */
  async store(record: RuleState): Promise<void> {
    this.#changed.delete(record);
    try {
      await this.storage.write([this.#statement(record)]);
    } catch (error) {
      this.#changed.add(record);
      throw error;
    }
  }

  /** @throws StorageError; then it is tried again with the next */
  async flush(): Promise<void> {
    const changed = [...this.#changed];
    if (changed.length === 0) return;
    this.#changed.clear();
    try {
      await this.storage.write(changed.map((record) => this.#statement(record)));
    } catch (error) {
      for (const record of changed) this.#changed.add(record);
      throw error;
    }
  }

  /** Those that say something: latched ones first, then by their last match. */
  list(): RuleRecord[] {
    return [...this.#records.values()]
      .filter(({ matches, latched }) => matches > 0 || latched)
      .toSorted(
        (a, b) =>
          Number(b.latched) - Number(a.latched) || (b.lastMatchMs ?? 0) - (a.lastMatchMs ?? 0),
      )
      .slice(0, MOST_LISTED)
      .map(({ rule, node, matches, lastMatchMs, powerActions, latched, detail }) => ({
        rule,
        node,
        matches,
        ...(lastMatchMs === undefined ? {} : { lastMatchAt: new Date(lastMatchMs).toISOString() }),
        powerActions,
        latched,
        ...(detail === undefined ? {} : { detail }),
      }));
  }

  /** Wall time as kept to the monotonic time of this process. A time yet to come counts as now. */
  #monotonic(wallMs: number): number {
    const agoMs = Math.max(0, this.clock.now().getTime() - wallMs);
    return this.clock.monotonicMs() - agoMs;
  }

  #wall(monotonicMs: number): number {
    return Math.round(this.clock.now().getTime() - (this.clock.monotonicMs() - monotonicMs));
  }

  #statement({ rule, node, ...record }: RuleState): Statement {
    return {
      sql: `INSERT INTO console_rule_records
          (rule, node, matches, last_match_ms, acted_ms, power_actions, latched, detail, pending,
           silence_position)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (rule, node) DO UPDATE SET matches = excluded.matches,
          last_match_ms = excluded.last_match_ms, acted_ms = excluded.acted_ms,
          power_actions = excluded.power_actions, latched = excluded.latched,
          detail = excluded.detail, pending = excluded.pending,
          silence_position = excluded.silence_position`,
      params: [
        rule,
        node,
        record.matches,
        record.lastMatchMs ?? null,
        record.actedMs === undefined ? null : this.#wall(record.actedMs),
        record.powerActions,
        record.latched,
        record.detail ?? null,
        record.pending === undefined ? null : toJson(record.pending),
        record.silencePosition ?? null,
      ],
    };
  }
}
