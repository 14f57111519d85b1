import { fileURLToPath } from "node:url";
import { eventually } from "@outrider/testing/eventually";
import { describe, expect, it } from "vitest";
import { runCli } from "../run.js";
import { atTerminal } from "../testing/pseudo-terminal.js";
import { recordingConsole } from "../testing/recording-console.js";
import { startStubGateway, type Asked, type Reply } from "../testing/stub-gateway.js";
import { VERSION } from "../version.js";

const PROGRAM = fileURLToPath(new URL("../../bin/outrider.mjs", import.meta.url));

const supply = (value: number, at: string) => ({
  node: "n1",
  sensors: [
    {
      sensor: "supply",
      at,
      ageMs: 1000,
      staleAfterMs: 30_000,
      stale: false,
      values: [{ quantity: "voltageVolts", unit: "V", value }],
    },
  ],
  heartbeats: [],
});
const at = (second: number): string => `2026-11-23T05:00:0${second}.000Z`;
const event = (seq: number, message = `message ${seq}`) => ({
  seq,
  at: at(seq),
  subject: "node:n1",
  node: "n1",
  severity: "warning",
  kind: "boot",
  message,
});

async function outrider(line: string, reply: (asked: Asked, before: number) => Reply) {
  await using stub = await startStubGateway(reply);
  const { console, said } = recordingConsole();
  const environment = { OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: "/nonexistent" };
  const code = await runCli(line.split(" "), environment, console);
  expect(stub.wrong).toEqual([]);
  return { code, out: said.out, error: said.error, asked: stub.asked };
}

/** Runs what goes on without end until so many lines were printed, and interrupts it. */
async function interrupted(
  line: string,
  lines: number,
  reply: (asked: Asked, before: number) => Reply,
) {
  await using stub = await startStubGateway(reply);
  const { console, said } = recordingConsole();
  const stop = new AbortController();
  const environment = { OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: "/nonexistent" };
  const running = runCli(line.split(" "), environment, { ...console, interrupted: stop.signal });
  await eventually("enough was printed", () => said.out.length >= lines);
  stop.abort();
  const code = await running;
  expect(stub.wrong).toEqual([]);
  return { code, out: said.out, error: said.error, asked: stub.asked };
}

