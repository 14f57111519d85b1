import { cp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import { encode } from "@outrider/contracts/codec";
import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import { MessagingError } from "@outrider/messaging/errors";
import { silentLog } from "@outrider/messaging/log";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { tempDir } from "@outrider/testing/temp-dir";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logWith } from "../log.js";
import { ReadingStore } from "../testing/reading-store.js";
import type { Batch } from "./batch-record.js";
import { ReadingSender } from "./reading-sender.js";
import { ReadingSpool } from "./reading-spool.js";

const log = logWith(silentLog, {});
const agent = agentId("a1");

/** An agent's spool and sender, in virtual time, and whoever hears them over a way that loses what it is told to. */
class Lab implements AsyncDisposable {
  readonly store = new ReadingStore();
  readonly sent: AgentReadings[] = [];
  /** Whether the store is there, what of messages and acknowledgements gets through, and whether there is a session. */
  listens = true;
  loses: () => boolean = () => false;
  epoch: string | undefined;
  #epochs = 0;
  #made = 0;
  spool!: ReadingSpool;
  sender!: ReadingSender;

  private constructor(
    readonly clock: ManualClock,
    readonly directory: string,
  ) {}

  static async start(directory: string): Promise<Lab> {
    const lab = new Lab(new ManualClock(), directory);
    await lab.open();
    return lab;
  }

  async open(boot = "boot-1"): Promise<void> {
    const { clock, directory } = this;
    this.spool = await ReadingSpool.open({ directory, limitBytes: 1_048_576, log });
    this.sender = new ReadingSender({
      agent,
      spool: this.spool,
      clock,
      log,
      boot,
      bootMs: () => 5000 + clock.monotonicMs(),
      session: this,
    });
    this.sender.start();
  }

  /** As a session has it. */
  publish = async (_contract: unknown, _parameters: unknown, message: object): Promise<void> =>
    this.#hear(message as AgentReadings);

  connect(): void {
    this.epoch = `e${++this.#epochs}`;
    this.sender.connected();
  }

  disconnect(): void {
    this.epoch = undefined;
    this.sender.disconnected();
  }

  async close(): Promise<void> {
    await this.sender[Symbol.asyncDispose]();
    await this.spool[Symbol.asyncDispose]();
  }

  /** Takes a reading, and passes a second. */
  async second(boot = "boot-1"): Promise<void> {
    const { clock } = this;
    const batch: Batch = {
      boot,
      readings: [
        {
          endpoint: endpointId("n1", "sensor", "supply"),
          node: nodeId("n1"),
          at: clock.now().toISOString(),
          takenMs: 5000 + clock.monotonicMs(),
          values: { energyWattHours: ++this.#made },
        },
      ],
    };
    this.sender.notify(this.spool.append(batch), batch);
    await this.pass(1000);
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      await turn();
      this.clock.advance(10);
    }
    await turn();
  }

  /** Passes time until all is stored. The disk takes time that no clock counts. */
  async settle(): Promise<void> {
    for (let round = 0; round < 500 && this.store.readings.length < this.#made; round++) {
      await this.pass(1000);
      await stat(this.directory);
    }
    if (this.stored.join(" ") !== this.made.join(" "))
      throw new Error(`stored: ${this.stored.join(" ")}`);
  }

