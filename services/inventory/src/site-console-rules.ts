import {
  RULE_SIGNS,
  type ConsoleRule,
  type ConsoleRuleAction,
  type RuleSign,
} from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { SiteConsoleRule, SiteFile } from "@outrider/contracts/site-file";
import { RE2JS } from "re2js";
import { resolveNodes, type KnownNode } from "./node-sets.js";
import { readDuration } from "./site-durations.js";
import { quoted, type Report } from "./site-problem.js";

/** A rule that watches consoles, its nodes resolved and every default filled in. */
export type DeclaredRule = Readonly<ConsoleRule>;

const ACTS_AGAIN_AFTER_MS = 60_000;
const MOST_POWER_ACTIONS = 3;

/** What a sign is worth where no rule is about it. */
const SIGNS: Readonly<
  Record<RuleSign, Pick<ConsoleRule, "severity"> & { readonly capture: boolean }>
> = {
  panic: { severity: "critical", capture: true },
  "oom-kill": { severity: "error", capture: false },
  oops: { severity: "error", capture: false },
  "under-voltage": { severity: "warning", capture: false },
  login: { severity: "info", capture: false },
  halted: { severity: "info", capture: false },
};

/**
 * The rules of a file, and for each sign that none of them is about the one that makes an event of it. A declared rule
 * that is called like a sign takes its place, whatever it is about.
 */
export function readConsoleRules(
  declared: SiteFile["consoleRules"] = {},
  universe: ReadonlyMap<NodeId, KnownNode>,
  report: Report,
): ReadonlyMap<string, DeclaredRule> {
  const about = new Set(Object.values(declared).map(({ sign }) => sign));
  const own = Object.entries(declared).map(
    ([id, rule]) => [id, readRule(id, rule, universe, report)] as const,
  );
  const standing = RULE_SIGNS.filter(
    (sign) => !about.has(sign) && !Object.hasOwn(declared, sign),
  ).map((sign) => [sign, ruleOf(sign)] as const);
  return new Map<string, DeclaredRule>([...own, ...standing]);
}

function ruleOf(sign: RuleSign): DeclaredRule {
  const { severity, capture } = SIGNS[sign];
  return {
    sign,
    severity,
    actions: [{ kind: "event" }, ...(capture ? [{ kind: "capture" } as const] : [])],
    cooldownMs: ACTS_AGAIN_AFTER_MS,
    maxPowerActions: MOST_POWER_ACTIONS,
  };
}

function readRule(
  id: string,
  rule: SiteConsoleRule,
  universe: ReadonlyMap<NodeId, KnownNode>,
  report: Report,
): DeclaredRule {
  const path = ["consoleRules", id];
  const { sign, pattern, silence, nodes, severity, actions, cooldown, maxPowerActions } = rule;
  const resolved = nodes === undefined ? undefined : resolveNodes(nodes, universe);
  if (resolved?.ok === false) report([...path, "nodes"], `${quoted(nodes)}: ${resolved.message}`);
  const wrong = pattern === undefined ? undefined : patternProblem(pattern);
  if (wrong !== undefined) report([...path, "pattern"], `${quoted(pattern)} ${wrong}`);
  for (const [index, action] of actions.entries()) {
    if (typeof action === "string" || action.sysrq?.length !== 0) continue;
    report(
      [...path, "actions", index, "sysrq"],
      "is empty; expected the names of keys, such as sync",
    );
  }
  return {
    ...(sign === undefined ? {} : { sign }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(silence === undefined ? {} : { silenceMs: readDuration("silence", silence, path, report) }),
    severity: severity ?? (sign === undefined ? "warning" : SIGNS[sign].severity),
    actions: actions.map((action): ConsoleRuleAction => {
      if (typeof action === "string") return { kind: action };
      if (action.power !== undefined) return { kind: "power", action: action.power };
      return { kind: "sysrq", sysrq: [...(action.sysrq ?? [])] };
    }),
    cooldownMs: readDuration("cooldown", cooldown, path, report),
    maxPowerActions: maxPowerActions ?? MOST_POWER_ACTIONS,
    ...(resolved?.ok ? { nodes: resolved.nodes } : {}),
  };
}

/** Why consoles cannot be watched by a pattern. Undefined: they can. */
function patternProblem(pattern: string): string | undefined {
  try {
    if (!RE2JS.compile(pattern).matcher("").find()) return undefined;
    return "fits the empty line, and so every line; expected a pattern that takes at least one character";
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `is no pattern of RE2, which has no look-around and no back references: ${reason}`;
  }
}
