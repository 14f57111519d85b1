import { QUANTITIES } from "@outrider/contracts/reading";
import { OFF, type SiteAlarm } from "@outrider/contracts/site-alarms";
import type { SiteFile } from "@outrider/contracts/site-file";
import {
  DEFAULT_ALARMS,
  RULE_KINDS,
  SITE_RULE_KINDS,
  type AlarmLimits,
  type AlarmRule,
  type RuleKind,
} from "@outrider/contracts/telemetry-policy";
import { readDuration } from "./site-durations.js";
import type { Report, SitePath } from "./site-problem.js";
import type { DeclaredNode } from "./site.js";

type Rules = Readonly<Record<string, AlarmRule>>;

/** The rules of a site after product, site, roles and nodes are merged. */
export interface DeclaredAlarms {
  /** Rules as nodes share them. */
  readonly profiles: readonly Rules[];
  /** By node, which of the profiles. */
  readonly nodes: ReadonlyMap<string, number>;
  /** About agents, power domains and the store. */
  readonly site: Rules;
}

/** What is said of a rule at one place; what is left out is not there. */
type Part = { readonly off?: boolean } & {
  readonly [K in keyof AlarmRule]?: AlarmRule[K] | undefined;
};
type Layer = ReadonlyMap<string, Part>;
type Given = Readonly<Record<string, SiteAlarm | typeof OFF>>;

const PRODUCT: Layer = new Map(Object.entries<Part>(DEFAULT_ALARMS));
const RATE_OVER_MS = { minute: 300_000, hour: 3_600_000 } as const;
const LOSS_OVER_MS = 3_600_000;
const WITH_LIMITS: readonly RuleKind[] = ["threshold", "rate", "clock", "budget"];
const OF_SENSORS: readonly RuleKind[] = ["threshold", "rate", "missing"];
/** What only rules of these kinds say. */
const ONLY_OF: Readonly<Partial<Record<keyof AlarmRule, readonly RuleKind[]>>> = {
  sensor: OF_SENSORS,
  drivers: OF_SENSORS,
  quantity: OF_SENSORS,
  upper: WITH_LIMITS,
  lower: ["threshold", "rate"],
  per: ["rate"],
  overMs: ["rate", "budget", "loss"],
  severity: RULE_KINDS.filter((kind) => !WITH_LIMITS.includes(kind)),
};
/** As the file calls it. */
const KEYS: Readonly<Record<string, string>> = { overMs: "over", forMs: "for" };

/** Reads and merges the rules: the node's before its roles' (the first that says it), the site's, the product's. */
export function readAlarms(
  declared: SiteFile,
  nodes: readonly Pick<DeclaredNode, "id" | "roles">[],
  report: Report,
): DeclaredAlarms {
  const site = over(PRODUCT, readLayer(declared.alarms, ["alarms"], report));
  offIsOfSomething(declared.alarms, saying(PRODUCT), ["alarms"], report);
  complete(site, named(declared.alarms), ["alarms"], report);
  const ofRoles = new Map<string, Layer>();
  // A role may take away what another one of the same node says.
  const inRoles = Object.values(declared.roles ?? {}).flatMap(({ alarms }) => declaring(alarms));
  for (const [id, { alarms }] of Object.entries(declared.roles ?? {})) {
    const path = ["roles", id, "alarms"];
    const layer = readLayer(alarms, path, report);
    ofRoles.set(id, layer);
    offIsOfSomething(alarms, [...saying(site), ...inRoles], path, report);
    isOfNodes(over(site, layer), named(alarms), path, report);
    complete(over(site, layer), named(alarms), path, report);
  }
  const profiles: Rules[] = [];
  const shared = new Map<string, number>();
  const byNode = new Map<string, number>();
  for (const { id, roles } of nodes) {
    const alarms = declared.nodes[id]?.alarms;
    const key = JSON.stringify([roles.filter((role) => ofRoles.get(role)?.size), alarms]);
    let index = shared.get(key);
    if (index === undefined) {
      const path = ["nodes", id, "alarms"];
      const own = readLayer(alarms, path, report);
      const below = roles.reduceRight((sum, role) => over(sum, ofRoles.get(role)), site);
      const all = over(below, own);
      offIsOfSomething(alarms, saying(below), path, report);
      isOfNodes(all, named(alarms), path, report);
      // What roles say together may be wrong although each by itself is right.
      const isTogether = roles.filter((role) => ofRoles.get(role)?.size).length > 1;
      const judged = isTogether ? [...all.keys()] : named(alarms);
      const rules = complete(all, judged, path, report);
      index = profiles.push(ofKind(rules, false)) - 1;
      shared.set(key, index);
    }
    byNode.set(id, index);
  }
  return { profiles, nodes: byNode, site: ofKind(complete(site, [], [], report), true) };
}

