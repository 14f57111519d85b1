import { systemClock } from "@outrider/contracts/clock";
import type { AgentCommand } from "@outrider/contracts/agent";
import { commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal } from "./journal.js";

const endpoint = endpointId("n1", "power");
const at = "2026-01-01T00:00:00.000Z";
const command = (id: string, rest: Partial<AgentCommand> = {}): AgentCommand => ({
  v: 1,
  id: commandId(id),
  node: nodeId("n1"),
  endpoint,
  action: "PowerCycle",
  actor: "person:a",
  via: "mqtt",
  issuedAt: at,
  clock: { id: "k", ms: 0 },
  ttlMs: 1000,
  epoch: "e1",
  ...rest,
});
const outcome = (id: string) =>
  ({
    id: commandId(id),
    endpoint,
    action: "PowerCycle",
    status: "Succeeded",
    terminal: true,
    startedAt: at,
    endedAt: at,
  }) as const;

const BY = { actor: "person:test", via: "mqtt" } as const;

describe("the journal", () => {
  let dir: TempDir;
  let journal: Journal;

  beforeEach(async () => {
    dir = await tempDir();
    journal = await Journal.open(join(dir.path, "journal.sqlite"), {
      log: "agent-a1",
      clock: systemClock,
    });
  });

  afterEach(async () => {
    await journal.close();
    await dir.remove();
  });

  const reopen = async (): Promise<void> => {
    await journal.close();
    journal = await Journal.open(join(dir.path, "journal.sqlite"), {
      log: "agent-a1",
      clock: systemClock,
    });
  };
  const accept = (one: AgentCommand, acceptedAt = at, patch = {}): Promise<boolean> =>
    journal.accept({ command: one, acceptedAt, patch });

  it("takes an id once, for ever, and writes nothing of the second time", async () => {
    expect(await accept(command("c1"), at, { commanded: "On" })).toBe(true);
    expect(await accept(command("c1", { fence: 9 }), at, { commanded: "Off" })).toBe(false);
    await journal.end(BY, outcome("c1"), {}, []);
    expect(await accept(command("c1"))).toBe(false);
    expect((await journal.memories()).get(endpoint)?.commanded).toBe("On");
    expect(await journal.fences()).toEqual(new Map());
  });

  it("has open commands with their step, and outcomes for whoever asks again", async () => {
    await accept(command("c1", { reason: "why" }));
    await accept(command("c2"));
    await journal.recordStep(commandId("c1"), "dwelling");
    await journal.end(BY, outcome("c2"), {}, []);
    await reopen();
    const open = await journal.open();
    expect(open.map(({ id, step }) => [id, step])).toEqual([["c1", "dwelling"]]);
    expect(open[0]).toMatchObject({ reason: "why", actor: "person:a", acceptedAt: at });
    expect((await journal.find(commandId("c2")))?.outcome).toEqual(outcome("c2"));
    expect(await journal.find(commandId("c3"))).toBeUndefined();
  });

  it("ends a command once, in one transaction with its event", async () => {
    await accept(command("c1"));
    await journal.end(BY, outcome("c1"), { seen: "On" }, []);
    await expect(journal.end(BY, outcome("c1"), { seen: "Off" }, [])).rejects.toMatchObject({
      code: "precondition",
    });
    expect(await journal.outbox.unacknowledged(1, 10)).toHaveLength(1);
    expect((await journal.memories()).get(endpoint)?.seen).toBe("On");
  });

  it("never gives a number twice, not even when all events were acknowledged", async () => {
    const first = await journal.outbox.append({
      at,
      incident: { endpoint, kind: "restored", detail: "a" },
    });
    await journal.outbox.acknowledge(first);
    await reopen();
    const second = await journal.outbox.append({
      at,
      incident: { endpoint, kind: "restored", detail: "b" },
    });
    expect(second).toBeGreaterThan(first);
    expect((await journal.outbox.unacknowledged(1, 10)).map(({ seq }) => seq)).toEqual([second]);
  });

  it("only raises fences", async () => {
    await accept(command("c1", { fence: 5 }));
    await accept(command("c2", { fence: 3 }));
    expect(await journal.fences()).toEqual(new Map([["n1", 5]]));
    await accept(command("c3", { fence: 6 }));
    expect(await journal.fences()).toEqual(new Map([["n1", 6]]));
  });

  it("remembers of an endpoint what was named, and forgets what was named undefined", async () => {
    await journal.remember(endpoint, { commanded: "On", attempts: 2, fault: "f", owed: "cycle" });
    await journal.remember(endpoint, { fault: undefined, bootId: "b" });
    await reopen();
    expect((await journal.memories()).get(endpoint)).toEqual({
      commanded: "On",
      seen: undefined,
      attempts: 2,
      fault: undefined,
      owed: "cycle",
      bootId: "b",
    });
  });

  it("keeps the configuration until it is taken away", async () => {
    expect(await journal.desired()).toBeUndefined();
    await journal.keepDesired({ generation: 3, endpoints: [] });
    await reopen();
    expect(await journal.desired()).toEqual({ generation: 3, endpoints: [] });
    await journal.keepDesired(undefined);
    expect(await journal.desired()).toBeUndefined();
  });

  it("forgets ended commands after seven days of its own time, but never the newest ten thousand", async () => {
    const day = (n: number): string => new Date(Date.parse(at) + n * 86_400_000).toISOString();
    await accept(command("open"), day(0));
    const old = Array.from({ length: 50 }, (_, n) => `old-${n}`);
    for (const id of old) {
      await accept(command(id), day(1));
      await journal.end(BY, outcome(id), {}, []);
    }
    const ids = Array.from({ length: 9_990 }, (_, n) => `c-${n}`);
    await Promise.all(ids.map((id) => accept(command(id), day(8.5))));
    await Promise.all(ids.map((id) => journal.end(BY, outcome(id), {}, [])));
    expect(await journal.prune()).toBe(40);
    expect(await journal.find(commandId("old-39"))).toBeUndefined();
    expect(await journal.find(commandId("old-40"))).toBeDefined();
    expect(await journal.find(commandId("open"))).toBeDefined();
    await accept(command("c-last"), day(7.9));
    expect(await journal.prune()).toBe(0);
  }, 60_000);
});
