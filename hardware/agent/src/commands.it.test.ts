import { join } from "node:path";
import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import { systemClock } from "@outrider/contracts/clock";
import { commandId } from "@outrider/contracts/ids";
import { ClockTable } from "@outrider/messaging/clock-table";
import { silentLog } from "@outrider/messaging/log";
import { StorageError } from "@outrider/storage/storage-error";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Answers } from "./answers.js";
import { CommandRuns } from "./command-runs.js";
import type { EndpointMemory } from "./command-record.js";
import { Commands } from "./commands.js";
import { Journal } from "./journal.js";
import { logWith } from "./log.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import type { Reporter } from "./reporter.js";
import { ModelDevice } from "./testing/model-device.js";
import { openEndpoint } from "./testing/model-endpoint.js";

/** Commands over a real journal whose disk can be made to fail, and a device in memory. */
describe("commands, when the journal has its say", () => {
  let dir: TempDir;
  let journal: Journal;
  let device: ModelDevice;
  let endpoint: PowerEndpoint;
  let commands: Commands;
  let reports: CommandReport[];
  let epoch: string | undefined;
  let released: number;
  const clocks = new ClockTable();
  const stopped = new AbortController();

  beforeEach(async () => {
    dir = await tempDir();
    journal = await Journal.open(join(dir.path, "journal.sqlite"), {
      log: "agent-a1",
      clock: systemClock,
    });
    device = new ModelDevice();
    endpoint = openEndpoint(device, systemClock, journal, { dwellMs: 100 });
    reports = [];
    released = 0;
    epoch = "e1";
    start();
  });

  afterEach(async () => {
    await commands.idle();
    await journal.close();
    await dir.remove();
  });

  /** As a process that has just begun: nothing is remembered but what is in the journal. */
  function start(): void {
    const reporter = {
      tell: (report: CommandReport) => void reports.push(report),
      news: () => undefined,
    } as unknown as Reporter;
    commands = new Commands({
      clock: systemClock,
      log: logWith(silentLog, {}),
      session: {
        get epoch() {
          return epoch;
        },
      },
      clocks,
      journal,
      reporter,
      runs: new CommandRuns({
        clock: systemClock,
        journal,
        reporter,
        bootId: "b",
      }),
      answers: new Answers(systemClock),
      fences: new Map(),
      endpoint: (id) => (id === endpoint.id ? endpoint : undefined),
      stopped: stopped.signal,
      fenced: () => undefined,
      released: () => void (released += 1),
    });
  }

  const command = (id: string, rest: Partial<AgentCommand> = {}): AgentCommand => {
    const clock = { id: "k", ms: systemClock.monotonicMs() };
    clocks.observe(clock, clock.ms);
    return {
      v: 1,
      id: commandId(id),
      node: endpoint.desired.node,
      endpoint: endpoint.id,
      action: "On",
      actor: "person:a",
      via: "mqtt",
      issuedAt: "2026-01-01T00:00:00.000Z",
      clock,
      ttlMs: 10_000,
      epoch: "e1",
      ...rest,
    };
  };
  const receive = (payload: AgentCommand, wasRetained = false): Promise<void> =>
    commands.receive({
      payload,
      parameters: { endpoint: payload.endpoint },
      topic: "",
      retain: false,
      actor: undefined,
      wasRetained,
      receivedMs: systemClock.monotonicMs(),
      dup: false,
    });
  const full = (): Promise<never> => Promise.reject(new StorageError("full", "the disk is full"));

  it("does nothing that it cannot record, and stays with that when the disk is well again", async () => {
    const accept = journal.accept.bind(journal);
    journal.accept = full;
    const one = command("c1");
    await receive(one);
    expect(reports).toMatchObject([{ status: "Rejected", reasonCode: "storage-failed" }]);
    journal.accept = accept;
    await receive(one);
    expect(reports).toHaveLength(2);
    expect(reports[1]).toEqual(reports[0]);
    expect(device.asked).toBe(0);
    expect(endpoint.activity).toBeUndefined();
    expect(released).toBe(1);
    await receive(command("c2"));
    expect(device.edges).toEqual(["on"]);
  });

  it("keeps an outcome until it can be recorded, and says nothing of it before", async () => {
    const end = journal.end.bind(journal);
    let failures = 0;
    journal.end = () => {
      failures += 1;
      return full();
    };
    const receiving = receive(command("c1"));
    await eventually("it was tried", () => failures === 1);
    expect(device.edges).toEqual(["on"]);
    expect(reports.map(({ status }) => status)).toEqual(["Accepted"]);
    expect(endpoint.activity).toBeDefined();
    journal.end = end;
    await receiving;
    expect((await journal.find(commandId("c1")))?.outcome).toMatchObject({ status: "Succeeded" });
  });

  it("finishes a cycle whose steps cannot be recorded", async () => {
    await receive(command("c1"));
    journal.recordStep = full;
    await receive(command("c2", { action: "PowerCycle" }));
    expect(device.edges).toEqual(["on", "off", "on"]);
    expect((await journal.find(commandId("c2")))?.outcome).toMatchObject({ status: "Succeeded" });
  });

  it("repeats what a former process did, in any session, and never does it again", async () => {
    await receive(command("c1"));
    device.lose();
    start();
    await receive(command("c1", { epoch: "e0" }));
    await receive(command("c1", { action: "Nmi" }));
    epoch = "e2";
    await receive(command("c1"));
    const outcome = reports[0]?.id;
    expect(reports.slice(-3)).toMatchObject([
      { id: outcome, status: "Succeeded" },
      { id: outcome, status: "Succeeded" },
      { id: outcome, status: "Succeeded" },
    ]);
    expect(device.edges).toEqual(["on", "off"]);
  });

  it("is stopped by the journal's key even where nothing else knows an id", async () => {
    await receive(command("c1"));
    device.lose();
    start();
    await receive(command("c1"));
    expect(reports.at(-1)).toMatchObject({ status: "Succeeded", terminal: true });
    expect(device.asked).toBe(1);
    expect(endpoint.activity).toBeUndefined();
    expect(endpoint.memory.commanded).toBe("On");
  });

  it("does not start what is recorded in a session that has ended meanwhile", async () => {
    const accept = journal.accept.bind(journal);
    journal.accept = async (acceptance) => {
      const accepted = await accept(acceptance);
      epoch = "e2";
      return accepted;
    };
    endpoint.hold({ commanded: "Off" });
    await receive(command("c1"));
    expect(device.asked).toBe(0);
    expect((await journal.find(commandId("c1")))?.outcome).toMatchObject({
      status: "Rejected",
      reasonCode: "expired",
    });
    expect((await journal.memories()).get(endpoint.id)?.commanded).toBe("Off");
  });

  /** What a node's restore policy and the guardian go by; none of it as a command would make it. */
  const remembered: EndpointMemory = {
    commanded: "On",
    seen: "Off",
    bootId: "former boot",
    attempts: 2,
    fault: undefined,
    owed: "restore",
  };
  const latched = { ...remembered, attempts: 3, fault: "worn out", owed: undefined };

  it.each([
    ["ForceOff", remembered, "mqtt"],
    ["PowerCycle", { ...remembered, commanded: "Off" }, "mqtt"],
    ["On", { ...latched, commanded: "Off" }, "mqtt"],
    ["On", { ...remembered, commanded: "Off" }, "policy"],
  ] as const)(
    "goes by what was commanded before when %s did nothing, whyever",
    async (action, memory, via) => {
      await endpoint.remember(memory);
      device.on = action !== "On";
      const unchangedBy = async (id: string): Promise<void> => {
        expect(endpoint.memory).toEqual(memory);
        expect((await journal.memories()).get(endpoint.id)).toEqual(memory);
        expect(device.edges).toEqual([]);
        const { outcome } = (await journal.find(commandId(id))) ?? {};
        expect(outcome?.status).toMatch(/Failed|Rejected/);
      };
      device.silent = true;
      await receive(command("c1", { action, via }));
      await unchangedBy("c1");
      device.silent = false;

      const accept = journal.accept.bind(journal);
      journal.accept = async (acceptance) => {
        const accepted = await accept(acceptance);
        epoch = "e2";
        return accepted;
      };
      await receive(command("c2", { action, via }));
      await unchangedBy("c2");
      journal.accept = accept;
      epoch = "e1";
      if (via === "policy") return;

      device.refuses = 1;
      await receive(command("c3", { action, via }));
      await unchangedBy("c3");
      expect(device.asked).toBe(1);
      const events = await journal.outbox.unacknowledged(1, 100);
      expect(events.filter(({ event }) => event.incident)).toEqual([]);
    },
  );

  it("counts a policy's On that the device refuses, and forgets the rest of it", async () => {
    const memory = { ...remembered, commanded: "Off" as const };
    await endpoint.remember(memory);
    device.refuses = 1;
    await receive(command("c1", { via: "policy" }));
    expect(device.asked).toBe(1);
    expect(endpoint.memory).toMatchObject({ commanded: "Off", attempts: 3, owed: undefined });
    expect(endpoint.memory.fault).toContain("refuses");
  });

  it("clears a fault when a person's On has reached the device, and says so once", async () => {
    await endpoint.remember(latched);
    device.refuses = 1;
    await receive(command("c1"));
    await receive(command("c2"));
    expect(endpoint.memory).toMatchObject({ attempts: 0, fault: undefined, commanded: "On" });
    expect((await journal.memories()).get(endpoint.id)?.fault).toBeUndefined();
    const events = await journal.outbox.unacknowledged(1, 100);
    expect(events.flatMap(({ event }) => event.incident?.kind ?? [])).toEqual(["fault-cleared"]);
  });

  it("drops what is retained, before anything else", async () => {
    await receive(command("c1"), true);
    expect(reports).toEqual([]);
    expect(device.asked).toBe(0);
    expect(await journal.find(commandId("c1"))).toBeUndefined();
  });
});