function named(given: Given | undefined): string[] {
  return Object.keys(given ?? {});
}

/** Names of rules of which something is said, also where they are taken away. */
function saying(layer: Layer): string[] {
  return [...layer].flatMap(([name, part]) =>
    Object.keys(part).some((key) => key !== "off") ? name : [],
  );
}

/** Names of rules that are not only taken away. */
function declaring(given: Given | undefined): string[] {
  return Object.entries(given ?? {}).flatMap(([name, alarm]) => (alarm === OFF ? [] : name));
}

/** What takes away nothing is a name that was mistyped, and the rule that was meant goes on. */
function offIsOfSomething(
  given: Given | undefined,
  known: Iterable<string>,
  path: SitePath,
  report: Report,
): void {
  const below = new Set(known);
  for (const [name, alarm] of Object.entries(given ?? {})) {
    if (alarm !== OFF || below.has(name)) continue;
    report(
      [...path, name],
      `is off, and there is no rule of that name to be taken away; expected one of ${[...below].toSorted().join(", ")}`,
    );
  }
}

function over(below: Layer, above: Layer | undefined): Layer {
  if (!above || above.size === 0) return below;
  const merged = new Map(below);
  for (const [name, part] of above) {
    const under = below.get(name);
    merged.set(name, {
      ...under,
      ...part,
      ...bothLimits("upper", under, part),
      ...bothLimits("lower", under, part),
    });
  }
  return merged;
}

function bothLimits(
  side: "upper" | "lower",
  below: Part | undefined,
  above: Part,
): { upper?: AlarmLimits; lower?: AlarmLimits } {
  const limits = { ...below?.[side], ...above[side] };
  return Object.keys(limits).length > 0 ? { [side]: limits } : {};
}

function readLayer(given: Given | undefined, path: SitePath, report: Report): Layer {
  return new Map(
    Object.entries(given ?? {}).map(([name, alarm]) => [
      name,
      alarm === OFF ? { off: true } : readPart(alarm, [...path, name], report),
    ]),
  );
}

function readPart(alarm: SiteAlarm, path: SitePath, report: Report): Part {
  const { over: span, for: delay, kind, per, ...rest } = alarm;
  const said = kind ?? (per === undefined ? undefined : "rate");
  return {
    ...rest,
    off: false,
    ...(per === undefined ? {} : { per }),
    ...(said === undefined ? {} : { kind: said }),
    ...(span === undefined ? {} : { overMs: readDuration("over", span, path, report) }),
    ...(delay === undefined ? {} : { forMs: readDuration("for", delay, path, report) }),
  };
}

function isOfNodes(layer: Layer, names: readonly string[], path: SitePath, report: Report): void {
  for (const name of names) {
    const kind = layer.get(name)?.kind;
    if (kind === undefined || !isOfSite(kind)) continue;
    report(
      [...path, name],
      `is about ${kind}, which no single node has; expected it under alarms of the site`,
    );
  }
}

