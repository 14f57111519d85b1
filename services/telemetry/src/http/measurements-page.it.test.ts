import { systemClock } from "@outrider/contracts/clock";
import { nodeId } from "@outrider/contracts/ids";
import { check } from "@outrider/contracts/codec";
import { MeasurementsPage, type MeasurementsAsked } from "@outrider/contracts/telemetry-pages";
import { silentLog } from "@outrider/messaging/log";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../store/open-store.js";
import type { Point, Store } from "../store/store.js";
import { readMeasurements } from "./measurements-page.js";

const MINUTE = 60_000;
// Spans begin at multiples of their length, whatever the minute of the test is.
const endMs = Math.floor(Date.now() / (5 * MINUTE)) * 5 * MINUTE;
const fromMs = endMs - 10 * MINUTE;
const span = {
  from: new Date(fromMs).toISOString(),
  to: new Date(endMs).toISOString(),
  everyMs: 5 * MINUTE,
};

/** Ten points, one a minute. */
function points(measurement: string, tags: Point["tags"], field: string, from = 0): Point[] {
  return Array.from({ length: 10 }, (_, index) => ({
    measurement,
    tags,
    atMs: fromMs + index * MINUTE,
    fields: { [field]: (from + index) % 2 },
  }));
}

describe("the past of every measurement", () => {
  let store: Store;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const folder = await tempDir("tel-");
    store = await openStore(
      { url: undefined, directory: folder.path },
      { clock: systemClock, log: silentLog },
    );
    close = async () => {
      await store[Symbol.asyncDispose]();
      await folder.remove();
    };
    const lan = (node: string): Point["tags"] => ({ node, heartbeat: "lan", proves: "network" });
    await store.write([
      ...points("node_heartbeat", lan("n10"), "alive"),
      ...points("node_heartbeat", lan("n2"), "alive", 1),
      ...points("node_heartbeat", { ...lan("n2"), heartbeat: "ssh" }, "tookMs"),
      ...points("node_heartbeat", lan("n2"), "ofALaterVersion"),
      ...points("node_state", { node: "n2" }, "supply"),
      ...points("agent_clock", { agent: "rack-a" }, "offsetSeconds"),
    ]);
  });
  afterAll(() => close());

  const ask = async (asked: Omit<MeasurementsAsked, keyof typeof span>) => {
    const page = await readMeasurements({ ...asked, ...span }, store, AbortSignal.timeout(30_000));
    expect(check(MeasurementsPage, page, true)).toMatchObject({ ok: true });
    return page.series;
  };
  const both = [nodeId("n10"), nodeId("n2")];

  it("tells heartbeats with what their numbers mean, as people count", async () => {
    const series = await ask({ measurement: "node_heartbeat", nodes: both });
    expect(series.map(({ node, of, field }) => [node, of, field])).toEqual([
      ["n2", "lan", "alive"],
      ["n2", "ssh", "tookMs"],
      ["n10", "lan", "alive"],
    ]);
    expect(series[0]).toMatchObject({
      tags: { node: "n2", heartbeat: "lan", proves: "network" },
      unit: "",
      codes: { 0: "Silent", 1: "Alive" },
      points: [
        { at: span.from, count: 5, last: 1, min: 0 },
        { count: 5, last: 0, max: 1 },
      ],
    });
    expect(series[1]).toMatchObject({ unit: "ms" });
    expect(series[1]).not.toHaveProperty("codes");
  });

  it("tells states of nodes, and what is of no node", async () => {
    const [state] = await ask({ measurement: "node_state", nodes: both, fields: ["supply"] });
    expect(state).toMatchObject({ node: "n2", field: "supply", codes: { 0: "On", 1: "Off" } });
    expect(state).not.toHaveProperty("of");
    const [clock] = await ask({ measurement: "agent_clock", of: ["rack-a"] });
    expect(clock).toMatchObject({ of: "rack-a", field: "offsetSeconds", unit: "s" });
    expect(clock).not.toHaveProperty("node");
    expect(await ask({ measurement: "agent_clock", of: ["rack-b"] })).toEqual([]);
  });

  it.each([
    [{ measurement: "node_state" as const }, "nodes"],
    [{ measurement: "agent_clock" as const, nodes: both }, "nodes"],
    [{ measurement: "node_state" as const, nodes: both, of: ["x"] }, "of"],
    [{ measurement: "node_heartbeat" as const, nodes: both, fields: ["toString"] }, "fields"],
  ])("refuses %j", async (asked, field) => {
    await expect(ask(asked)).rejects.toMatchObject({ name: "NotOfMeasurement", field });
  });
});
