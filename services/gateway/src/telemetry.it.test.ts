import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { alarmOf, type AskedPage, type Told } from "./testing/telemetry-stand-in.js";
import { startTelemetryLab, usualAnswer, type TelemetryLab } from "./testing/telemetry-lab.js";

const AT = "2026-11-23T05:00:00.000Z";

let lab: TelemetryLab;
beforeAll(async () => {
  lab = await startTelemetryLab();
});
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(() => {
  lab.telemetry.answer = usualAnswer;
});

const said: TelemetryLab["said"] = (...given) => lab.said(...given);
const fetched: TelemetryLab["fetched"] = (...given) => lab.fetched(...given);
const asked = (): AskedPage => lab.telemetry.asked.at(-1) ?? { page: "", actor: "", body: {} };

describe("what sensors last said", () => {
  it("is told of the nodes that somebody may see, in pages", async () => {
    const first = await said("oper", "/sensors?limit=2");
    expect(first).toMatchObject({ status: 200, body: { total: 3 } });
    expect(asked()).toMatchObject({
      page: "/latest",
      actor: "person:oper",
      body: { nodes: ["n1", "n2"] },
    });
    const { next } = first.body as { next: string };
    const second = await said("oper", `/sensors?limit=2&cursor=${next}`);
    expect(asked().body).toEqual({ nodes: ["n10"] });
    expect(second.body["next"]).toBeUndefined();
    await said("some", "/sensors");
    expect(asked().body).toEqual({ nodes: ["n2"] });
  });

  it("may be one node or one sensor, and not one of somebody else’s", async () => {
    const { body } = await said("oper", "/nodes/n1/sensors?sensor=lan");
    expect(body).toMatchObject({ node: "n1", sensors: [], heartbeats: [{ proves: "network" }] });
    const before = lab.telemetry.asked.length;
    expect((await said("some", "/nodes/n1/sensors")).status).toBe(403);
    expect((await said("some", "/sensors?nodes=n1")).status).toBe(422);
    expect((await said("nobody", "/sensors")).status).toBe(401);
    expect(lab.telemetry.asked).toHaveLength(before);
  });
});

describe("what sensors and the event log say as it comes", () => {
  it("is handed through, within what somebody may see", async () => {
    lab.telemetry.answer = () => ({ body: { node: "n2" } });
    expect(await said("some", "/sensors/live?nodes=@all")).toEqual({
      status: 200,
      body: { node: "n2" },
    });
    expect(asked()).toMatchObject({ page: "/latest/live", body: { nodes: ["n2"] } });
    await said("some", "/events/live?after=7&severity=error");
    expect(asked()).toEqual({
      page: "/events/live",
      actor: "person:some",
      body: { nodes: ["n2"], severities: ["error"], after: 7, limit: 100 },
    });
    const before = lab.telemetry.asked.length;
    expect((await said("some", "/sensors/live?nodes=n1")).status).toBe(422);
    expect((await said("oper", "/sensors/live?nodes=@nobody")).status).toBe(404);
    expect((await said("oper", "/sensors/live")).status).toBe(400);
    expect((await said("nobody", "/events/live")).status).toBe(401);
    expect(lab.telemetry.asked).toHaveLength(before);
  });

  it("is refused as the service says", async () => {
    const body = { code: "unavailable", detail: "the database does not answer" };
    lab.telemetry.answer = () => ({ status: 503, body });
    expect(await said("oper", "/events/live")).toMatchObject({ status: 503, body });
  });
});

