import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { systemClock } from "@outrider/contracts/clock";
import { afterEach, describe, expect, it } from "vitest";
import { StoreError, type RangeQuery, type Series } from "../store/store.js";
import { LiveChanges } from "./live.js";
import { telemetryPages } from "./pages.js";
import type { TelemetrySources } from "./sources.js";

const servers: Disposable[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

const at = Date.parse("2026-11-23T05:00:00.000Z");
const series = (node: string, field: string, values: readonly number[]): Series => ({
  measurement: "node_sensor",
  tags: { node, sensor: "supply" },
  field,
  buckets: values.map((value, index) => ({
    atMs: at + index * 1000,
    mean: value,
    min: value,
    max: value,
    last: value,
    count: 1,
  })),
});

async function listening(range: (query: RangeQuery) => readonly Series[]): Promise<{
  readonly ask: (path: string, body: unknown) => Promise<{ status: number; body: unknown }>;
  readonly defects: unknown[];
}> {
  const defects: unknown[] = [];
  const sources: TelemetrySources = {
    latest: { latest: (node) => ({ node: node as never, sensors: [], heartbeats: [] }) },
    store: { range: async (query) => range(query) },
    events: { events: () => Promise.resolve({ events: [] }) },
    alarms: { alarms: () => Promise.reject(new TypeError("a defect")) },
    changes: new LiveChanges(),
    clock: systemClock,
  };
  const server = createServer(telemetryPages(sources, (error) => defects.push(error)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push({ [Symbol.dispose]: () => void server.close() });
  const { port } = server.address() as AddressInfo;
  return {
    defects,
    ask: async (path, body) => {
      const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      return { status: reply.status, body: await reply.json() };
    },
  };
}

const asked = {
  nodes: ["n1", "n2"],
  from: "2026-11-23T05:00:00.000Z",
  to: "2026-11-23T06:00:00.000Z",
  everyMs: 0,
};

describe("the telemetry service’s listener", () => {
  it("tells what nodes last said in the order in which they are asked for", async () => {
    const { ask } = await listening(() => []);
    expect(await ask("/latest", { nodes: ["n2", "n1"] })).toMatchObject({
      status: 200,
      body: { nodes: [{ node: "n2" }, { node: "n1", sensors: [], heartbeats: [] }] },
    });
  });

  it("tells what was read, with units, as people count", async () => {
    const queries: RangeQuery[] = [];
    const { ask } = await listening((query) => {
      queries.push(query);
      return [
        series("n10", "voltageVolts", [5.1]),
        series("n2", "temperatureCelsius", [40, 41]),
        series("n2", "somethingLater", [1]),
      ];
    });
    const { body } = await ask("/readings", { ...asked, sensors: ["supply"] });
    expect(body).toMatchObject({
      everyMs: 0,
      series: [
        {
          node: "n2",
          sensor: "supply",
          quantity: "temperatureCelsius",
          unit: "°C",
          points: [
            { at: "2026-11-23T05:00:00.000Z", last: 40 },
            { last: 41, count: 1 },
          ],
        },
        { node: "n10", quantity: "voltageVolts" },
      ],
    });
    expect((body as { series: unknown[] }).series).toHaveLength(2);
    expect(queries).toMatchObject([
      { tags: { node: ["n1", "n2"], sensor: ["supply"] }, fromMs: at, limit: 50_000 },
    ]);
  });

  it("says of too much which `every` would do", async () => {
    const { ask } = await listening(() => {
      throw new StoreError("too-much", "too much", { everyMs: 72_000 });
    });
    expect(await ask("/readings", asked)).toMatchObject({
      status: 413,
      body: { code: "too-large", field: "every", detail: expect.stringContaining("every=2m") },
    });
  });

  it("says when the store is away", async () => {
    const { ask, defects } = await listening(() => {
      throw new StoreError("unavailable", "InfluxDB does not answer");
    });
    expect(await ask("/readings", asked)).toEqual({
      status: 503,
      body: { code: "unavailable", detail: "InfluxDB does not answer" },
    });
    expect(defects).toEqual([]);
  });

  it.each([
    ["/readings", { ...asked, nodes: ["N 1"] }, 422],
    ["/readings", { ...asked, quantities: ["volts"] }, 422],
    ["/readings", { ...asked, everyMs: -1 }, 422],
    ["/measurements", { ...asked, measurement: "__proto__" }, 422],
    ["/measurements", { ...asked, measurement: "agent_clock" }, 422],
    ["/measurements", { ...asked, measurement: "node_state", fields: ["a,b"] }, 422],
    ["/latest", "{", 422],
    ["/latest", { nodes: Array.from({ length: 1001 }, (_, n) => `n${n}`) }, 422],
    ["/__proto__", {}, 404],
    ["/toString", {}, 404],
  ])("refuses %s %j (P19)", async (path, body, status) => {
    const { ask, defects } = await listening(() => []);
    expect((await ask(path, body)).status).toBe(status);
    expect(defects).toEqual([]);
  });

  it("answers and tells of a defect", async () => {
    const { ask, defects } = await listening(() => []);
    const { status } = await ask("/alarms", { state: "active", limit: 10 });
    expect(status).toBe(500);
    expect(defects).toHaveLength(1);
  });
});