describe("outrider sensors", () => {
  it("shows pages of nodes, or says that there are none", async () => {
    const { code, out, asked } = await outrider("sensors n1 n2", (_, before) =>
      before === 0
        ? { nodes: [supply(5.1, at(1))], total: 2, next: "more" }
        : { nodes: [{ ...supply(4.9, at(1)), node: "n2" }], total: 2 },
    );
    expect({ code, asked: asked.length }).toEqual({ code: 0, asked: 2 });
    expect(out.join("\n").split("\n")).toEqual([
      "NODE  SENSOR  QUANTITY      VALUE  AGE  NOTE",
      "n1    supply  voltageVolts  5.1 V  1s",
      "n2    supply  voltageVolts  4.9 V  1s",
    ]);
    const none = await outrider("sensors n9", () => ({ nodes: [], total: 0 }));
    expect(none).toMatchObject({ code: 5, out: [] });
  });

  it("says what there is where nothing is of what was asked for", async () => {
    const soc = { ...supply(5.1, at(1)).sensors[0], sensor: "soc" };
    const watts = { ...soc, values: [{ quantity: "powerWatts", unit: "W", value: 4 }] };
    const host = { heartbeat: "host", proves: "network", alive: true, at: at(1), ageMs: 1000 };
    const heartbeats = [{ ...host, staleAfterMs: 30_000, stale: false }];
    const [volts] = supply(5.1, at(1)).sensors;
    const all = { node: "n1", sensors: [volts, watts], heartbeats };
    const reply = ({ query }: Asked): Reply => {
      const name = query["sensor"];
      const sensors = all.sensors.filter((one) => name === undefined || one?.sensor === name);
      const beats = heartbeats.filter((one) => name === undefined || one.heartbeat === name);
      return { nodes: [{ node: "n1", sensors, heartbeats: beats }], total: 1 };
    };
    const says = async (line: string): Promise<readonly [number, ...string[]]> => {
      const { code, out, error } = await outrider(line, reply);
      expect(out).toEqual([]);
      return [code, ...error];
    };
    const suply = "outrider: no sensor or heartbeat suply; there are supply, soc, host";
    expect(await says("sensors n1 --sensor suply")).toEqual([5, suply]);
    expect(await says("sensors n1 --sensor suply -o name")).toEqual([5, suply]);
    expect(await says("sensors n1 --quantity fanRevolutionsPerMinute")).toEqual([
      5,
      "outrider: no fanRevolutionsPerMinute was ever read; there are voltageVolts, powerWatts",
    ]);
    expect(await says("sensors n1 --sensor supply --quantity powerWatts")).toEqual([
      5,
      "outrider: no powerWatts was ever read of supply; there are voltageVolts",
    ]);
    expect(await says("sensors n1 --sensor host --quantity powerWatts")).toEqual([
      5,
      "outrider: no powerWatts of host, which is a heartbeat and has no quantities",
    ]);
    const json = await outrider("sensors n1 --sensor suply -o json", reply);
    expect(json).toMatchObject({ code: 5, error: [suply] });
    expect(JSON.parse(json.out.join(""))).toEqual([{ node: "n1", sensors: [], heartbeats: [] }]);
    const none = { nodes: [{ node: "n1", sensors: [], heartbeats: [] }], total: 1 };
    const fresh = await outrider("sensors n1", () => none);
    expect(fresh).toMatchObject({ code: 0, out: [] });
    expect(fresh.error).toEqual([
      expect.stringContaining("nothing was ever read of these nodes") as string,
    ]);
  });

  it("prints what the gateway says, of the quantities that are asked for", async () => {
    const reply = () => ({ nodes: [supply(5.1, at(1))], total: 1 });
    const all = await outrider("sensors n1 -o json", reply);
    expect(JSON.parse(all.out.join(""))).toEqual([supply(5.1, at(1))]);
    const other = await outrider("sensors n1 -o json --quantity powerWatts", reply);
    expect(JSON.parse(other.out.join(""))).toEqual([{ node: "n1", sensors: [], heartbeats: [] }]);
    const csv = await outrider("sensors n1 --csv", reply);
    expect(csv.out).toEqual([
      "time,node,sensor,quantity,unit,value,told",
      `${at(1)},n1,supply,voltageVolts,V,5.1,`,
    ]);
  });

  it.each([
    "sensors",
    "sensors n1 --quantity volts",
    "sensors n1 --every 5m",
    "sensors n1 -w --csv",
  ])("%s is wrong usage, and asks nobody", async (line) => {
    expect(await outrider(line, () => ({}))).toMatchObject({ code: 2, asked: [] });
  });

  it("-w prints each reading once where no terminal is, over a break, which it tells", async () => {
    const { code, out, error, asked } = await interrupted("sensors n1 -w", 2, (_, before) => {
      if (before === 0) return { lines: [supply(5.1, at(1)), {}], cut: true };
      if (before === 1) return "away";
      return { lines: [supply(5.1, at(1)), supply(5.2, at(2))] };
    });
    expect(code).toBe(130);
    expect(out.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      `${at(1)} n1 supply voltageVolts 5.1 V`,
      `${at(2)} n1 supply voltageVolts 5.2 V`,
    ]);
    expect(error.slice(0, 2)).toEqual([
      expect.stringMatching(/not connected \(.+\); going on/) as string,
      "outrider: connected again",
    ]);
    expect(asked.map(({ path }) => path)).toEqual(Array(3).fill("/sensors/live"));
  });

  it("-w of nobody, or of what may not be read, ends at once", async () => {
    const problem = { code: "unknown-node", detail: "no node in this set", status: 404 };
    const { code, asked } = await outrider("sensors n9 -w", () => ({ status: 404, problem }));
    expect({ code, asked: asked.length }).toEqual({ code: 5, asked: 1 });
    const { code: away } = await outrider("sensors n1 -w", () => "away");
    expect(away).toBe(7);
  });

  it("-w stays in its place at a terminal, says when it is not connected, and leaves it as it was", async () => {
    await using stub = await startStubGateway((_, before) =>
      before === 0
        ? { lines: [supply(5.1, at(1))], cut: true }
        : before < 3
          ? "away"
          : { lines: [supply(5.2, at(1))] },
    );
    const command = [process.execPath, PROGRAM, "sensors", "n1", "-w", "--interval", "200ms"];
    await using terminal = await atTerminal(command, { ...process.env, OUTRIDER_URL: stub.url });
    await terminal.shows("5.1 V");
    await terminal.shows("not connected for");
    await terminal.shows("5.2 V");
    process.kill(terminal.pid, "SIGINT");
    expect(await terminal.ended).toEqual({ code: 130, restored: true });
    expect(terminal.shown().split("\u001b[H").length).toBeGreaterThan(2);
  });

  it("--history draws at a terminal, and prints numbers elsewhere", async () => {
    const series = {
      from: at(0),
      to: at(8),
      everyMs: 1000,
      series: [
        {
          node: "n1",
          sensor: "supply",
          quantity: "powerWatts",
          unit: "W",
          points: [
            { at: at(0), mean: 1, min: 1, max: 1, last: 1, count: 1 },
            { at: at(4), mean: 9, min: 9, max: 9, last: 9, count: 1 },
          ],
        },
      ],
    };
    const { out } = await outrider("sensors n1 --history 8s", () => series);
    expect(out.join("\n")).toMatch(/^n1 +supply +powerWatts +1 W +5 W +9 W +9 W$/m);
    await using stub = await startStubGateway(() => series);
    const command = [process.execPath, PROGRAM, "sensors", "n1", "--history", "8s"];
    await using terminal = await atTerminal(command, { ...process.env, OUTRIDER_URL: stub.url });
    expect(await terminal.ended).toMatchObject({ code: 0 });
    expect(terminal.shown()).toMatch(/9 W +▁ {19}█/);
  });
});

