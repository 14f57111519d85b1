import { seconds, type Clock } from "@outrider/contracts/clock";
import type { ConsolePolicies } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { PowerResult, PowerState } from "@outrider/contracts/power";
import type { TextLine } from "../log/console-log.js";
import type { StageFinding } from "../stages/stage-tracker.js";
import { LineMatcher, serviceBudget } from "./line-matcher.js";
import { NodeWatch } from "./node-watch.js";
import { RuleActor, type RuleDeeds } from "./rule-actor.js";
import { TOO_OLD_MS } from "./rule-limits.js";
import type { RuleRecords } from "./rule-records.js";
import { RuleSet, type RuleProblem } from "./rule-set.js";

/** That lines were passed over is told this often at most, for each console. */
const PASSED_OVER_EVERY_MS = 60_000;
/** In whose name a rule acts. */
const POLICY = "policy:";
/** Silence is looked for this often. */
export const LOOK_EVERY = seconds(1);

/** Watches all consoles by the rules in force. Called on the way of every byte. */
export class Rules {
  #rules = new RuleSet({});
  readonly #watches = new Map<NodeId, NodeWatch>();
  readonly #actor: RuleActor;
  readonly #budget;

  constructor(
    private readonly records: RuleRecords,
    private readonly deeds: RuleDeeds,
    private readonly clock: Clock,
  ) {
    this.#budget = serviceBudget(clock.monotonicMs());
    this.#actor = new RuleActor(records, deeds, clock);
  }

  /** Rules that cannot be used, and why. */
  get problems(): readonly RuleProblem[] {
    return this.#rules.problems;
  }

  /** Puts rules into force. What was about to be done by one that is gone is not done. */
  declare(rules: ConsolePolicies["rules"]): void {
    const next = new RuleSet(rules);
    this.#rules = next;
    for (const watch of this.#watches.values()) {
      watch.overtake("the site does not have this rule any more", ({ rule }) => !next.has(rule));
    }
  }

  /** Tells what rules were about to do when the last process ended. Nothing of it is done any more (P3). */
  tellInterrupted(): void {
    for (const record of this.records.pending()) {
      const { rule, node, pending } = record;
      if (!pending) continue;
      const { action, state } = pending;
      const what =
        state === "waits"
          ? `was about to do ${action}, which was not done and will not be; look at the console, and act yourself if it is still needed`
          : `had asked for ${action}; whether it was done shows in the node's power state and in the audit log`;
      const detail = `interrupted, because the console service ended: it ${what}`;
      record.pending = undefined;
      record.detail = detail.slice(0, 500);
      this.records.touch(record);
      this.deeds.happened(node, {
        severity: "warning",
        kind: "console-rule-interrupted",
        message: `rule ${rule}: ${detail}`,
        data: { rule, action, asked: state === "asked" },
      });
    }
  }

  bytes(node: NodeId): void {
    const watch = this.#watch(node);
    watch.lastByteMs = this.clock.monotonicMs();
    if (watch.firings.size > 0) {
      watch.overtake("the console has said something", ({ isSilence }) => isSilence);
    }
  }

  line(node: NodeId, line: TextLine): void {
    const { patterns } = this.#rules.of(node);
    if (patterns.length === 0) return;
    const watch = this.#watch(node);
    const told = watch.toldOf(line);
    for (const { rule } of watch.matcher.match(line, patterns, this.clock.monotonicMs())) {
      if (told.has(rule.name)) continue;
      told.add(rule.name);
      const { text, wentOnMicros, atMicros, position } = line;
      this.#actor.fire(rule, watch, { line: text, atMicros: wentOnMicros ?? atMicros, position });
    }
  }

  /** What stands on the line that has not ended, as nothing came for a while: a prompt. Once for each line and rule. */
  prompt(node: NodeId, line: TextLine): void {
    this.line(node, line);
  }

  finding(node: NodeId, finding: StageFinding): void {
    const watch = this.#watch(node);
    if (finding.kind === "boot") {
      watch.boot += 1;
      watch.overtake("a new start of the machine has begun");
    }
    if (finding.kind !== "sign") return;
    const { sign, at } = finding;
    if (sign === "login") this.#login(watch, at.atMicros);
    for (const rule of this.#rules.of(node).signs.get(sign) ?? []) {
      const { text, atMicros, position } = at;
      this.#actor.fire(rule, watch, { line: text, atMicros, position, sign });
    }
  }

  linkHeard(node: NodeId, isUp: boolean): void {
    const watch = this.#watch(node);
    if (!isUp) watch.linkUpMs = undefined;
    else watch.linkUpMs ??= this.clock.monotonicMs();
  }

  /** What the console has said goes as far as this position of its log, also what it said to processes before. */
  heardTo(node: NodeId, position: number): void {
    this.#watch(node).heardTo = position;
  }

  /** @param hasPower whether the node has an interface to its supply; undefined: not known */
  declared(node: NodeId, hasPower: boolean | undefined): void {
    this.#watch(node).hasPower = hasPower;
  }

