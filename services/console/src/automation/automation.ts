import { seconds, type Clock } from "@outrider/contracts/clock";
import type { ConsolePolicies } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import type { RequestClient } from "@outrider/messaging/request-client";
import type { Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";
import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { Consoles } from "../intake/consoles.js";
import { ActRefused } from "../sessions/act-refused.js";
import { auditEntry, type Actor } from "../sessions/console-audit.js";
import type { Happening } from "../sessions/console-parts.js";
import { seemly } from "../sessions/seemly.js";
import type { ConsoleTaps } from "./console-tap.js";
import { Captures } from "./captures.js";
import { policyPower } from "./policy-power.js";
import { RuleRecords } from "./rule-records.js";
import { LOOK_EVERY, Rules } from "./rules.js";

export interface AutomationOptions {
  readonly storage: Storage;
  /** `<OUTRIDER_DATA>/console`. */
  readonly directory: string;
  readonly requests: RequestClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly consoles: Consoles;
  readonly taps: ConsoleTaps;
  readonly happened: (node: NodeId, event: Happening) => void;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly defect: (error: unknown) => void;
}

const KEEP_EVERY = seconds(5);

/** What watches consoles and acts by itself: rules and their captures. */
export class Automation {
  readonly records: RuleRecords;
  readonly captures: Captures;
  readonly rules: Rules;
  readonly #stops: (() => void)[] = [];
  readonly #background = new Set<Promise<void>>();
  #declared: ConsolePolicies["rules"] | undefined;

  constructor(private readonly options: AutomationOptions) {
    const { storage, clock, consoles, requests, happened, audit, defect } = options;
    this.records = new RuleRecords(storage, clock);
    this.captures = new Captures({
      ...options,
      logOf: (node) => consoles.get(node)?.log,
    });
    this.rules = new Rules(
      this.records,
      {
        happened,
        defect,
        warn: (node, text) => {
          consoles.get(node)?.console.tellAll({ told: "notice", text: seemly(text, 2000) });
        },
        capture: (node, rule, match) => this.captures.capture(node, rule, match),
        sysrq: async (node, rule, keys) => {
          const console = consoles.get(node)?.console;
          if (!console) throw new ActRefused("unreachable", "the node has no console now");
          return console.asks.from(asRule(rule), { ask: "sysrq", keys: [...keys] });
        },
        power: policyPower(requests, clock),
        record: (node, rule, action, reason) =>
          audit(auditEntry(asRule(rule), "power", node, { reason, data: { action, rule } })),
      },
      clock,
    );
  }

  /** What is wrong, in sentences. */
  *problems(): Generator<string> {
    for (const { rule, detail } of this.rules.problems) {
      yield `console rule ${rule} is not in force: ${detail}`;
    }
  }

  /** Takes up what was known before, and watches from now on. @throws StorageError */
  async start(): Promise<void> {
    const { taps, clock } = this.options;
    const kept = await this.records.load();
    // What the bus has said in the meantime is newer.
    this.rules.declare(this.#declared ?? kept ?? {});
    this.rules.tellInterrupted();
    await this.captures.settle();
    const tap = taps.add({
      bytes: (node) => this.rules.bytes(node),
      line: (node, line) => this.rules.line(node, line),
      prompt: (node, line) => this.rules.prompt(node, line),
      finding: (node, finding) => this.rules.finding(node, finding),
    });
    this.#stops.push(
      () => tap[Symbol.dispose](),
      clock.every(LOOK_EVERY, () => this.#look()),
      clock.every(KEEP_EVERY, () => this.#run(this.records.flush())),
    );
  }

  declare(rules: ConsolePolicies["rules"]): void {
    this.#declared = rules;
    this.rules.declare(rules);
    this.#run(this.records.keepRules(rules));
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.captures.stop();
    await this.rules.stop();
    this.#run(this.records.flush());
    await Promise.all(this.#background);
  }

  #look(): void {
    const { consoles } = this.options;
    for (const { node, console, declaration } of consoles.all()) {
      this.rules.declared(node, declaration.hasPower);
      this.rules.heardTo(node, console.log.next);
      this.rules.linkHeard(node, console.link.value === "Up");
    }
    this.rules.look();
    this.#run(this.captures.resume());
  }

  /** What the database refuses is done again later; anything else is a defect. */
  #run(doing: Promise<void>): void {
    const { log, defect } = this.options;
    const run: Promise<void> = doing
      .catch((error: unknown) => {
        if (!isStorageError(error) && !isSystemError(error)) return defect(error);
        log.warn({ err: error }, "what rules have done could not be stored; it is tried again");
      })
      .then(() => void this.#background.delete(run));
    this.#background.add(run);
  }
}

function asRule(rule: string): Actor {
  return { actor: `policy:${rule}`, way: "rule" };
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
