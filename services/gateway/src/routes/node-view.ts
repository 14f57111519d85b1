import { IsBoolean } from "class-validator";
import type { Clock } from "@outrider/contracts/clock";
import {
  Id,
  Integer,
  ListOf,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
  WordList,
} from "@outrider/contracts/decorators";
import { ConsoleState } from "@outrider/contracts/console";
import { ID_PATTERN, INTERFACE_KINDS, type InterfaceKind } from "@outrider/contracts/ids";
import { NodeLock } from "@outrider/contracts/lock";
import {
  HEALTH,
  InterfaceBinding,
  LABEL_PATTERN,
  LIVENESS,
  MANAGEMENT,
  WAKES,
  type NodeDescription,
  type Wake,
} from "@outrider/contracts/node";
import {
  ACTIONS,
  EVIDENCE,
  HOST_VALUES,
  LastCommand,
  PowerResult,
  SUPPLY_VALUES,
  type Action,
  type Evidence,
  type Host,
  type Supply,
} from "@outrider/contracts/power";
import { ALARM_SEVERITIES, AlarmState } from "@outrider/contracts/telemetry";
import { ageOf, type NodeRecord } from "../mirror/node-record.js";

/** The supply of a node with its age as the gateway sees it. */
export class SupplyView {
  @OneOf(SUPPLY_VALUES) value!: Supply;
  @OneOf(EVIDENCE) evidence!: Evidence;
  @Timestamp() since!: string;
  @Timestamp() observedAt!: string;
  @Integer(1) staleAfterMs!: number;
  @Integer(0) ageMs!: number;
  /** Whether it is too old to be relied on. */
  @IsBoolean() stale!: boolean;
}

export class HostView {
  @OneOf(HOST_VALUES) value!: Host;
  @OneOf(EVIDENCE) evidence!: Evidence;
  @Timestamp() since!: string;
  @Timestamp() observedAt!: string;
  @Integer(1) staleAfterMs!: number;
  @Integer(0) ageMs!: number;
  @IsBoolean() stale!: boolean;
}

export class StatusView {
  @OneOf(MANAGEMENT) management!: (typeof MANAGEMENT)[number];
  @OneOf(LIVENESS) liveness!: (typeof LIVENESS)[number];
  @OneOf(HEALTH) health!: (typeof HEALTH)[number];
  @Timestamp() observedAt!: string;
  @Integer(1) staleAfterMs!: number;
  @Integer(0) ageMs!: number;
  @IsBoolean() stale!: boolean;
}

/** The console of a node with its age as the gateway sees it. */
export class ConsoleStateView extends ConsoleState {
  @Integer(0) ageMs!: number;
  @IsBoolean() stale!: boolean;
}

/** A node as people see it: what it is, what was measured of it and how long ago, and who holds it. */
export class NodeView {
  @Id() id!: string;
  @Text(200) name!: string;
  @ListOf(ID_PATTERN, 32) roles!: string[];
  @MapOf(LABEL_PATTERN, { text: 200 }, 64) labels!: Record<string, string>;
  @Optional() @OneOf(WAKES) wake?: Wake;
  @WordList(ACTIONS) supportedActions!: Action[];
  @Integer(0) gracefulLimitMs!: number;
  /** Missing where nothing was ever heard. */
  @Optional() @Nested(() => SupplyView) supply?: SupplyView;
  @Optional() @Nested(() => HostView) host?: HostView;
  @Optional() @Nested(() => StatusView) status?: StatusView;
  /** What the running or last command wants of the supply. */
  @Optional() @OneOf(["On", "Off"]) target?: "On" | "Off";
  @Optional() @Nested(() => LastCommand) lastCommand?: LastCommand;
  /**
   * The last that was heard of any command on the node, with its reason: also of one that was rejected, and so is no
   * last command. Missing where nothing was heard since the gateway was started.
   */
  @Optional() @Nested(() => PowerResult) lastResult?: PowerResult;
  /** Agents that its interfaces are bound to. */
  @ListOf(ID_PATTERN, 64) agents!: string[];
  /** What it has an interface for: without `power` nothing can switch it. */
  @WordList(INTERFACE_KINDS) interfaceKinds!: InterfaceKind[];
  /** Set while power-on attempts are exhausted. */
  @Optional() @Text(500) fault?: string;
  /** Why supply or host is `Unknown`, or what is wrong beside, and what to do. */
  @Optional() @Text(500) problem?: string;
  @Optional() @Nested(() => NodeLock) lock?: NodeLock;
  /** Missing where nothing was ever heard of a console. */
  @Optional() @Nested(() => ConsoleStateView) console?: ConsoleStateView;
  /** Those that stand, the worst first; missing where there are none. */
  @Optional() @NestedList(() => AlarmState, 10_000) alarms?: AlarmState[];
  /** Only of one node, not in lists. */
  @Optional()
  @MapOf(
    new RegExp(`^(${INTERFACE_KINDS.join("|")})$`),
    { nestedList: () => InterfaceBinding, maxItems: 64 },
    8,
  )
  interfaces?: Partial<Record<InterfaceKind, InterfaceBinding[]>>;
}

