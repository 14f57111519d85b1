import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab, type Lab } from "./testing/lab.js";

const PASSWORD = "correct horse battery staple";

let lab: Lab;
/** Of the administrator. */
let cookie = "";

const ask = async (method: string, path: string, body?: unknown) => {
  const headers = { "outrider-via": "web", ...(cookie === "" ? {} : { cookie }) };
  const reply = await lab.ask(method, path, body, headers);
  cookie = reply.headers.getSetCookie()[0]?.split(";", 1)[0] ?? cookie;
  const text = await reply.text();
  return {
    status: reply.status,
    body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
};

beforeAll(async () => {
  lab = await startLab({ nodes: 1, bare: ["n9"], closed: true });
  const password = (await readFile(join(lab.data, "secrets/first-admin"), "utf8")).trim();
  await ask("POST", "/session", { name: "admin", password });
  await ask("PUT", "/session/password", { old: password, new: PASSWORD });
  await eventually(
    "the node can be managed",
    async () => {
      const { body } = await ask("GET", "/nodes?management=Available");
      return (body["nodes"] as { id: string }[]).some(({ id }) => id === "n1");
    },
    { withinMs: 60_000 },
  );
}, 180_000);
afterAll(() => lab?.[Symbol.asyncDispose]());

describe("what agents can drive", () => {
  it("is what the real agent describes, each option with its words", async () => {
    const { status, body } = await ask("GET", "/drivers?port=power&driver=simulated");
    expect(status).toBe(200);
    expect(body["drivers"]).toMatchObject([
      { port: "power", driver: "simulated", agents: ["lab"], example: { options: { slot: 1 } } },
    ]);
    const all = (await ask("GET", "/drivers")).body["drivers"] as { port: string }[];
    expect(new Set(all.map(({ port }) => port)).size).toBeGreaterThan(5);
  });
});

describe("a node", () => {
  it("says what it has interfaces for, in lists too", async () => {
    const { nodes } = (await ask("GET", "/nodes")).body as {
      nodes: { id: string; interfaceKinds: string[] }[];
    };
    const kinds = new Map(nodes.map(({ id, interfaceKinds }) => [id, interfaceKinds]));
    expect(kinds.get("n1")).toContain("power");
    expect(kinds.get("n9")).toEqual([]);
  });
});

describe("an endpoint under test", () => {
  it("is exercised by its agent, and nothing of its node is touched", async () => {
    const before = (await lab.rack.client.edges()).length;
    const { status, body } = await ask("POST", "/endpoints/n1.power/test");
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        endpoint: "n1.power",
        agent: "lab",
        driver: "simulated",
        result: { ok: true },
      },
    });
    expect((await lab.rack.client.edges()).length).toBe(before);
    await ask("POST", "/endpoints/n9.power/test").then((reply) => expect(reply.status).toBe(404));
    await ask("POST", "/endpoints/n2.power/test").then((reply) =>
      expect(reply).toMatchObject({ status: 404, body: { code: "unknown-node" } }),
    );
    expect((await ask("POST", "/endpoints/n1.lamp/test")).status).toBe(400);
  });
});

describe("what could be declared", () => {
  it("is asked of an agent, also without a body", async () => {
    const bare = await ask("POST", "/agents/lab/detect");
    expect(bare).toMatchObject({ status: 200, body: { agent: "lab", found: {} } });
    const { proposals } = bare.body["found"] as { proposals: unknown[] };
    expect(Array.isArray(proposals)).toBe(true);
    expect((await ask("POST", "/agents/nobody/detect")).status).toBe(503);
    expect((await ask("POST", "/agents/lab/detect", { switches: [{ port: 1 }] })).status).toBe(400);
  });

  it("and what was tested stand in the audit log", async () => {
    const found = await eventually("they are there", async () => {
      const { records } = (await ask("GET", "/audit?log=gateway&limit=100")).body as {
        records: { act: string; subject: string }[];
      };
      return records.some(({ act }) => act === "agent.detect") ? records : undefined;
    });
    expect(found).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ act: "agent.detect", subject: "lab" }),
        expect.objectContaining({ act: "endpoint.test", subject: "n1.power" }),
      ]),
    );
  });
});