describe("outrider events", () => {
  it("prints the newest last, page by page, and says when there is more", async () => {
    const { out, error } = await outrider("events --limit 3", (_, before) =>
      before === 0 ? { events: [event(4), event(3)], next: 3 } : { events: [event(2)], next: 2 },
    );
    expect(out.join("\n").split("\n").slice(1)).toEqual([
      `${at(2)}  warning   n1     boot  message 2`,
      `${at(3)}  warning   n1     boot  message 3`,
      `${at(4)}  warning   n1     boot  message 4`,
    ]);
    expect(error).toEqual(["outrider: only the newest 3; --limit shows more"]);
  });

  it("-w goes on after the last event over a break, and shows nothing that moves the cursor", async () => {
    const { code, out, asked } = await interrupted("events n1 -w --limit 5", 3, (_, before) =>
      before === 0
        ? { lines: [event(1), event(2)], cut: true }
        : { lines: [event(3, "\u001b[2Jgone")] },
    );
    expect(code).toBe(130);
    expect(out.map((line) => line.split("  ").at(-1))).toEqual([
      "message 1",
      "message 2",
      "?[2Jgone",
    ]);
    expect(asked.map(({ query }) => query)).toEqual([
      { nodes: "n1", limit: "5" },
      { nodes: "n1", limit: "5", after: "2" },
    ]);
  });
});

