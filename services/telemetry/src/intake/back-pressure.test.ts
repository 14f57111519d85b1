import { milliseconds, seconds } from "@outrider/contracts/clock";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { AgentReadings } from "@outrider/contracts/reading-report";
import { silentLog } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { Declared } from "../declared.js";
import { Latest } from "../state/latest.js";
import { StoreError, type Point } from "../store/store.js";
import { TelemetryListeners } from "../telemetry-listener.js";
import { Intake } from "./intake.js";
import { PointWriter } from "./point-writer.js";
import type { RememberedSpools } from "./remembered-spools.js";

const AGENT = agentId("rack-a");
const ENDPOINT = endpointId("n1", "sensor", "supply");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The intake with a store that is full, slow or well, as the test has it. */
function stage() {
  const clock = new VirtualClock();
  const acks: number[] = [];
  const stored: Point[] = [];
  const told: number[] = [];
  const stuck: (() => void)[] = [];
  const store = { mode: "well" as "well" | "full" | "stuck" };
  const writer = new PointWriter({
    store: {
      write: (points) => {
        if (store.mode === "stuck") return new Promise((resolve) => void stuck.push(resolve));
        if (store.mode === "full") return Promise.reject(new StoreError("full", "no room"));
        stored.push(...points);
        return Promise.resolve();
      },
    },
    clock,
    log: silentLog,
    defect: (error) => {
      throw error;
    },
  });
  const declared = new Declared();
  const common = { node: nodeId("n1"), driver: "simulated", options: {}, restore: "None" } as const;
  const spans = { dwellMs: 1000, sampleEveryMs: 1000, staleAfterMs: 30_000 };
  declared.declare(AGENT, {
    generation: 1,
    endpoints: [{ endpoint: ENDPOINT, port: "sensor", ...common, ...spans }],
  });
  const listeners = new TelemetryListeners();
  listeners.add({ sensorRead: ({ values }) => void told.push(values.voltageVolts ?? 0) });
  const count = { add: () => undefined };
  const session: Pick<Session, "onDisconnect" | "publish"> = {
    onDisconnect: () => () => undefined,
    publish: (_, __, payload) => {
      const { reading } = payload as { reading?: number };
      if (reading !== undefined) acks.push(reading);
      return Promise.resolve();
    },
  };
  const remembered: Pick<RememberedSpools, "keep" | "forget" | "keepOffset"> = {
    keep: () => undefined,
    forget: () => undefined,
    keepOffset: () => Promise.resolve(true),
  };
  const intake = new Intake({
    session: session as Session,
    clock,
    log: silentLog,
    declared,
    latest: new Latest(clock),
    listeners,
    writer,
    remembered: remembered as RememberedSpools,
    counts: { readings: count, refused: count, lost: count },
    redeclared: () => undefined,
  });
  /** A batch of 100 readings that were taken one a millisecond until now. */
  const send = (seq: number, spool = "s"): void => {
    const nowMs = clock.now().getTime();
    const readings = Array.from({ length: 100 }, (_, at) => ({
      endpoint: ENDPOINT,
      node: nodeId("n1"),
      at: new Date(nowMs - 100 + at).toISOString(),
      ageMs: 100 - at,
      values: { voltageVolts: seq },
    }));
    const at = clock.now().toISOString();
    const payload: AgentReadings = { v: 1, epoch: "e", spool, oldest: 1, seq, at, readings };
    intake.readings({
      payload,
      parameters: { agent: AGENT },
      topic: "",
      retain: false,
      actor: undefined,
      wasRetained: false,
      receivedMs: clock.monotonicMs(),
      dup: false,
    });
  };
  return { clock, acks, stored, told, store, stuck, writer, send };
}

describe("a store without room", () => {
  it("has nothing acknowledged and nothing kept in memory, and what is of now is told all the same", async () => {
    const { clock, acks, stored, told, store, writer, send } = stage();
    store.mode = "full";
    for (let seq = 1; seq <= 200; seq++) {
      send(seq);
      await clock.advance(milliseconds(10));
      await turn();
    }
    expect(writer.waiting).toBe(0);
    expect(stored).toEqual([]);
    expect(Math.max(0, ...acks)).toBe(0);
    expect(told).toContain(200);
    store.mode = "well";
    await clock.advance(seconds(2));
    // An agent that sees no progress sends all again.
    for (let seq = 1; seq <= 200; seq++) send(seq);
    await turn();
    expect(acks.at(-1)).toBe(200);
    expect(stored).toHaveLength(20_000);
  });

  it("that does not answer has a bounded number of points wait for it", async () => {
    const { acks, store, writer, send } = stage();
    store.mode = "stuck";
    for (let seq = 1; seq <= 3000; seq++) send(seq);
    await turn();
    expect(writer.waiting).toBe(100_000);
    expect(Math.max(0, ...acks)).toBe(0);
  });

  it("acknowledges nothing of a spool that its agent has lost meanwhile", async () => {
    const { acks, store, stuck, send } = stage();
    store.mode = "stuck";
    send(1);
    await turn();
    send(1, "made-anew");
    for (const resolve of stuck.splice(0)) resolve();
    await turn();
    expect(acks).toEqual([]);
    for (const resolve of stuck.splice(0)) resolve();
    await turn();
    expect(acks).toEqual([1]);
  });
});
