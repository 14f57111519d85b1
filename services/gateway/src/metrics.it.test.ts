import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { QUANTITIES } from "@outrider/contracts/reading";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { hasPromtool, promtoolSays } from "./testing/promtool.js";
import { alarmOf } from "./testing/telemetry-stand-in.js";
import { startTelemetryLab, usualAnswer, type TelemetryLab } from "./testing/telemetry-lab.js";

const AT = "2026-11-23T05:00:00.000Z";

let lab: TelemetryLab;
beforeAll(async () => {
  lab = await startTelemetryLab();
  lab.telemetry.alarm("n10", { ...alarmOf("hot"), severity: "Critical" });
  lab.telemetry.alarm("n2", alarmOf("dim"));
  lab.telemetry.agentAlarm("rack-a", "agent-away", {
    ...alarmOf("agent-away"),
    severity: "Critical",
  });
  lab.telemetry.domainAlarm("psu-a", "watt-budget", alarmOf("watt-budget"));
  await eventually("the alarm is known", async () => {
    const { body } = await lab.said("oper", "/nodes/n10");
    return body["alarms"] !== undefined;
  });
  // Told after the others, and so heard after them.
  await eventually("the alarms of the site are known", async () =>
    (await lab.fetched("oper", "/metrics")).text.includes('alarm="watt-budget"'),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(async () => {
  lab.telemetry.answer = usualAnswer;
  // A test that ends one has it begin again.
  await eventually("the alarms of the site are known", async () =>
    (await lab.fetched("oper", "/metrics")).text.includes('alarm="watt-budget"'),
  );
});

const fetched: TelemetryLab["fetched"] = (...given) => lab.fetched(...given);

describe("metrics", () => {
  it("demand credentials as everything does, also where Prometheus looks", async () => {
    expect((await fetched("nobody", "/metrics")).status).toBe(401);
    const foreign = await fetched("oper", "/metrics", { origin: "http://evil.example" });
    expect(foreign.status).toBe(403);
    const { status, type } = await fetched("oper", "/metrics");
    expect({ status, type }).toEqual({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
    });
  });

  it("of the system have its services with what they measure, agents and how nodes fare", async () => {
    const { text } = await fetched("view", "/metrics");
    const lines = text.split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'outrider_service_up{service="gateway"} 1',
        'outrider_service_up{service="telemetry"} 1',
        'outrider_ready{service="telemetry"} 1',
        'outrider_nodes{part="management",value="Available"} 3',
        'outrider_nodes{part="supply",value="Unknown"} 3',
        'outrider_node_alarms{severity="Critical"} 1',
      ]),
    );
    expect(lines.filter((line) => line === "# TYPE outrider_messages gauge")).toHaveLength(1);
    const { text: seen } = await fetched("some", "/metrics");
    expect(seen).toContain('outrider_nodes{part="management",value="Available"} 1\n');
    expect(seen).toContain('outrider_node_alarms{severity="Critical"} 0\n');
  });

  it("tell alarms apart, and those of the site only to who may see the whole of it", async () => {
    const alarmsOf = async (who: string): Promise<string[]> =>
      (await fetched(who, "/metrics")).text.match(/^outrider_alarms?(?:_not_named)?\b.*$/gm) ?? [];
    expect(await alarmsOf("view")).toEqual([
      'outrider_alarm{subject="agent:rack-a",alarm="agent-away",severity="Critical"} 1',
      'outrider_alarm{subject="domain:psu-a",alarm="watt-budget",severity="Warning"} 1',
      'outrider_alarm{subject="node:n10",alarm="hot",severity="Critical"} 1',
      'outrider_alarm{subject="node:n2",alarm="dim",severity="Warning"} 1',
      "outrider_alarms_not_named 0",
    ]);
    expect(await alarmsOf("some")).toEqual([
      'outrider_alarm{subject="node:n2",alarm="dim",severity="Warning"} 1',
      "outrider_alarms_not_named 0",
    ]);
    onTestFinished(() => lab.telemetry.domainAlarm("psu-a", "watt-budget", alarmOf("watt-budget")));
    lab.telemetry.domainAlarm("psu-a", "watt-budget", undefined);
    await eventually("it is over", async () =>
      (await alarmsOf("view")).every((line) => !line.includes("psu-a")),
    );
  });

  it("of nodes are in base units under conventional names, and stale values are not there (P9)", async () => {
    const { text } = await fetched("oper", "/metrics?target=n10");
    const lines = text.split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        "# TYPE outrider_node_voltage_volts gauge",
        'outrider_node_voltage_volts{node="n10",sensor="supply"} 5.1',
        "# TYPE outrider_node_energy_joules_total counter",
        'outrider_node_energy_joules_total{node="n10",sensor="supply"} 9000',
        'outrider_node_reading_absent{node="n10",sensor="supply",quantity="currentAmperes",reason="NoReading"} 1',
        'outrider_node_reading_age_seconds{node="n10",sensor="soc"} 1.5',
        'outrider_node_heartbeat_alive{node="n10",heartbeat="lan",proves="network"} 1',
        'outrider_node_heartbeat_duration_seconds{node="n10",heartbeat="lan",proves="network"} 0.0004',
        'outrider_node_liveness{node="n10",value="Alive"} 1',
        'outrider_node_liveness{node="n10",value="Silent"} 0',
        'outrider_node_alarm{node="n10",alarm="hot",rule="hot",severity="Critical",acknowledged="false"} 1',
        'outrider_node_info{node="n10",name="Node \\"n10\\"",roles="storage",agents=""} 1',
        "outrider_readings_known 1",
      ]),
    );
    expect(text).not.toContain("celsius");
    expect((await fetched("some", "/metrics?target=n10")).status).toBe(422);
    expect((await fetched("some", "/metrics?target=@storage")).text).not.toContain('node="n1');
  });

  it("of nodes are told without readings where there is no telemetry service", async () => {
    lab.telemetry.answer = () => ({ status: 503, body: { code: "unavailable", detail: "away" } });
    const { status, text } = await fetched("oper", "/metrics?target=n1");
    expect(status).toBe(200);
    expect(text).toContain("outrider_readings_known 0\n");
    expect(text).toContain('outrider_node_liveness{node="n1",value="Alive"} 1');
  });

  describe.skipIf(!hasPromtool())("promtool", () => {
    it("has nothing against what is told of nodes", async () => {
      expect(promtoolSays((await fetched("oper", "/metrics?target=@storage")).text)).toBe("");
    });

    it("has nothing against the metric of any quantity", async () => {
      const values = Object.entries(QUANTITIES).map(([quantity, { unit }]) => ({
        quantity,
        unit,
        value: 1,
      }));
      const sensor = {
        sensor: "all",
        at: AT,
        ageMs: 1,
        staleAfterMs: 30_000,
        stale: false,
        values,
      };
      lab.telemetry.answer = () => ({
        body: { nodes: [{ node: "n1", sensors: [sensor], heartbeats: [] }] },
      });
      const { text } = await fetched("oper", "/metrics?target=n1");
      expect(text.match(/^outrider_node_\w+\{node="n1",sensor="all"\} /gm)).toHaveLength(
        values.length + 1,
      );
      expect(promtoolSays(text)).toBe("");
    });

    it("reads what is told of the system, and has nothing against names of ours", async () => {
      const report = promtoolSays((await fetched("oper", "/metrics")).text);
      expect(report).not.toMatch(/error while linting|expected|parse/);
      expect(report.split("\n").filter((line) => line.startsWith("outrider_"))).toEqual([]);
      expect((await fetched("oper", "/metrics")).text).toContain("# TYPE outrider_alarm gauge");
    });

    it("would find what is wrong", () => {
      expect(promtoolSays("outrider_x_minutes 1\n")).toMatch(/outrider_x_minutes/);
    });
  });

  describe.skipIf(!requirePeer("prometheus", "apt-get install prometheus"))("Prometheus", () => {
    it("scrapes the system and its nodes as the documentation has it", async () => {
      await using stack = new AsyncDisposableStack();
      const folder = stack.use(await tempDir("prom-"));
      const port = await freePort();
      const file = join(folder.path, "prometheus.yml");
      const [, token = ""] = (lab.guests.as("view")["authorization"] ?? "").split(" ");
      await writeFile(join(folder.path, "token"), token);
      await writeFile(file, configOf(new URL(lab.door.gateway.url).host));
      const child = spawn(
        "prometheus",
        [
          `--config.file=${file}`,
          `--storage.tsdb.path=${join(folder.path, "data")}`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        { stdio: "ignore" },
      );
      const ended = once(child, "exit");
      stack.defer(async () => {
        child.kill("SIGKILL");
        await ended;
      });
      const asked = async (query: string): Promise<[string, string][]> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: { metric: Record<string, string>; value: [number, string] }[] };
        };
        return data.result.map(({ metric, value }) => [metric["node"] ?? "", value[1]]);
      };
      const volts = await eventually(
        "the readings of the nodes are there",
        async () => {
          const found = await asked('outrider_node_voltage_volts{job="nodes"}');
          return found.length === 3 ? found : undefined;
        },
        { withinMs: 60_000, everyMs: 200 },
      );
      expect(Object.fromEntries(volts)).toEqual({ n1: "5.1", n2: "5.1", n10: "5.1" });
      const up = await eventually("the system is there", async () => {
        const found = await asked('outrider_service_up{exported_service="",service="telemetry"}');
        return found.length > 0 ? found : undefined;
      });
      expect(up).toEqual([["", "1"]]);
      expect(await asked("up")).toEqual([
        ["", "1"],
        ["", "1"],
      ]);
    });
  });
});

function configOf(target: string): string {
  return `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: outrider
    authorization: { credentials_file: token }
    static_configs: [{ targets: ["${target}"] }]
  - job_name: nodes
    authorization: { credentials_file: token }
    params: { target: ["@all"] }
    static_configs: [{ targets: ["${target}"] }]
`;
}
