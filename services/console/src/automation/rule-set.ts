import {
  RULE_SIGNS,
  type ConsolePolicies,
  type ConsoleRule,
  type RuleSign,
} from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import { SearchError } from "../log/console-log.js";
import { compileQuery, type CompiledQuery } from "../log/search-query.js";

/** A rule with its name, which is the policy that acts. */
export interface NamedRule extends Readonly<ConsoleRule> {
  readonly name: string;
}

export interface PatternRule {
  readonly rule: NamedRule;
  readonly pattern: CompiledQuery;
}

/** The rules that watch one console. */
export interface NodeRuleSet {
  readonly signs: ReadonlyMap<RuleSign, readonly NamedRule[]>;
  readonly patterns: readonly PatternRule[];
  readonly silences: readonly (NamedRule & { readonly silenceMs: number })[];
}

const COOLDOWN_MS = 60_000;
const MAX_POWER_ACTIONS = 3;

/** What a sign is worth where no rule is about it. */
const SIGNS: Readonly<Record<RuleSign, Pick<ConsoleRule, "severity" | "actions">>> = {
  panic: { severity: "critical", actions: [{ kind: "event" }, { kind: "capture" }] },
  "oom-kill": { severity: "error", actions: [{ kind: "event" }] },
  oops: { severity: "error", actions: [{ kind: "event" }] },
  "under-voltage": { severity: "warning", actions: [{ kind: "event" }] },
  login: { severity: "info", actions: [{ kind: "event" }] },
  halted: { severity: "info", actions: [{ kind: "event" }] },
};

export const BUILT_IN: ReadonlyMap<RuleSign, NamedRule> = new Map(
  RULE_SIGNS.map((sign) => [
    sign,
    {
      name: sign,
      sign,
      ...SIGNS[sign],
      cooldownMs: COOLDOWN_MS,
      maxPowerActions: MAX_POWER_ACTIONS,
    },
  ]),
);

/** A rule whose pattern cannot be used, and why. */
export interface RuleProblem {
  readonly rule: string;
  readonly detail: string;
}

/**
 * The rules in force, by node. A sign that no declared rule is about on a node still makes an event there; a declared
 * rule that is called like a sign takes its place.
 */
export class RuleSet {
  readonly problems: readonly RuleProblem[];
  readonly #rules: readonly NamedRule[];
  readonly #patterns = new Map<string, CompiledQuery>();
  readonly #scopes = new Map<string, ReadonlySet<string>>();
  readonly #byNode = new Map<NodeId, NodeRuleSet>();

  constructor(declared: ConsolePolicies["rules"]) {
    const problems: RuleProblem[] = [];
    this.#rules = Object.entries(declared).map(([name, rule]) => ({ ...rule, name }));
    for (const { name, pattern, nodes } of this.#rules) {
      if (nodes) this.#scopes.set(name, new Set(nodes));
      if (pattern === undefined) continue;
      try {
        this.#patterns.set(name, compileQuery({ regex: pattern }));
      } catch (error) {
        if (!(error instanceof SearchError)) throw error;
        problems.push({ rule: name, detail: error.message });
      }
    }
    this.problems = problems;
  }

  has(name: string): boolean {
    return BUILT_IN.has(name as RuleSign) || this.#rules.some((rule) => rule.name === name);
  }

  of(node: NodeId): NodeRuleSet {
    let found = this.#byNode.get(node);
    if (!found) this.#byNode.set(node, (found = this.#for(node)));
    return found;
  }

  #for(node: NodeId): NodeRuleSet {
    const rules = this.#rules.filter(({ name }) => this.#scopes.get(name)?.has(node) ?? true);
    const signs = new Map<RuleSign, readonly NamedRule[]>();
    for (const [sign, standing] of BUILT_IN) {
      const about = rules.filter((rule) => rule.sign === sign);
      const isReplaced = rules.some(({ name }) => name === sign);
      signs.set(sign, about.length > 0 || isReplaced ? about : [standing]);
    }
    return {
      signs,
      patterns: rules.flatMap((rule) => {
        const pattern = this.#patterns.get(rule.name);
        return pattern ? [{ rule, pattern }] : [];
      }),
      silences: rules.flatMap(({ silenceMs, ...rule }) =>
        silenceMs === undefined ? [] : [{ ...rule, silenceMs }],
      ),
    };
  }
}
