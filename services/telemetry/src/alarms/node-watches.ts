import type { Clock } from "@outrider/contracts/clock";
import type { ConsoleStageState } from "@outrider/contracts/console";
import type { NodeDescription, NodeStatus } from "@outrider/contracts/node";
import type { AlarmRule, RuleKind } from "@outrider/contracts/telemetry-policy";
import { isOfBefore, panicOf, type PowerSeen } from "../state/panic.js";
import { panicWords, spanWords, supplyWords } from "./alarm-words.js";
import { SensorWatches, type SensorFacts, type SensorReading } from "./sensor-watches.js";
import { Watch } from "./watch.js";

/** What is known of a node's power. */
export interface NodePower extends PowerSeen {
  readonly fault?: string | undefined;
}

type Liveness = NodeStatus["liveness"];
/** Those that look at the node itself and not at its sensors. */
const OWN_KINDS: readonly RuleKind[] = ["fault", "silent", "panic", "supply"];
/** Silence without a known supply must last so long, whatever the rule: after a start much is heard only in a while. */
const UNSURE_MS = 60_000;

/** What is known of those by whom one knows of a node; undefined: nothing was heard of it yet. */
export interface Witnesses {
  agentThere(agent: string): boolean | undefined;
  serviceThere(service: string): boolean | undefined;
}

/** The rules that look at one node and its sensors. */
export class NodeWatches {
  readonly #subject: string;
  #rules: Readonly<Record<string, AlarmRule>> = {};
  #description: NodeDescription | undefined;
  #sensors = new Map<string, SensorWatches>();
  #own = new Map<string, Watch>();
  #power: NodePower | undefined;
  #liveness: Liveness = "Unknown";
  #stage: ConsoleStageState | undefined;
  /** When a panic began that is known to be over whatever its console shows. */
  #pastPanic: string | undefined;
  /** Whether it was off or halted when that was known last. */
  #wasDown = false;

  constructor(
    node: string,
    private readonly clock: Pick<Clock, "now" | "monotonicMs">,
    private readonly witnesses: Witnesses,
  ) {
    this.#subject = `node:${node}`;
  }

  get description(): NodeDescription | undefined {
    return this.#description;
  }

