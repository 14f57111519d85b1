import type { EndpointReading } from "@outrider/contracts/reading-report";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TelemetryStage, voltageOf } from "./testing/telemetry-stage.js";

let stage: TelemetryStage;

beforeEach(async () => {
  stage = await TelemetryStage.start(["n1"]);
});
afterEach(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** One reading a second that ends now, each with a value of its own, in batches of one. */
function series(length: number): [atMs: number, volts: number][] {
  const endMs = Date.now() - 1000;
  return Array.from({ length }, (_, at) => [endMs - (length - at) * 1000, at + 0.5]);
}

/** Sends what is not acknowledged, oldest first, until all is. */
async function deliverAll(sampled: readonly [number, number][], from = 1): Promise<void> {
  await eventually(
    "all is acknowledged",
    async () => {
      const stored = Math.max(from - 1, ...stage.acks);
      for (let seq = stored + 1; seq <= Math.min(sampled.length, stored + 20); seq++) {
        const [atMs, volts] = sampled[seq - 1] ?? [0, 0];
        await stage
          .send({
            spool: "s1",
            oldest: stored + 1,
            seq,
            readings: [voltageOf("n1", volts, atMs, Date.now() - atMs)],
          })
          // The broker is away.
          .catch(() => undefined);
      }
      return Math.max(0, ...stage.acks) >= sampled.length;
    },
    { everyMs: 50, withinMs: 60_000 },
  );
}

async function expectStored(sampled: readonly [number, number][]): Promise<void> {
  const [first = 0] = sampled[0] ?? [];
  expect(await stage.stored("n1", first - 1000, Date.now())).toEqual(sampled);
}

describe("what an agent reads", () => {
  it("comes out of the store with its own time, and is told", async () => {
    const atMs = Date.now() - 400;
    await stage.deliver(() => ({
      spool: "s1",
      oldest: 1,
      seq: 1,
      readings: [voltageOf("n1", 5.08, atMs, Date.now() - atMs)],
    }));
    expect(await stage.stored("n1", atMs - 1000, atMs + 1000)).toEqual([[atMs, 5.08]]);
    await eventually("it is told", () => stage.telemetry.some(({ node }) => node === "n1"));
    expect(stage.telemetry[0]?.payload).toEqual({
      at: new Date(atMs).toISOString(),
      supply: { voltageVolts: 5.08 },
    });
    expect(await stage.latest("n1")).toMatchObject({
      sensors: [{ sensor: "supply", at: new Date(atMs).toISOString(), values: [{ value: 5.08 }] }],
    });
  });

  it("is all there and once when the service is killed in the middle, and again", async () => {
    const sampled = series(300);
    const delivering = deliverAll(sampled);
    for (const mark of [40, 140]) {
      await eventually(`${mark} are stored`, () => stage.acks.some((ack) => ack >= mark));
      await stage.service.kill("SIGKILL");
      await stage.startService();
    }
    await delivering;
    await expectStored(sampled);
  });

  it("is all there and once when the broker is away for a while", async () => {
    const sampled = series(200);
    const delivering = deliverAll(sampled);
    await eventually("some are stored", () => stage.acks.some((ack) => ack >= 50));
    await stage.broker.restart();
    await delivering;
    await expectStored(sampled);
  });

  it("is stored by its own time when the agent's calendar is wrong, also after a restart", async () => {
    const aheadMs = 3_600_000;
    const atMs = Date.now();
    const send = async (seq: number, ms: number): Promise<void> =>
      stage.deliver(() => ({
        spool: "s1",
        oldest: 1,
        seq,
        at: new Date(Date.now() + aheadMs).toISOString(),
        readings: [voltageOf("n1", seq, ms + aheadMs, Date.now() - ms)],
      }));
    await send(1, atMs - 2000);
    await stage.service.kill("SIGKILL");
    await stage.startService();
    // What was stored already and not acknowledged is sent again.
    stage.acks.length = 0;
    await send(1, atMs - 2000);
    await send(2, atMs - 1000);
    const stored = await stage.stored("n1", atMs - 60_000, Date.now());
    expect(stored.map(([, volts]) => volts)).toEqual([1, 2]);
    for (const [at, volts] of stored) {
      expect(Math.abs(at - (atMs - 3000 + volts * 1000))).toBeLessThanOrEqual(1000);
    }
  });

  it("is told before its turn, and kept when it has come", async () => {
    const nowMs = Date.now();
    const late = (seq: number, ms: number): Parameters<TelemetryStage["send"]>[0] => ({
      spool: "s1",
      oldest: 1,
      seq,
      readings: [voltageOf("n1", seq, ms, Date.now() - ms)],
    });
    await stage.deliver(() => late(1, nowMs - 5000));
    await stage.send(late(3, nowMs - 100));
    await eventually("it is told", async () => {
      const { sensors } = await stage.latest("n1");
      return sensors[0]?.values[0]?.value === 3;
    });
    expect((await stage.stored("n1", nowMs - 10_000, nowMs + 1)).map(([, volts]) => volts)).toEqual(
      [1],
    );
    await stage.deliver(() => late(2, nowMs - 2000));
    await stage.deliver(() => late(3, nowMs - 100));
    expect((await stage.stored("n1", nowMs - 10_000, nowMs + 1)).map(([, volts]) => volts)).toEqual(
      [1, 2, 3],
    );
    expect((await stage.latest("n1")).sensors[0]?.values[0]?.value).toBe(3);
  });

  it("goes on behind what an agent has dropped, which is counted", async () => {
    const nowMs = Date.now();
    await stage.deliver(() => ({
      spool: "s1",
      oldest: 1,
      seq: 1,
      readings: [voltageOf("n1", 1, nowMs - 9000, Date.now() - nowMs + 9000)],
    }));
    const at = new Date(nowMs - 5000).toISOString();
    await stage.deliver(() => ({
      spool: "s1",
      oldest: 7,
      seq: 7,
      dropped: { readings: 5, since: at, until: at },
      readings: [voltageOf("n1", 7, nowMs - 1000, Date.now() - nowMs + 1000)],
    }));
    expect((await stage.stored("n1", nowMs - 10_000, nowMs)).map(([, volts]) => volts)).toEqual([
      1, 7,
    ]);
    expect(await stage.metric("outrider_telemetry_lost_readings_total")).toBe(5);
  });
});

describe("what nobody should send", () => {
  it("harms nothing: foreign endpoints, impossible times and values, names of lines (P15, P19)", async () => {
    const nowMs = Date.now();
    const ago = (ms: number): number => Date.now() - nowMs + ms;
    const odd = (): EndpointReading[] => [
      voltageOf("n1", 1, 12_000, Date.now() - 12_000),
      // Read while the calendar was wrong: how old it is counts.
      voltageOf("n1", 2, Date.parse("2106-01-01T00:00:00.000Z"), ago(5000)),
      voltageOf("n9", 3, nowMs, ago(0)),
      { ...voltageOf("n1", 4, nowMs - 2000, ago(2000)), values: { voltageVolts: 1e9 } },
      voltageOf("n1", 5, nowMs - 1000, ago(1000)),
    ];
    await stage.deliver(() => ({ spool: 'a,b=c d\\\n"', oldest: 1, seq: 1, readings: odd() }));
    const stored = await stage.stored("n1", nowMs - 60_000, nowMs + 60_000);
    expect(stored.map(([, volts]) => volts)).toEqual([2, 5]);
    expect(Math.abs((stored[0]?.[0] ?? 0) - (nowMs - 5000))).toBeLessThanOrEqual(1000);
    expect(stored[1]).toEqual([nowMs - 1000, 5]);
    await expect(stage.stored("n9", nowMs - 60_000, nowMs + 60_000)).resolves.toEqual([]);
    expect(await stage.metric('outrider_telemetry_refused_total{why="impossible-time"}')).toBe(1);
    expect(await stage.metric('outrider_telemetry_refused_total{why="not-declared"}')).toBe(1);
    expect(await stage.metric('outrider_telemetry_refused_total{why="impossible-value"}')).toBe(1);
    expect(stage.service.running).toBe(true);
  });

  it("is not even parsed when it is too large, and counted when it does not fit", async () => {
    const readings = [voltageOf("n1", 1, Date.now())];
    const text = JSON.stringify({ v: 1, epoch: "e1", seq: 1, at: readings[0]?.at, readings });
    await stage.raw(text.replace('"ageMs":0', '"ageMs":-1'));
    await stage.raw(text.replace("[{", `[${'{"endpoint":"n1.sensor.supply"},'.repeat(40_000)}{`));
    await stage.raw(text.replace('"voltageVolts":1', '"voltageVolts":NaN'));
    await eventually(
      "they are counted",
      async () => (await stage.metric('outrider_telemetry_refused_total{why="malformed"}')) >= 2,
    );
    // One that says which it is does not hold up its agent: it is over, and its readings are told as lost.
    const known = { v: 1, epoch: "e1", spool: "s1", oldest: 1, seq: 1 };
    const bad = [{ ...readings[0], ageMs: "old" }, 0];
    await eventually("they are lost", async () => {
      // Again and again until it is taken, as an agent does: one that was long on its way is waited for.
      await stage.raw(JSON.stringify({ ...known, at: new Date().toISOString(), readings: bad }));
      return (await stage.metric("outrider_telemetry_lost_readings_total")) === 2;
    });
    await stage.deliver({ spool: "s1", oldest: 1, seq: 1, readings });
    expect(stage.service.running).toBe(true);
  });
});