describe("outrider alarms", () => {
  const alarm = {
    ...event(1, "too hot"),
    id: "soc-temperature-soc",
    rule: "soc-temperature",
    kind: "threshold",
    severity: "Critical",
    raisedAt: at(1),
  };

  it("lists those that stand; its default is the list", async () => {
    const { out } = await outrider("alarms n1 -o name", () => ({ alarms: [alarm] }));
    expect(out).toEqual(["n1/soc-temperature-soc"]);
    expect(await outrider("alarms", () => ({ alarms: [] }))).toMatchObject({
      code: 0,
      out: [],
      error: ["outrider: there are no alarms"],
    });
  });

  it("ack says which it has told, and refuses what is no name of one", async () => {
    const line = "alarms ack n1/soc-temperature-soc agent:rack-a/agent-clock --comment seen";
    const { code, out, asked } = await outrider(line, () => alarm);
    expect({ code, out }).toEqual({
      code: 0,
      out: ["n1/soc-temperature-soc: seen", "agent:rack-a/agent-clock: seen"],
    });
    expect(asked.map(({ path, body }) => [path, body])).toEqual([
      ["/alarms/node%3An1/soc-temperature-soc/acknowledge", { comment: "seen" }],
      ["/alarms/agent%3Arack-a/agent-clock/acknowledge", { comment: "seen" }],
    ]);
    for (const none of ["n1", "n[1-3/silent", "agent:[1-2]/silent"]) {
      expect(await outrider(`alarms ack ${none}`, () => ({}))).toMatchObject({
        code: 2,
        asked: [],
      });
    }
  });

  it("ack of a node set is of every alarm of that rule that nobody has seen", async () => {
    const standing = [
      { ...alarm, subject: "node:n2" },
      { ...alarm, subject: "node:n3", acknowledged: { actor: "person:anna", at: at(2) } },
      { ...alarm, subject: "node:n4", id: "silent", rule: "silent" },
    ];
    const { code, out, error, asked } = await outrider(
      "alarms ack n[2-4]/soc-temperature n[2-4]/clock",
      ({ path }) => (path === "/alarms" ? { alarms: standing } : alarm),
    );
    expect({ code, out, error }).toEqual({
      code: 5,
      out: ["n2/soc-temperature-soc: seen"],
      error: ["outrider: there is no alarm 'n[2-4]/clock' that nobody has seen"],
    });
    expect(asked.map(({ path, query }) => [path, query])).toEqual([
      ["/alarms", { nodes: "n[2-4]", state: "active", limit: "1000" }],
      ["/alarms/node%3An2/soc-temperature-soc/acknowledge", {}],
      ["/alarms", { nodes: "n[2-4]", state: "active", limit: "1000" }],
    ]);
  });

  it("--csv makes no formula of what a device says", async () => {
    const { out } = await outrider("alarms --csv", () => ({
      alarms: [{ ...alarm, message: '=cmd|"/C calc"!A0' }],
    }));
    expect(out[1]).toBe(
      `${at(1)},,node:n1,soc-temperature-soc,Critical,"'=cmd|""/C calc""!A0",,,,`,
    );
  });
});

describe("outrider doctor", () => {
  const since = at(0);
  const status = { state: "degraded", instance: "i", version: VERSION, startedAt: since };
  const replies: Readonly<Record<string, Reply>> = {
    "/health": { version: VERSION, services: [{ id: "telemetry", status }] },
    "/services/telemetry/health": {
      service: "telemetry",
      state: "degraded",
      since,
      reasons: ["InfluxDB does not answer: 7 points wait"],
    },
    "/agents": { agents: [] },
    "/nodes": { nodes: [] },
    "/drift": { drift: [] },
    "/proposals": { proposals: [] },
  };
  const findings = async (alarms: Reply): Promise<{ level: string; what: string }[]> => {
    const { code, out } = await outrider("doctor -o json", ({ path }) =>
      path === "/alarms" ? alarms : (replies[path] ?? {}),
    );
    expect(code).toBe(1);
    return JSON.parse(out.join("\n")) as { level: string; what: string }[];
  };

  it("names alarms that stand, and why telemetry is degraded", async () => {
    const alarm = { seq: 1, subject: "node:n1", id: "silent", rule: "silent", kind: "silent" };
    const told = { severity: "Critical", message: "no sign of life", raisedAt: since };
    const said = await findings({ alarms: [{ ...alarm, ...told }] });
    expect(said.find(({ what }) => what.startsWith("n1: no sign of life"))?.level).toBe("error");
    expect(said.map(({ what }) => what)).toContain(
      "service telemetry is degraded: InfluxDB does not answer: 7 points wait",
    );
  });

  it("says when nobody can tell which alarms stand", async () => {
    const detail = "no telemetry service has ever been heard in this site";
    const said = await findings({ status: 404, problem: { code: "not-found", detail } });
    expect(said.find(({ what }) => what.includes(detail))?.level).toBe("warning");
  });
});