describe("what sensors have measured", () => {
  it("is asked for in spans, buckets and quantities", async () => {
    const { body } = await said(
      "oper",
      "/readings?nodes=@storage&sensor=supply,soc&quantity=powerWatts&from=2026-11-23T05:00:00Z&to=2026-11-23T06:00:00Z&every=5m",
    );
    expect(asked().body).toEqual({
      nodes: ["n1", "n2", "n10"],
      sensors: ["supply", "soc"],
      quantities: ["powerWatts"],
      from: AT,
      to: "2026-11-23T06:00:00.000Z",
      everyMs: 300_000,
    });
    expect(body["series"]).toEqual([]);
  });

  it("is an hour in at most 300 points, unless something else is said", async () => {
    await said("oper", "/nodes/n1/readings");
    const { from, to, everyMs } = asked().body as { from: string; to: string; everyMs: number };
    expect(Date.parse(to) - Date.parse(from)).toBe(3_600_000);
    expect(everyMs).toBe(15_000);
    await said("oper", "/nodes/n1/readings?from=30d");
    expect(asked().body["everyMs"]).toBe(3 * 3_600_000);
    await said("oper", "/nodes/n1/readings?every=raw");
    expect(asked().body["everyMs"]).toBe(0);
  });

  it.each([
    ["/readings", 400],
    ["/nodes/n1/readings?from=yesterday", 400],
    ["/nodes/n1/readings?from=1h&to=2h", 422],
    ["/nodes/n1/readings?from=999999999d", 422],
    ["/nodes/n1/readings?every=1ms", 422],
    ["/nodes/n1/readings?quantity=volts", 422],
    ["/nodes/n1/readings?sensor=../x", 422],
    ["/readings?nodes=nosuch", 422],
  ])("%s is refused with %d", async (path, status) => {
    const before = lab.telemetry.asked.length;
    expect((await said("oper", path)).status).toBe(status);
    expect(lab.telemetry.asked).toHaveLength(before);
  });

  it("is refused as the service says, with the span that would do", async () => {
    const detail = "this would be more than 50000 points; ask with every=2m";
    lab.telemetry.answer = () => ({
      status: 413,
      body: { code: "too-large", detail, field: "every" },
    });
    expect(await said("oper", "/nodes/n1/readings?every=raw")).toMatchObject({
      status: 413,
      body: { code: "too-large", detail, field: "every" },
    });
  });
});

describe("readings as CSV", () => {
  /** A service that takes no more than two hours at once and has a reading each half hour. */
  function halfHours({ body }: AskedPage): Told {
    const { nodes, from, to } = body as { nodes: string[]; from: string; to: string };
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
    if (toMs - fromMs > 2 * 3_600_000) {
      return { status: 413, body: { code: "too-large", detail: "less" } };
    }
    const points: object[] = [];
    for (let ms = Math.ceil(fromMs / 1_800_000) * 1_800_000; ms < toMs; ms += 1_800_000) {
      const one = ms / 1_800_000 / 10;
      points.push({
        at: new Date(ms).toISOString(),
        mean: one,
        min: one,
        max: one,
        last: one,
        count: 1,
      });
    }
    const series = nodes.map((node) => ({
      node,
      sensor: "supply",
      quantity: "voltageVolts",
      unit: "V",
      points,
    }));
    return { body: { ...body, series } };
  }
  const span = "from=2026-11-23T05:00:00Z&to=2026-11-23T17:00:00Z";

  it("is whole, each reading once, though the service tells less at once", async () => {
    lab.telemetry.answer = halfHours;
    const { type, text, status } = await fetched(
      "oper",
      `/api/v1/readings?nodes=n1,n2&every=raw&${span}`,
      { accept: "text/csv" },
    );
    expect({ type, status }).toEqual({ type: "text/csv; charset=utf-8", status: 200 });
    const [head, ...lines] = text.trimEnd().split("\r\n");
    expect(head).toBe("time,node,sensor,quantity,unit,value");
    expect(lines).toHaveLength(48);
    expect(new Set(lines).size).toBe(48);
    expect(lines[0]).toMatch(/^2026-11-23T05:00:00\.000Z,n1,supply,voltageVolts,V,[\d.]+$/);
    expect(lines).toEqual(lines.toSorted((a, b) => (a.slice(0, 24) < b.slice(0, 24) ? -1 : 0)));
  });

  it("has buckets with their mean, least and greatest, each whole", async () => {
    lab.telemetry.answer = halfHours;
    const before = lab.telemetry.asked.length;
    const { text } = await fetched(
      "oper",
      `/api/v1/nodes/n1/readings?format=csv&every=45m&${span}`,
    );
    expect(text.split("\r\n")[0]).toBe("time,node,sensor,quantity,unit,mean,min,max,last,count");
    const pieces = lab.telemetry.asked
      .slice(before)
      .filter(({ body }) => body["everyMs"] === 2_700_000);
    const ends = pieces.slice(0, -1).map(({ body }) => Date.parse(String(body["to"])));
    for (const end of ends) expect(end % 2_700_000).toBe(0);
  });

  it("that cannot be begun is a problem, and one that breaks off is not taken for whole", async () => {
    lab.telemetry.answer = () => ({
      status: 503,
      body: { code: "unavailable", detail: "InfluxDB does not answer" },
    });
    const refused = await fetched("oper", `/api/v1/readings?nodes=n1&format=csv&${span}`);
    expect(refused.status).toBe(503);
    let left = 4;
    lab.telemetry.answer = (one) =>
      left-- > 0 ? halfHours(one) : { status: 503, body: { code: "unavailable", detail: "gone" } };
    await expect(
      fetched("oper", `/api/v1/readings?nodes=n1&format=csv&every=raw&${span}`),
    ).rejects.toThrow("terminated");
  });

  it("ends for whoever may not read any more", async () => {
    await lab.guests.add("brief", { role: "operator" });
    let pieces = 0;
    let demoted: Promise<void> | undefined;
    lab.telemetry.answer = (one) => {
      pieces += 1;
      if (pieces === 3) demoted = lab.guests.change("brief", { disabled: true });
      return halfHours(one);
    };
    const long = "from=2026-01-23T05:00:00Z&to=2026-11-23T17:00:00Z";
    await expect(
      fetched("brief", `/api/v1/readings?nodes=n1&format=csv&every=raw&${long}`),
    ).rejects.toThrow("terminated");
    await demoted;
    expect(pieces).toBeLessThan(3000);
  });
});

