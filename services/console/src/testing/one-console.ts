import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { LinkClient } from "@outrider/console-link/link-client";
import { makeAgent, startService } from "@outrider/console-link/testing/link-pair";
import { LINK_TIMING } from "@outrider/console-link/timing";
import { MemoryLine } from "@outrider/console-link/testing/memory-line";
import type { ConsoleTold } from "@outrider/contracts/console-attach";
import { systemClock } from "@outrider/contracts/clock";
import type { Right } from "@outrider/contracts/identity";
import { agentId } from "@outrider/contracts/ids";
import type { Subject } from "@outrider/identity/subject";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import type { AttachOptions, Viewer, Visitor } from "../sessions/attachment.js";
import { Console } from "../sessions/console.js";
import type { Happening } from "../sessions/console-parts.js";
import type { Place } from "../sessions/place.js";
import { defaultPolicy } from "../state/declared-consoles.js";
import { LogFixture, NODE, WIDE } from "./log-fixture.js";

/** One console with a real log and a real link, of which the test holds the audit log and people's rights. */
export class OneConsole implements AsyncDisposable {
  readonly line = new MemoryLine(NODE);
  readonly records: AuditEntry[] = [];
  readonly powered: string[] = [];
  readonly events: Happening[] = [];
  readonly defects: unknown[] = [];
  /** Records are written once this resolves; rejects as a database does. */
  audit: Promise<void> = Promise.resolve();
  console!: Console;
  agent!: LinkClient;
  readonly #stack = new AsyncDisposableStack();

  static async start(breakSequences: Record<string, string> = {}): Promise<OneConsole> {
    const one = new OneConsole();
    const fixture = one.#stack.use(await LogFixture.make());
    const log = await (await fixture.open()).open(NODE, WIDE);
    const policy = { ...defaultPolicy(agentId("rack-a"), "tcp"), breakSequences };
    one.console = new Console(
      { node: NODE, name: "One", policy, actions: ["PowerCycle"] },
      log,
      {
        clock: systemClock,
        log: silentLog,
        audit: async (entry) => {
          one.records.push(entry);
          await one.audit;
        },
        power: async (_, action) => {
          one.powered.push(action);
          return `${action}: Accepted`;
        },
        screens: {
          feed: () => false,
          wants: () => false,
          replay: () => Promise.resolve({ bytes: Buffer.alloc(0), position: log.next }),
        },
        wires: { of: () => ({ line: false, control: false }), keep: () => Promise.resolve() },
        happened: (_, event) => void one.events.push(event),
        defect: (error) => void one.defects.push(error),
      },
      () => undefined,
    );
    one.line.change({ up: true, abilities: ["break", "dtr", "rts", "line", "purge"] });
    // As in life: a test that is held up for a moment does not lose its link.
    const service = one.#stack.use(await startService(undefined, { timing: LINK_TIMING }));
    one.agent = makeAgent(service.port, { timing: LINK_TIMING });
    one.#stack.defer(() => one.agent.stop());
    one.agent.add(one.line);
    one.agent.start();
    one.console.linked(await eventually("it is linked", () => service.recorder.consoles.get(NODE)));
    return one;
  }

  attach(name: string, options: Partial<AttachOptions> = {}): Promise<Person> {
    return new Person(name).attach(this.console, options);
  }

  /** The log so far, as text. */
  async said(): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.console.log.export({ from: { lastLines: 1000 } }, "text")) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }

  /** The acts that were recorded. */
  acts(): string[] {
    return this.records.map(({ act, stage }) => `${act}${stage ? ` ${stage}` : ""}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    if (this.defects.length > 0) throw this.defects[0];
  }
}

/** Somebody at a console. */
export class Person {
  readonly tolds: ConsoleTold[] = [];
  readonly chunks: Buffer[] = [];
  subject: Subject | undefined;
  place!: Place;

  constructor(readonly name: string) {
    const rights: readonly Right[] = ["read", "console-read", "console-write", "power"];
    this.subject = { kind: "person", name, rights };
  }

  get visitor(): Visitor {
    return { actor: `person:${this.name}`, way: "web", subject: () => this.subject };
  }

  async attach(console: Console, options: Partial<AttachOptions>): Promise<this> {
    const viewer: Viewer = {
      bytes: (chunk) => this.chunks.push(Buffer.from(chunk)) > 0,
      onDrain: () => undefined,
      told: (told) => void this.tolds.push(told),
    };
    const wish = { mode: "write", replay: "none", ...options } as const;
    this.place = await console.attach(this.visitor, wish, viewer);
    return this;
  }

  /** Loses all rights but these. */
  only(...rights: Right[]): void {
    this.subject = { kind: "person", name: this.name, rights };
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  heard(told: ConsoleTold["told"]): ConsoleTold | undefined {
    return this.tolds.findLast((one) => one.told === told);
  }
}