function isOfSite(kind: RuleKind): boolean {
  return (SITE_RULE_KINDS as readonly RuleKind[]).includes(kind);
}

function ofKind(rules: Rules, ofSite: boolean): Rules {
  return Object.fromEntries(
    Object.entries(rules).filter(([, { kind }]) => isOfSite(kind) === ofSite),
  );
}

/** Rules with every default filled in. @param names those that are told of where something is wrong */
function complete(layer: Layer, names: readonly string[], path: SitePath, report: Report): Rules {
  const rules: Record<string, AlarmRule> = {};
  for (const [name, part] of layer) {
    if (part.off) continue;
    const say = names.includes(name)
      ? (key: string, message: string): void =>
          report([...path, name, ...(key === "" ? [] : [KEYS[key] ?? key])], message)
      : (): void => undefined;
    const rule = completed(part, say);
    if (rule) rules[name] = rule;
  }
  return rules;
}

type Say = (key: string, message: string) => void;

function completed(part: Part, say: Say): AlarmRule | undefined {
  const { off: _, kind = part.quantity === undefined ? undefined : "threshold", ...rest } = part;
  if (kind === undefined) {
    say("", "says nothing of what it watches; expected a quantity, or a kind such as missing");
    return undefined;
  }
  for (const [key, kinds] of Object.entries(ONLY_OF)) {
    if (part[key as keyof AlarmRule] === undefined || kinds.includes(kind)) continue;
    say(key, `means nothing for a rule of kind ${kind}; expected it to be left out`);
  }
  const needsQuantity = kind === "threshold" || kind === "rate";
  if (needsQuantity && rest.quantity === undefined) {
    say("quantity", "is missing; expected what the limits are of");
    return undefined;
  }
  if (WITH_LIMITS.includes(kind)) limitsFit(part, kind, say);
  const per = kind === "rate" ? (rest.per ?? "minute") : undefined;
  return {
    ...(rest as Partial<AlarmRule>),
    kind,
    hysteresis: rest.hysteresis ?? 0,
    forMs: rest.forMs ?? 0,
    ...(per === undefined ? {} : { per, overMs: rest.overMs ?? RATE_OVER_MS[per] }),
    ...(kind === "loss" ? { overMs: rest.overMs ?? LOSS_OVER_MS } : {}),
    ...(WITH_LIMITS.includes(kind) ? {} : { severity: rest.severity ?? "Warning" }),
  };
}

function limitsFit(
  { upper, lower, quantity, hysteresis = 0 }: Part,
  kind: RuleKind,
  say: Say,
): void {
  const limits = [upper?.warning, upper?.critical, lower?.warning, lower?.critical];
  if (limits.every((limit) => limit === undefined)) {
    say("", "has no limit; expected upper or lower, with warning or critical");
  }
  const { warning: above, critical: farAbove } = upper ?? {};
  const { warning: below, critical: farBelow } = lower ?? {};
  if (above !== undefined && farAbove !== undefined && farAbove < above)
    say("upper", `critical '${farAbove}' is less than warning '${above}'; expected it not to be`);
  if (below !== undefined && farBelow !== undefined && farBelow > below)
    say("lower", `critical '${farBelow}' is more than warning '${below}'; expected it not to be`);
  const least = above ?? farAbove;
  const most = below ?? farBelow;
  if (least !== undefined && most !== undefined && most + hysteresis >= least - hysteresis)
    say("lower", `'${most}' leaves nothing inside the upper limit '${least}' and the hysteresis`);
  if (kind !== "threshold" || quantity === undefined) return;
  const { min, max, unit } = QUANTITIES[quantity];
  for (const [side, limit] of [
    ["upper", above],
    ["upper", farAbove],
    ["lower", below],
    ["lower", farBelow],
  ] as const) {
    if (limit === undefined || (limit >= min && limit <= max)) continue;
    say(side, `'${limit}' is never reached; ${quantity} is ${min} to ${max} ${unit}`.trimEnd());
  }
}