/** @param clock the gateway's */
export function nodeView(record: NodeRecord, clock: Clock): NodeView | undefined {
  const { description, state, status, lock, result, alarms } = record;
  if (!description) return undefined;
  const now = { calendarMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
  const { id, name, roles, labels, wake, supportedActions, gracefulLimitMs, interfaces } =
    description.value;
  const aged = <T extends { readonly observedAt: string; readonly staleAfterMs: number }>(
    value: T,
    atMs: number,
  ): T & { ageMs: number; stale: boolean } => ({ ...value, ...ageOf(value, atMs, now) });
  const power = state?.value;
  const consoleState = consoleStateOf(record, clock);
  return {
    id,
    name,
    roles,
    labels,
    ...(wake ? { wake } : {}),
    supportedActions,
    gracefulLimitMs,
    ...(state && power
      ? { supply: aged(power.supply, state.atMs), host: aged(power.host, state.atMs) }
      : {}),
    ...(status ? { status: aged(status.value, status.atMs) } : {}),
    ...(power?.target ? { target: power.target } : {}),
    ...(power?.lastCommand ? { lastCommand: power.lastCommand } : {}),
    ...(result ? { lastResult: result.value } : {}),
    agents: agentsOf(description.value),
    interfaceKinds: INTERFACE_KINDS.filter((kind) => interfaces[kind]?.length),
    ...(power?.fault === undefined ? {} : { fault: power.fault }),
    ...(power?.problem === undefined ? {} : { problem: power.problem }),
    ...(lock ? { lock: lock.value } : {}),
    ...(consoleState ? { console: consoleState } : {}),
    ...(alarms ? { alarms: [...alarms.value.values()].toSorted(worstFirst) } : {}),
  };
}

function worstFirst(a: AlarmState, b: AlarmState): number {
  const [left, right] = [a, b].map(({ severity }) => ALARM_SEVERITIES.indexOf(severity));
  return (right ?? 0) - (left ?? 0) || (a.raisedAt < b.raisedAt ? 1 : -1);
}

/** What was last heard of a node's console. */
export function consoleStateOf(
  { console }: Pick<NodeRecord, "console">,
  clock: Clock,
): ConsoleStateView | undefined {
  if (!console) return undefined;
  const now = { calendarMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
  return { ...console.value, ...ageOf(console.value, console.atMs, now) };
}

/** The agents that the interfaces of a node are bound to, each once. */
export function agentsOf({ interfaces }: Pick<NodeDescription, "interfaces">): string[] {
  const bindings = Object.values(interfaces).flat();
  return [...new Set(bindings.map(({ agent }) => String(agent)))].toSorted();
}

/** What of a view changes what people conclude, beside its age: what its entity tag is made of. */
export function stampOf({ revision }: NodeRecord, view: NodeView): string {
  const stale = [view.supply, view.host, view.status, view.console].map((one) =>
    one?.stale ? "1" : "0",
  );
  return `${view.id}:${revision}:${stale.join("")}`;
}
