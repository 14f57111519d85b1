import { join } from "node:path";
import type { ConsoleRule, RuleSign } from "@outrider/contracts/console";
import { nodeId } from "@outrider/contracts/ids";
import type { Action, PowerResult, PowerState, Via } from "@outrider/contracts/power";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { AUTOMATION_MIGRATIONS, SILENCE_MIGRATIONS } from "../automation/automation-migrations.js";
import type { PowerOutcome } from "../automation/policy-power.js";
import { RuleRecords } from "../automation/rule-records.js";
import { Rules } from "../automation/rules.js";
import type { Happening } from "../sessions/console-parts.js";

export const NODE = nodeId("n1");

/** A rule as inventory would publish it. */
export function rule(given: Partial<ConsoleRule>): ConsoleRule {
  return {
    severity: "warning",
    actions: [{ kind: "event" }],
    cooldownMs: 60_000,
    maxPowerActions: 3,
    ...given,
  };
}

/** Rules on one node, with time that stands still and a real store of what they have done. */
export class RulesStage {
  readonly clock = new VirtualClock();
  readonly events: Happening[] = [];
  readonly done: string[] = [];
  /** What people at the console were told. */
  readonly warned: string[] = [];
  /** What the power service says next; by default it accepts. */
  readonly outcomes: PowerOutcome[] = [];
  /** The power service answers once this resolves. */
  powerGate: PromiseWithResolvers<void> | undefined;
  readonly defects: unknown[] = [];
  records!: RuleRecords;
  rules!: Rules;
  #line = 0;
  /** Bytes that the console has said. */
  #heard = 0;

  private constructor(
    private readonly directory: TempDir,
    private storage: Storage,
  ) {}

  static async start(rules: Record<string, ConsoleRule>): Promise<RulesStage> {
    const directory = await tempDir();
    const stage = new RulesStage(directory, await open(directory));
    await stage.#begin(rules);
    return stage;
  }

  /** A new process with what the old one has stored. */
  async restart(rules: Record<string, ConsoleRule>): Promise<void> {
    await this.rules.stop();
    await this.records.flush();
    await this.storage.close();
    this.storage = await open(this.directory);
    await this.#begin(rules);
  }

  async #begin(rules: Record<string, ConsoleRule>): Promise<void> {
    this.records = new RuleRecords(this.storage, this.clock);
    await this.records.load();
    this.rules = new Rules(
      this.records,
      {
        happened: (_, event) => this.events.push(event),
        warn: (_, text) => void this.warned.push(text),
        capture: async (_, name) => void this.done.push(`capture ${name}`),
        sysrq: async (_, name, keys) => {
          this.done.push(`sysrq ${name} ${keys.join()}`);
          return "sent";
        },
        power: async (_, action, name) => {
          this.done.push(`${action} ${name}`);
          await this.powerGate?.promise;
          return this.outcomes.shift() ?? { kind: "done", detail: `${action}: Accepted` };
        },
        record: async (_, name, action) => void this.done.push(`audit ${action} ${name}`),
        defect: (error) => this.defects.push(error),
      },
      this.clock,
    );
    this.rules.declare(rules);
    this.rules.heardTo(NODE, this.#heard);
    this.rules.tellInterrupted();
  }

  /** What was done to power. */
  get powered(): string[] {
    return this.done.filter((one) => /^[A-Z]/.test(one));
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  /** Lets time pass; what waits for the store is done between. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    // What a rule does is stored first, by a thread of its own.
    for (let quiet = 0; quiet < 3; quiet += 1) {
      while (this.storage.stats().pending > 0) {
        await eventually("it is stored", () => this.storage.stats().pending === 0, { everyMs: 1 });
        quiet = 0;
      }
      await this.clock.advance(0);
    }
  }

  /** Something stands on a line that has not ended, and has for a while; `ends` with this. */
  prompt(text: string, ends?: string): void {
    this.#bytes();
    const line = { ...this.#at(text, 0), ended: false };
    this.rules.prompt(NODE, line);
    this.rules.prompt(NODE, { ...line, text: `${text}x` });
    if (ends !== undefined) this.rules.line(NODE, { ...line, text: ends, ended: true });
  }

  say(text: string, agoMs = 0): void {
    this.#bytes();
    this.rules.line(NODE, this.#at(text, agoMs));
  }

  sign(sign: RuleSign, text: string = sign, agoMs = 0): void {
    this.#bytes();
    this.rules.finding(NODE, { kind: "sign", sign, at: this.#at(text, agoMs) });
  }

  boot(): void {
    this.#bytes();
    this.rules.finding(NODE, { kind: "boot", at: this.#at("U-Boot 2024.01", 0) });
  }

  supply(value: PowerState["supply"]["value"], staleAfterMs = 86_400_000): void {
    const at = this.clock.now().toISOString();
    const common = { evidence: "ReadBack", since: at, observedAt: at, staleAfterMs } as const;
    this.rules.powerHeard(NODE, {
      supply: { value, ...common },
      host: { value: "Unknown", ...common },
    });
  }

  asked(action: Action, actor: string, via: Via): void {
    const result: Omit<PowerResult, "id"> = {
      seq: 0,
      action,
      status: "Accepted",
      terminal: false,
      actor,
      via,
      startedAt: this.clock.now().toISOString(),
    };
    this.rules.resultHeard(NODE, result as PowerResult);
  }

  /** A power action has ended. */
  ended(actor: string, ending: Pick<PowerResult, "status" | "reasonCode" | "detail">): void {
    const at = this.clock.now().toISOString();
    const of = { seq: 1, action: "PowerCycle", terminal: true, actor, via: "policy" } as const;
    const result: Omit<PowerResult, "id"> = { ...of, ...ending, startedAt: at, endedAt: at };
    this.rules.resultHeard(NODE, result as PowerResult);
  }

  /** @throws what should never have been thrown */
  async stop(): Promise<void> {
    await this.rules.stop();
    const [defect] = this.defects;
    await this.storage.close();
    await this.directory.remove();
    if (defect !== undefined) throw defect;
  }

  #bytes(): void {
    this.rules.bytes(NODE);
    this.#heard += 1;
    this.rules.heardTo(NODE, this.#heard);
  }

  #at(
    text: string,
    agoMs: number,
  ): {
    text: string;
    line: number;
    position: number;
    atMicros: number;
    ended: boolean;
  } {
    this.#line += 1;
    const atMicros = (this.clock.now().getTime() - agoMs) * 1000;
    return { text, line: this.#line, position: this.#line * 100, atMicros, ended: true };
  }
}

function open(directory: TempDir): Promise<Storage> {
  return openStorage({
    file: join(directory.path, "rules.db"),
    migrations: { namespace: "console", steps: [...AUTOMATION_MIGRATIONS, ...SILENCE_MIGRATIONS] },
  });
}