  *watches(): Generator<Watch> {
    yield* this.#own.values();
    for (const sensor of this.#sensors.values()) yield* sensor.all;
  }

  /** The agents that it is wired to. */
  get agents(): ReadonlySet<string> {
    const bindings = Object.values(this.#description?.interfaces ?? {}).flat();
    return new Set(bindings.map(({ agent }) => agent));
  }

  /** By which agent one knows what an alarm tells. */
  agentOfAlarm(id: string): string | undefined {
    for (const sensor of this.#sensors.values()) {
      for (const watch of sensor.all) if (watch.id === id) return sensor.facts.agent;
    }
    const { heartbeat, power, console } = this.#description?.interfaces ?? {};
    const kind = this.#own.get(id)?.rule.kind;
    const [first] = (kind === "silent" ? heartbeat : (power ?? console)) ?? [];
    return first?.agent;
  }

  /** The rules for it are others now. @returns the watches that are no more */
  govern(rules: Readonly<Record<string, AlarmRule>>): Watch[] {
    if (rules === this.#rules) return [];
    this.#rules = rules;
    return this.#rebuild();
  }

  /** @returns the watches that are no more */
  describe(description: NodeDescription): Watch[] {
    this.#description = description;
    return this.#rebuild();
  }

  read(sensor: string, reading: SensorReading, nowMs: number): Watch[] {
    return this.#sensor(sensor).read(reading, nowMs);
  }

  /** The newest reading of a sensor is too old to be relied on. */
  *expire(sensor: string): Generator<Watch> {
    const watches = this.#sensors.get(sensor);
    watches?.expired();
    yield* watches?.all ?? [];
  }

  *setPower(power: NodePower, nowMs: number): Generator<Watch> {
    this.#power = power;
    const isHalted = power.host === "Halted" && this.#panic() === undefined;
    if (power.supply === "Off" || isHalted) this.#wasDown = true;
    else if (power.supply !== "Unknown") this.#wasDown = false;
    yield* this.#judge(nowMs);
  }

  /** @param stage undefined: there is no console any more */
  *setStage(stage: ConsoleStageState | undefined, nowMs: number): Generator<Watch> {
    const hadPanicked = this.#stage?.value === "panic";
    if (stage?.value === this.#stage?.value && stage?.since === this.#stage?.since) return;
    this.#stage = stage;
    yield* this.#judge(nowMs, hadPanicked);
  }

  *setLiveness(liveness: Liveness, nowMs: number): Generator<Watch> {
    // It was started anew, perhaps while nobody could see its console.
    const isBack = liveness === "Alive" && this.#liveness === "Silent";
    if (isBack) this.#pastPanic = this.#stage?.since;
    this.#liveness = liveness;
    if (liveness === "Alive") this.#wasDown = false;
    yield* this.#judge(nowMs, isBack);
  }

  /** Something else is known of those by whom one knows of it. */
  *witnessesChanged(nowMs: number): Generator<Watch> {
    yield* this.#judge(nowMs);
  }

  /** Time has passed. */
  *tick(nowMs: number): Generator<Watch> {
    for (const watch of this.#own.values()) {
      if (!watch.isPending) continue;
      watch.tick(nowMs);
      yield watch;
    }
    const hasSupply = this.#power?.supply !== "Off";
    for (const sensor of this.#sensors.values()) yield* sensor.tick(nowMs, hasSupply);
  }

  /** @param isAfterPanic whether something has just shown that a panic is over */
  *#judge(nowMs: number, isAfterPanic = false): Generator<Watch> {
    const isPast = this.#isPanicPast();
    for (const watch of this.#own.values()) {
      if (watch.rule.kind === "fault") this.#judgeFault(watch, nowMs);
      else if (watch.rule.kind === "panic") this.#judgePanic(watch, nowMs, isAfterPanic || isPast);
      else if (watch.rule.kind === "supply") this.#judgeSupply(watch, nowMs);
      else this.#judgeSilence(watch, nowMs);
      yield watch;
    }
  }

  /** Whether it is known from now on that what its console shows was another run of the machine. */
  #isPanicPast(): boolean {
    const stage = this.#stage;
    if (!stage || stage.since === this.#pastPanic || !isOfBefore(this.#power, stage)) return false;
    this.#pastPanic = stage.since;
    return stage.value === "panic";
  }

  #panic(): string | undefined {
    const isPast = this.#stage?.since === this.#pastPanic;
    return panicOf(this.#power, isPast ? undefined : this.#stage);
  }

  /** It is over when something else is known of the machine: it has no supply, runs, was halted, or starts anew. */
  #judgePanic(watch: Watch, nowMs: number, isAfterPanic: boolean): void {
    const why = this.#panic();
    if (why !== undefined) return watch.hold(true, nowMs, () => ({ message: panicWords(why) }));
    const { supply, host = "Unknown" } = this.#power ?? {};
    if (supply === "Off" || host !== "Unknown" || isAfterPanic) return watch.calm();
    watch.lose();
  }

  #judgeFault(watch: Watch, nowMs: number): void {
    if (!this.#power) return;
    const { fault } = this.#power;
    watch.hold(fault !== undefined, nowMs, () => ({
      message: `power-on attempts are exhausted: ${fault ?? ""}`.slice(0, 1000),
    }));
  }

  /** Where the agent or the power service is away, that is what is told. */
  #judgeSupply(watch: Watch, nowMs: number): void {
    const agent = this.#description?.interfaces.power?.[0]?.agent;
    if (this.#description && agent === undefined) return watch.calm();
    if (!this.#power) return watch.lose();
    const { supply, problem } = this.#power;
    if (supply !== "Unknown") return watch.calm();
    const { witnesses } = this;
    if (agent === undefined || witnesses.agentThere(agent) !== true) return watch.lose();
    if (witnesses.serviceThere("power") === false) return watch.lose();
    const message = supplyWords(watch.rule.forMs, problem);
    watch.hold(true, nowMs, () => ({ message }));
  }

  /**
   * Only silence that nobody expects counts, not that of what was halted, and only what is known ends it. Where it is not known whether there is
   * supply, perhaps because what gives it has died, silence counts unless the node was down before.
   */
  #judgeSilence(watch: Watch, nowMs: number): void {
    const supply = this.#power?.supply ?? (this.#hasPower() ? "Unknown" : "On");
    const isHalted = this.#power?.host === "Halted" && this.#panic() === undefined;
    if (this.#liveness === "Alive" || supply === "Off" || isHalted) return watch.calm();
    if (this.#liveness === "Unknown") return watch.lose();
    const isUnsure = supply === "Unknown";
    if (isUnsure ? this.#wasDown : supply !== "On") return watch.lose();
    const leastMs = isUnsure ? UNSURE_MS : 0;
    const span = spanWords(Math.max(watch.rule.forMs, leastMs));
    const isPowerAway = this.witnesses.serviceThere("power") === false;
    const unsure = isPowerAway
      ? ", and the power service, which would know whether it has supply, is away"
      : ", and it is not known whether it has supply; look at what gives it";
    const why = isUnsure ? unsure : " although its supply is on";
    watch.hold(true, nowMs, () => ({ message: `no sign of life for ${span}${why}` }), leastMs);
  }

  #hasPower(): boolean {
    return (this.#description?.interfaces.power ?? []).length > 0;
  }

  #sensor(name: string): SensorWatches {
    let found = this.#sensors.get(name);
    if (!found) {
      found = this.#watchesOf(name, {}, undefined);
      this.#sensors.set(name, found);
    }
    return found;
  }

  /** Makes the watches anew, which go on where those before them were. */
  #rebuild(): Watch[] {
    const before = [...this.watches()];
    const own = new Map<string, Watch>();
    for (const [name, rule] of Object.entries(this.#rules)) {
      if (!OWN_KINDS.includes(rule.kind)) continue;
      const watch = new Watch(this.#subject, name, name, rule);
      const old = this.#own.get(name);
      if (old?.rule.kind === rule.kind) watch.inherit(old);
      own.set(name, watch);
    }
    this.#own = own;
    this.#sensors = this.#sensorsAnew();
    const ids = new Set([...this.watches()].map(({ id }) => id));
    return before.filter(({ id }) => !ids.has(id));
  }

  #sensorsAnew(): Map<string, SensorWatches> {
    const declared = new Map(
      (this.#description?.interfaces.sensor ?? []).map(({ endpoint, agent, driver }) => [
        endpoint.split(".")[2] ?? "",
        { agent, driver },
      ]),
    );
    // Before the node has been described, what is read counts.
    const names = this.#description ? declared.keys() : this.#sensors.keys();
    return new Map(
      [...names].map((name) => {
        const facts = declared.get(name) ?? {};
        const before = this.#sensors.get(name);
        return [name, this.#watchesOf(name, facts, before)] as const;
      }),
    );
  }

  #watchesOf(sensor: string, facts: SensorFacts, before: SensorWatches | undefined): SensorWatches {
    const parts = { clock: this.clock, subject: this.#subject, sensor, facts };
    return new SensorWatches(parts, this.#rules, before);
  }
}