describe("the past of anything else", () => {
  const heartbeats = {
    tags: { node: "n2", heartbeat: "lan", proves: "network" },
    node: "n2",
    of: "lan",
    field: "alive",
    unit: "",
    codes: { "0": "Silent", "1": "Alive" },
    points: [{ at: AT, mean: 0.1 + 0.2, min: 0, max: 1, last: 0, count: 2 }],
  };

  it("is asked for of nodes that somebody may see, as JSON and as CSV with words", async () => {
    lab.telemetry.answer = ({ body }) => ({ body: { ...body, series: [heartbeats] } });
    const query =
      "nodes=@all&of=lan&field=alive&every=1m&from=2026-11-23T05:00:00Z&to=2026-11-23T06:00:00Z";
    const { body } = await said("some", `/measurements/node_heartbeat?${query}`);
    expect(body["series"]).toEqual([heartbeats]);
    expect(asked()).toMatchObject({
      page: "/measurements",
      body: {
        measurement: "node_heartbeat",
        nodes: ["n2"],
        of: ["lan"],
        fields: ["alive"],
        everyMs: 60_000,
      },
    });
    const csv = await fetched("some", `/api/v1/measurements/node_heartbeat?${query}&format=csv`);
    expect(csv.text).toBe(
      `time,node,heartbeat,proves,field,unit,mean,min,max,last,count,word\r\n${AT},n2,lan,network,alive,,0.3,0,1,0,2,Silent\r\n`,
    );
  });

  it("may be of the whole site, for whoever sees it", async () => {
    lab.telemetry.answer = ({ body }) => ({ body: { ...body, series: [] } });
    expect((await said("oper", "/measurements/agent_clock")).status).toBe(200);
    expect(asked().body).not.toHaveProperty("nodes");
    const before = lab.telemetry.asked.length;
    expect((await said("some", "/measurements/agent_clock")).status).toBe(403);
    expect((await said("some", "/measurements/node_state?nodes=n1")).status).toBe(422);
    expect((await said("oper", "/measurements/node_state")).status).toBe(422);
    expect((await said("oper", "/measurements/agent_clock?nodes=n1")).status).toBe(422);
    expect((await said("oper", "/measurements/nothing")).status).toBe(400);
    expect((await said("oper", "/measurements/node_state?nodes=n1&field=a%20b")).status).toBe(422);
    expect(lab.telemetry.asked).toHaveLength(before);
  });
});

