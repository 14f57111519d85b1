import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { agentAck, type DesiredEndpoint } from "@outrider/contracts/agent";
import { endpointId } from "@outrider/contracts/ids";
import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import { Session } from "@outrider/messaging/session";
import { eventually, within } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ReadingStore } from "../testing/reading-store.js";
import { AGENT, nodeOf, Stage } from "../testing/stage.js";
import { decodeRecord, SEGMENT_HEAD_BYTES } from "./batch-record.js";

const SLOTS = [1, 2, 3];

describe("readings of a real agent", { timeout: 120_000 }, () => {
  let stage: Stage;
  let telemetry: Session;
  let store = new ReadingStore();
  const heard: AgentReadings[] = [];
  /** Whether the store is there. */
  let stores = false;
  /** In all tries. */
  let kills = 0;

  const sensor = (slot: number): DesiredEndpoint => ({
    ...stage.desired(slot),
    endpoint: endpointId(nodeOf(slot), "sensor", "board"),
    port: "sensor",
    sampleEveryMs: 100,
  });
  const newest = (): number => Math.max(0, ...heard.map(({ seq }) => seq));
  const later = async (batches: number): Promise<number> => {
    const from = newest();
    return eventually("more is heard", () => newest() >= from + batches && newest());
  };

  beforeAll(async () => {
    stage = await Stage.start({ bootMs: 1 });
    telemetry = new Session({ url: stage.broker.url, clientId: "service-telemetry" });
    telemetry.subscribe(agentReading, { agent: AGENT }, async ({ payload }) => {
      heard.push(payload);
      if (!stores) return;
      const reading = store.take(payload);
      const { epoch } = payload;
      await telemetry
        .publish(agentAck, { agent: AGENT, service: "telemetry" }, { epoch, reading })
        .catch(() => undefined);
    });
    telemetry.start();
    await telemetry.ready(within());
    await stage.startAgent();
    await stage.configureEndpoints(SLOTS.map(sensor));
    await stage.bound();
  });
  afterAll(async () => {
    await telemetry.stop();
    await stage[Symbol.asyncDispose]();
  });

  it("are told live with nobody to store them, and all stored when somebody comes", async () => {
    await later(5);
    stores = true;
    const last = newest();
    await eventually("all are stored", () => store.numbers.includes(last));
    expect(store.numbers).toEqual(Array.from({ length: store.numbers.length }, (_, at) => 1 + at));
  });

  it("survive that the agent is killed, the broker restarted and the store away, each stored once", async () => {
    if (!stage.broker.running()) await stage.broker.restart();
    await stage.ensureAgent();
    stores = false;
    const before = await later(3);
    const files = join(stage.dir.path, `agent-${AGENT}`, "readings");
    // It is told at once, and on disk a moment later.
    await eventually("it is on disk", async () => (await numbersIn(files)).includes(before));
    const epoch = heard.at(-1)?.epoch;
    kills += 1;
    await stage.agent.kill("SIGKILL");
    await stage.startAgent();
    await eventually("the agent is back", () => heard.at(-1)?.epoch !== epoch);
    await later(2);
    await stage.broker.kill();
    // Some batches are made while nobody can be told.
    expect((await readdir(files)).length).toBeGreaterThan(1);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await stage.broker.restart();
    const again = heard.length;
    await eventually("the agent is heard again", () => heard.length > again);
    stores = true;
    const last = await later(2);
    await eventually("all are stored", () => store.numbers.includes(last));

    const { numbers, readings } = store;
    // One hole each, where a killed process may have used numbers that it never wrote down.
    const holes = numbers.filter((seq, at) => at > 0 && seq !== (numbers[at - 1] ?? 0) + 1);
    expect(holes).toHaveLength(kills);
    expect(numbers).toContain(before);
    const keys = readings.map(({ endpoint, at }) => `${endpoint} ${at}`);
    expect(new Set(keys).size).toBe(keys.length);
    const live = heard.flatMap((one) => one.readings);
    const stored = new Set(keys);
    expect(live.filter(({ endpoint, at }) => !stored.has(`${endpoint} ${at}`)).length).toBeLessThan(
      // What came after the last that is looked at.
      live.length / 10,
    );
    expect(heard.filter(({ spool }) => spool !== heard[0]?.spool)).toEqual([]);
    expect(store.dropped).toEqual([]);
  });

  it("are waited for from the oldest that is kept, by a store that has lost everything", async () => {
    store = new ReadingStore();
    await eventually("it stores again", () => store.numbers.length > 2);
    expect(store.numbers).toEqual(store.numbers.toSorted((a, b) => a - b));
  });

  it("of what does not change are told seldom, and all of them around a power action of the same node", async () => {
    const told = (slot: number): { at: number; volts: number | undefined }[] => {
      const all = store.readings.filter(({ endpoint }) => endpoint === sensor(slot).endpoint);
      return all.map(({ at, values }) => ({ at: Date.parse(at), volts: values?.voltageVolts }));
    };
    store = new ReadingStore();
    const rest = { reportEveryMs: 1000, burst: { sampleEveryMs: 100, forMs: 3000 } };
    await stage.configureEndpoints([
      stage.desired(1),
      { ...sensor(1), ...rest, sampleEveryMs: 200 },
      { ...sensor(2), ...rest, sampleEveryMs: 200 },
    ]);
    await stage.bound();
    if ((await stage.rack.client.get(1)).supply === "on") await stage.run(1, "ForceOff");
    const since = Date.now();
    await eventually("some are told", () => told(2).filter(({ at }) => at > since).length > 3);
    await stage.run(1, "On");
    await eventually("it is seen to rise", () => told(1).some(({ volts = 0 }) => volts > 4));
    await later(3);
    const [own, other] = [told(1), told(2)].map((all) => all.filter(({ at }) => at > since));
    const gaps = (all: readonly { at: number }[] = []): number[] =>
      all.slice(1).map(({ at }, index) => at - (all[index]?.at ?? 0));
    // The other node is left in peace.
    expect(Math.min(...gaps(other))).toBeGreaterThan(600);
    expect(gaps(own).filter((ms) => ms < 500).length).toBeGreaterThan(10);
  });
});

/** The numbers of all batches in the files of a spool. */
async function numbersIn(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(directory)) {
    const bytes = await readFile(join(directory, name));
    let at = SEGMENT_HEAD_BYTES;
    for (let next = decodeRecord(bytes, at); next; next = decodeRecord(bytes, at)) {
      if (next.one.kind === "batch") numbers.push(next.one.record.seq);
      at = next.end;
    }
  }
  return numbers;
}
