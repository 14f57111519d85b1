import type {
  MeasurementsPage,
  NodeSensors,
  ReadingsPage,
} from "@outrider/contracts/telemetry-pages";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startLab, type Lab } from "./testing/lab.js";
import { hasPromtool, promtoolSays } from "./testing/promtool.js";

/** From the rack over agent, broker, telemetry service and store to whoever asks the gateway. */
let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ nodes: 2, sensors: true });
});
afterAll(() => lab?.[Symbol.asyncDispose]());

async function json<T>(path: string): Promise<T> {
  const reply = await lab.ask("GET", path);
  expect({ path, status: reply.status }).toEqual({ path, status: 200 });
  return (await reply.json()) as T;
}

const valueOf = ({ sensors }: NodeSensors, quantity: string): number | undefined =>
  sensors.find(({ sensor }) => sensor === "supply")?.values.find((one) => one.quantity === quantity)
    ?.value;

describe("readings of a running site", () => {
  it("come from the wire, with unit, time and age", async () => {
    await lab.ask("POST", "/nodes/n1/power", { action: "On" }, { prefer: "wait=30" });
    const told = await eventually(
      "n1 draws power",
      async () => {
        const reply = await lab.ask("GET", "/nodes/n1/sensors");
        const sensors = (await reply.json()) as NodeSensors;
        return reply.ok && (valueOf(sensors, "powerWatts") ?? 0) > 0 ? sensors : undefined;
      },
      { withinMs: 60_000 },
    );
    expect(told.sensors).toMatchObject([{ sensor: "supply", stale: false }]);
    expect(told.sensors[0]?.values).toEqual(
      expect.arrayContaining([
        { quantity: "voltageVolts", unit: "V", value: expect.any(Number) as number },
        { quantity: "temperatureCelsius", unit: "°C", value: expect.any(Number) as number },
      ]),
    );
    await eventually("its host is seen to live", async () => {
      const { heartbeats } = await json<NodeSensors>("/nodes/n1/sensors?sensor=slot");
      return heartbeats[0]?.alive === true && heartbeats[0].proves === "activity";
    });
  });

  it("are kept, raw and in buckets, and come as CSV", async () => {
    const page = await eventually("some have been kept", async () => {
      const found = await json<ReadingsPage>(
        "/nodes/n1/readings?from=10m&every=raw&quantity=voltageVolts,powerWatts",
      );
      return (found.series[0]?.points.length ?? 0) >= 3 && found.series.length === 2
        ? found
        : undefined;
    });
    expect(page.series.map(({ quantity, unit }) => [quantity, unit])).toEqual([
      ["powerWatts", "W"],
      ["voltageVolts", "V"],
    ]);
    const { from } = page;
    // What is read later comes after the last of them.
    const to = page.series[0]?.points.at(-1)?.at ?? page.to;
    const span = `from=${from}&to=${to}`;
    const csv = await lab.ask("GET", `/readings?nodes=n1,n2&${span}&every=raw&format=csv`);
    const lines = (await csv.text()).trimEnd().split("\r\n");
    for (const { quantity, unit, points } of page.series) {
      const told = lines.filter((line) => line.includes(`,n1,supply,${quantity},${unit},`));
      expect(told).toEqual(
        points
          .filter(({ at }) => at < to)
          .map(({ at, last }) => `${at},n1,supply,${quantity},${unit},${last}`),
      );
    }
    const bucketed = await json<ReadingsPage>(
      `/nodes/n1/readings?${span}&every=1m&quantity=powerWatts`,
    );
    const points = bucketed.series[0]?.points ?? [];
    for (const { mean, min, max, count } of points) {
      expect(count).toBeGreaterThan(0);
      expect(min).toBeLessThanOrEqual(mean);
      expect(max).toBeGreaterThanOrEqual(mean);
    }
  });

  it("have beside them the past of heartbeats and states, in words", async () => {
    for (const [measurement, field, word] of [
      ["node_heartbeat", "alive", "Alive"],
      ["node_state", "supply", "On"],
    ] as const) {
      await eventually(`${measurement} of n1 is kept`, async () => {
        const { series } = await json<MeasurementsPage>(
          `/measurements/${measurement}?nodes=n1&field=${field}&every=raw&from=10m`,
        );
        return series.some(({ codes, points }) =>
          points.some(({ last }) => codes?.[String(last)] === word),
        );
      });
    }
  });

  it("are metrics", async () => {
    const reply = await fetch(`${lab.url}/metrics?target=n1`);
    const text = await reply.text();
    expect(text).toMatch(/^outrider_node_voltage_volts\{node="n1",sensor="supply"\} [\d.]+$/m);
    expect(text).toMatch(/^outrider_node_supply\{node="n1",value="On"\} 1$/m);
    const system = await (await fetch(`${lab.url}/metrics`)).text();
    expect(system).toContain('outrider_service_up{service="telemetry"} 1');
    expect(system).toContain('outrider_agent_up{agent="lab"} 1');
  });

  it("are told as they come, and so is what happens", async () => {
    const gone = new AbortController();
    onTestFinished(() => gone.abort());
    const linesOf = async function* (path: string): AsyncGenerator<Record<string, unknown>> {
      const { body } = await fetch(`${lab.url}/api/v1${path}`, { signal: gone.signal });
      let rest = "";
      const decoder = new TextDecoder();
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line) as Record<string, unknown>;
      }
    };
    const nodes: string[] = [];
    const times = new Set<string | undefined>();
    for await (const line of linesOf("/sensors/live?nodes=n[1-2]")) {
      const told = line as unknown as NodeSensors;
      nodes.push(told.node);
      if (told.node === "n1") times.add(told.sensors[0]?.at);
      if (times.size === 3) break;
    }
    expect(nodes.slice(0, 2)).toEqual(["n1", "n2"]);
    const events = linesOf("/events/live?nodes=n2&kinds=power-result");
    const first = events.next();
    await lab.ask("POST", "/nodes/n2/power", { action: "On" }, { prefer: "wait=30" });
    expect((await first).value).toMatchObject({ node: "n2", kind: "power-result" });
    gone.abort();
    await events.next().catch(() => undefined);
  });

  it("are stored, as the telemetry service says of itself", async () => {
    // On a machine that is busy it says for a while that it stood still.
    const health = await eventually(
      "nothing is wrong with it",
      async () => {
        const said = await json<{ state: string }>("/services/telemetry/health");
        return said.state === "ready" ? said : undefined;
      },
      { withinMs: 60_000 },
    );
    expect(health).toEqual({
      service: "telemetry",
      state: "ready",
      since: expect.any(String) as string,
      reasons: [],
    });
  });

  it.skipIf(!hasPromtool())("that promtool reads, with names as they should be", async () => {
    const system = await (await fetch(`${lab.url}/metrics`)).text();
    const said = promtoolSays(system);
    expect(said).not.toMatch(/error while linting|parse/);
    // What Node tells of its process is not ours to name.
    expect(said.split("\n").filter((line) => line !== "" && !line.startsWith("nodejs_"))).toEqual(
      [],
    );
    expect(system).toContain(
      'outrider_agent_clock_offset_seconds{service="telemetry",agent="lab"} 0',
    );
    expect(system).toMatch(/^outrider_telemetry_store_degraded\{service="telemetry"\} 0$/m);
    expect(system).toMatch(/^outrider_telemetry_series\{service="telemetry"\} [1-9]/m);
    expect(system).toMatch(/^outrider_alarms\{service="telemetry",severity="Critical"\} \d+$/m);
    for (const service of ["gateway", "inventory", "power", "telemetry"]) {
      expect(system).toContain(`outrider_service_up{service="${service}"} 1`);
    }
  });

  it("grow old when their agent has gone, and are not told as if they were fresh (P9)", async () => {
    await lab.agent.kill();
    await eventually(
      "they are stale",
      async () => {
        const { sensors } = await json<NodeSensors>("/nodes/n1/sensors");
        return sensors[0]?.stale === true;
      },
      { withinMs: 90_000 },
    );
    const text = await (await fetch(`${lab.url}/metrics?target=n1`)).text();
    expect(text).not.toContain("outrider_node_voltage_volts");
    expect(text).toContain('outrider_node_reading_age_seconds{node="n1",sensor="supply"}');
  });
});