describe("the event log", () => {
  it("is asked for within what somebody may see", async () => {
    await said("oper", "/events/history?kinds=boot,power&severity=error,critical&from=1d&limit=5");
    expect(asked()).toMatchObject({
      page: "/events",
      body: { kinds: ["boot", "power"], severities: ["error", "critical"], limit: 5 },
    });
    expect(asked().body).not.toHaveProperty("nodes");
    await said("some", "/events/history");
    expect(asked().body).toMatchObject({ nodes: ["n2"], limit: 100 });
    await said("oper", "/events/history?nodes=n1&before=7");
    expect(asked().body).toMatchObject({ nodes: ["n1"], before: 7 });
    expect((await said("oper", "/events/history?severity=bad")).status).toBe(422);
    expect((await said("oper", "/events/history?kinds=A")).status).toBe(422);
  });

  it("is CSV in which no message becomes a formula, page by page", async () => {
    const message = '=cmd|"/C calc"!A0';
    lab.telemetry.answer = ({ body }) => ({
      body: {
        events: [{ seq: 1, at: AT, subject: "node:n1", severity: "error", kind: "x", message }],
        ...(body["before"] === 2 ? {} : { next: 2 }),
      },
    });
    const { text } = await fetched("oper", "/api/v1/events/history?format=csv");
    const line = `${AT},node:n1,error,x,"'=cmd|""/C calc""!A0"`;
    expect(text).toBe(`time,subject,severity,kind,message\r\n${line}\r\n${line}\r\n`);
  });
});

describe("alarms", () => {
  it("are asked for within what somebody may see", async () => {
    await said("oper", "/alarms");
    expect(asked().body).toEqual({ state: "active", limit: 1000 });
    await said("some", "/alarms?state=all&severity=Critical");
    expect(asked().body).toMatchObject({ nodes: ["n2"], state: "all", severity: "Critical" });
  });

  it("are acknowledged by whoever may act on the node", async () => {
    const path = (subject: string): string => `/alarms/${subject}/too-hot/acknowledge`;
    const done = await said("oper", path("node:n1"), "POST", { comment: "on my way" });
    expect(done).toMatchObject({
      status: 200,
      body: { id: "too-hot", acknowledged: { actor: "person:oper", comment: "on my way" } },
    });
    expect(lab.telemetry.acknowledged.at(-1)).toMatchObject({
      actor: "person:oper",
      body: { subject: "node:n1", id: "too-hot", comment: "on my way" },
    });
    expect((await said("oper", path("agent:a1"), "POST")).status).toBe(200);
    expect((await said("some", path("node:n2"), "POST")).status).toBe(200);
    const before = lab.telemetry.acknowledged.length;
    expect((await said("view", path("node:n1"), "POST")).status).toBe(403);
    expect((await said("some", path("node:n1"), "POST")).status).toBe(404);
    expect((await said("some", path("agent:a1"), "POST")).status).toBe(403);
    expect((await said("oper", "/alarms/node:N1/x/acknowledge", "POST")).status).toBe(400);
    expect(lab.telemetry.acknowledged).toHaveLength(before);
  });

  it("stand with their nodes, the worst first", async () => {
    lab.telemetry.alarm("n10", alarmOf("warm"));
    lab.telemetry.alarm("n10", { ...alarmOf("hot"), severity: "Critical" });
    await eventually("both are known", async () => {
      const { body } = await said("oper", "/nodes/n10");
      return (body["alarms"] as unknown[] | undefined)?.length === 2;
    });
    const { body } = await said("oper", "/nodes/n10");
    expect(body["alarms"]).toMatchObject([{ id: "hot" }, { id: "warm" }]);
  });
});