  get made(): number[] {
    return Array.from({ length: this.#made }, (_, at) => at + 1);
  }

  get stored(): (number | undefined)[] {
    return this.store.readings.map(({ values }) => values?.energyWattHours);
  }

  async #hear(message: AgentReadings): Promise<void> {
    if (this.epoch === undefined) throw new MessagingError("disconnected", "gone");
    encode(agentReading, message);
    this.sent.push(message);
    if (!this.listens || this.loses()) return;
    const { epoch } = message;
    const reading = this.store.take(message);
    if (!this.loses()) queueMicrotask(() => this.sender.acknowledged({ epoch, reading }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

describe("readings on their way", { timeout: 60_000 }, () => {
  const withLab = async (run: (lab: Lab) => Promise<void>): Promise<void> => {
    const dir = await tempDir();
    try {
      await using lab = await Lab.start(join(dir.path, "readings"));
      await run(lab);
    } finally {
      await dir.remove();
    }
  };

  it("come once each and in order, with the age that they have when they are sent", () =>
    withLab(async (lab) => {
      for (let at = 0; at < 20; at++) await lab.second();
      lab.connect();
      for (let at = 0; at < 5; at++) await lab.second();
      await lab.settle();
      for (const { at, readings } of lab.sent)
        expect(readings[0]?.ageMs).toBe(Date.parse(at) - Date.parse(readings[0]?.at ?? ""));
      expect(lab.spool.acknowledged).toBe(25);
    }));

  it("of another boot have the age of the calendar", () =>
    withLab(async (lab) => {
      await lab.second("boot-0");
      lab.connect();
      await lab.settle();
      expect(lab.sent[0]?.readings[0]?.ageMs).toBe(Date.parse(lab.sent[0]?.at ?? ""));
    }));

  it("that nobody can be told hold up none, neither now nor after a restart", () =>
    withLab(async (lab) => {
      lab.connect();
      await lab.second();
      const impossible = { proves: "system", alive: true, uptimeSeconds: 1e11 } as const;
      const taken = { at: lab.clock.now().toISOString(), takenMs: 5000 };
      const batch: Batch = {
        boot: "boot-1",
        readings: [
          {
            endpoint: endpointId("n1", "heartbeat", "host"),
            node: nodeId("n1"),
            ...taken,
            heartbeat: impossible,
          },
        ],
      };
      lab.sender.notify(lab.spool.append(batch), batch);
      await lab.second();
      await lab.close();
      await lab.open();
      lab.connect();
      await lab.second();
      await lab.settle();
      expect(lab.store.readings).toHaveLength(3);
      expect(
        lab.spool.stats().dropped + lab.sent.filter(({ readings }) => readings.length === 0).length,
      ).toBeGreaterThan(0);
    }));

  it("cost next to nothing while nobody stores them, are told live all the same, and come when somebody does", () =>
    withLab(async (lab) => {
      lab.listens = false;
      lab.connect();
      for (let at = 0; at < 300; at++) await lab.second();
      // Each once as it is new, and one in ten seconds in the hope of an answer.
      expect(lab.sent.length).toBeLessThan(345);
      const newest = lab.sent.slice(-3).map(({ seq }) => seq);
      expect(newest).toContain(300);
      lab.listens = true;
      for (let at = 0; at < 5; at++) await lab.second();
      await lab.settle();
      const live = lab.store.live.map(({ values }) => values?.energyWattHours ?? 0);
      expect(live.some((value) => value > 300)).toBe(true);
    }));

  it("that wait are sent no faster than a hundred batches a second, and new ones do not wait for them", () =>
    withLab(async (lab) => {
      for (let at = 0; at < 400; at++) await lab.second();
      lab.connect();
      await lab.pass(500);
      await lab.second();
      await lab.second();
      expect(lab.sent.length).toBeLessThan(260);
      expect(lab.sent.map(({ seq }) => seq)).toContain(402);
      await lab.settle();
    }));

  it("go on where they were after a restart of the agent, also one that was not in order", () =>
    withLab(async (lab) => {
      lab.connect();
      for (let at = 0; at < 5; at++) await lab.second();
      lab.listens = false;
      for (let at = 0; at < 5; at++) await lab.second();
      lab.disconnect();
      await lab.sender[Symbol.asyncDispose]();
      // What a killed process leaves: nothing says that it was closed.
      const former = lab.spool;
      await lab.open();
      lab.listens = true;
      lab.connect();
      for (let at = 0; at < 5; at++) await lab.second();
      await lab.settle();
      expect(lab.store.numbers[10]).toBeGreaterThan(1_000_000);
      await former[Symbol.asyncDispose]();
    }));

  for (const [what, made] of [
    ["fewer", 4],
    ["more", 25],
  ] as const) {
    it(`are all stored after the disk was restored from an older copy, with ${what} of them than the copy has missed`, () =>
      withLab(async (lab) => {
        const copy = `${lab.directory}-copy`;
        lab.connect();
        for (let at = 0; at < 5; at++) await lab.second();
        await lab.settle();
        lab.disconnect();
        await lab.close();
        await cp(lab.directory, copy, { recursive: true });
        await lab.open();
        const { id } = lab.spool;
        lab.connect();
        for (let at = 0; at < 15; at++) await lab.second();
        await lab.settle();
        lab.disconnect();
        await lab.close();
        await rm(lab.directory, { recursive: true });
        await cp(copy, lab.directory, { recursive: true });
        await lab.open();
        expect(lab.spool.id).toBe(id);
        // Nobody hears of them, so that their numbers may be those of others that are stored.
        for (let at = 0; at < made; at++) await lab.second();
        lab.connect();
        for (let at = 0; at < 3; at++) await lab.second();
        await lab.settle();
        expect(lab.spool.id).not.toBe(id);
        expect(lab.stored).toEqual(lab.made);
        // Once is enough.
        expect(new Set(lab.sent.map(({ spool }) => spool)).size).toBe(2);
      }));
  }

  it("come once each and in order, whatever is lost on the way and however often the session is", () =>
    fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.boolean()),
        fc.array(fc.constantFrom("second", "second", "second", "lose", "cut", "leave", "restart"), {
          maxLength: 40,
        }),
        (losses, steps) =>
          withLab(async (lab) => {
            lab.connect();
            for (const step of steps) {
              if (step === "lose") lab.loses = () => losses.next().value === true;
              else if (step === "leave") lab.listens = !lab.listens;
              else if (step === "cut") {
                lab.disconnect();
                await lab.second();
                lab.connect();
              } else if (step === "restart") {
                lab.disconnect();
                await lab.close();
                await lab.open();
                lab.connect();
              } else await lab.second();
              expect(lab.stored).toEqual(lab.made.slice(0, lab.stored.length));
            }
            lab.loses = () => false;
            lab.listens = true;
            await lab.settle();
          }),
      ),
      { numRuns: 15 },
    ));
});