  powerHeard(node: NodeId, state: PowerState): void {
    const watch = this.#watch(node);
    watch.powerHeard(state, this.clock.monotonicMs());
    if (!watch.isOff) return;
    // What is switched on again and says nothing is silent anew.
    for (const record of this.records.on(node)) {
      if (record.silencePosition === undefined) continue;
      record.silencePosition = undefined;
      this.records.touch(record);
    }
  }

  /** Somebody has acted on the power of a node. @returns records that a person's `On` has cleared */
  resultHeard(node: NodeId, result: PowerResult): void {
    const { action, status, actor, via } = result;
    const watch = this.#watch(node);
    if (result.terminal && actor.startsWith(POLICY)) {
      this.#ended(watch, actor.slice(POLICY.length), result);
    }
    if (status !== "Accepted") return;
    watch.overtake(`${actor} has asked for ${action ?? "power"}`, ({ rule }) => {
      return actor !== `policy:${rule}`;
    });
    // As with the faults of supplies: what no policy asked for, a person did.
    if (action !== "On" || via === "policy") return;
    for (const record of this.records.on(node)) {
      if (record.latched) {
        this.deeds.happened(node, {
          severity: "notice",
          kind: "console-rule",
          message: `rule ${record.rule} acts on power again: ${actor} has switched the node On`,
          data: { rule: record.rule, latched: false },
        });
      }
      this.#clear(record);
    }
  }

  /** A person lets a rule act again. @returns false when there is nothing of this rule on this node @throws StorageError */
  async clear(rule: string, node: NodeId): Promise<boolean> {
    const record = this.records.find(rule, node);
    if (!record) return false;
    this.#clear(record);
    await this.records.store(record);
    return true;
  }

  /** Looks for silence, and says what was passed over. */
  look(): void {
    const nowMs = this.clock.monotonicMs();
    for (const watch of this.#watches.values()) {
      this.#tellPassedOver(watch, nowMs);
      const { silences } = this.#rules.of(watch.node);
      if (silences.length === 0) continue;
      const sinceMs = watch.quietSinceMs(this.clock.now());
      if (sinceMs === undefined) continue;
      for (const rule of silences) {
        if (nowMs - sinceMs < rule.silenceMs) continue;
        const record = this.records.of(rule.name, watch.node);
        if (record.silencePosition === watch.heardTo) continue;
        record.silencePosition = watch.heardTo;
        this.records.touch(record);
        const line = `the console has said nothing for ${Math.round(rule.silenceMs / 1000)} s${watch.hasPower === false ? "" : " while the supply is on"}`;
        const atMicros = this.clock.now().getTime() * 1000;
        this.#actor.fire(rule, watch, { line, atMicros, position: undefined });
      }
    }
  }

  /** A node has no console any more. */
  forget(node: NodeId): void {
    this.#watches.get(node)?.overtake("the site declares no console for this node any more");
    this.#watches.delete(node);
  }

  stop(): Promise<void> {
    return this.#actor.stop();
  }

  /** What became of a power action of a rule takes the place of its acceptance. */
  #ended(
    watch: NodeWatch,
    rule: string,
    { action, status, reasonCode, detail }: PowerResult,
  ): void {
    const record = this.records.find(rule, watch.node);
    // What was rejected was told by the one who asked.
    if (!record || status === "Rejected") return;
    const code = reasonCode === undefined ? "" : ` (${reasonCode})`;
    const why = detail === undefined ? "" : `: ${detail}`;
    const text = `${action ?? "power"}: ${status}${code}${why}`.slice(0, 500);
    watch.powerEnds.set(rule, text);
    record.detail = text;
    this.records.touch(record);
  }

  /** A login that is news: what was tried has helped. */
  #login(watch: NodeWatch, atMicros: number): void {
    if (this.clock.now().getTime() - atMicros / 1000 > TOO_OLD_MS) return;
    watch.overtake("the machine has come as far as a login", ({ waits }) => waits);
    const about = this.#rules.of(watch.node).signs.get("login") ?? [];
    for (const record of this.records.on(watch.node)) {
      if (record.powerActions === 0 || record.latched) continue;
      // What a login itself makes act would never come to an end.
      if (about.some(({ name }) => name === record.rule)) continue;
      record.powerActions = 0;
      this.records.touch(record);
    }
  }

  #clear(record: ReturnType<RuleRecords["of"]>): void {
    record.latched = false;
    record.powerActions = 0;
    record.detail = undefined;
    this.records.touch(record);
  }

  #tellPassedOver(watch: NodeWatch, nowMs: number): void {
    const { matcher, node } = watch;
    if (matcher.passedOver === 0 || nowMs - watch.passedOverToldMs < PASSED_OVER_EVERY_MS) return;
    watch.passedOverToldMs = nowMs;
    const lines = matcher.passedOver;
    matcher.passedOver = 0;
    this.deeds.happened(node, {
      severity: "notice",
      kind: "console-rules-behind",
      message: `${lines} lines of the console were not compared with the patterns of rules, because it says more than can be looked at; signs are recognised all the same`,
      data: { lines },
    });
  }

  #watch(node: NodeId): NodeWatch {
    let watch = this.#watches.get(node);
    if (!watch) {
      const matcher = new LineMatcher(this.#budget, this.clock.monotonicMs());
      this.#watches.set(node, (watch = new NodeWatch(node, matcher)));
    }
    return watch;
  }
}
