import { randomUUID } from "node:crypto";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startLab, type Lab } from "./testing/lab.js";

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ nodes: 6 });
});

afterAll(() => lab?.[Symbol.asyncDispose]());

type Json = Record<string, unknown>;

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<{ status: number; headers: Headers; body: Json }> {
  const reply = await lab.ask(method, path, body, headers);
  const text = await reply.text();
  return {
    status: reply.status,
    headers: reply.headers,
    body: (text ? JSON.parse(text) : {}) as Json,
  };
}

/** How often the supply of a slot went off, by the rack's own account. */
async function offs(slot: number): Promise<number> {
  const edges = await lab.rack.client.edges({ slot });
  return edges.filter(({ edge }) => edge === "supply-off").length;
}

/** Resolves once a transition that was asked for has ended. */
async function ended({ headers }: { readonly headers: Headers }): Promise<void> {
  const path = String(headers.get("location")).replace("/api/v1", "");
  await eventually("it has ended", async () => {
    const { body } = await ask("GET", path);
    return (body["transition"] as Json)["state"] === "Completed";
  });
}

describe("an idempotency key", () => {
  /** Nobody has used them, whichever try it is. */
  const keys = { once: "", many: "", bulk: "" };
  const fresh = (name: keyof typeof keys): string => (keys[name] = `${name}-${randomUUID()}`);

  it("has a command act once, and gives the first answer again", async () => {
    await ask("POST", "/nodes/n1/power", { action: "On" }, { prefer: "wait=20" });
    const before = await offs(1);
    const key = { "idempotency-key": fresh("once"), prefer: "wait=20" };
    const first = await ask("POST", "/nodes/n1/power", { action: "PowerCycle" }, key);
    expect(first).toMatchObject({ status: 200, body: { result: { status: "Succeeded" } } });
    const again = await ask("POST", "/nodes/n1/power", { action: "PowerCycle" }, key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((await offs(1)) - before).toBe(1);
  });

  it("is refused for another request, and is another's own", async () => {
    const key = { "idempotency-key": keys.once };
    const other = await ask("POST", "/nodes/n1/power", { action: "ForceOff" }, key);
    expect([other.status, other.body["code"]]).toEqual([422, "key-reused"]);
  });

  it("of several at once lets one act", async () => {
    const before = await offs(2);
    await ask("POST", "/nodes/n2/power", { action: "On" }, { prefer: "wait=20" });
    const key = { "idempotency-key": fresh("many"), prefer: "wait=20" };
    const replies = await Promise.all(
      Array.from({ length: 5 }, () =>
        ask("POST", "/nodes/n2/power", { action: "PowerCycle" }, key),
      ),
    );
    const statuses = replies.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
    expect((await offs(2)) - before).toBe(1);
  });

  it("has a transition begin once", async () => {
    const key = { "idempotency-key": fresh("bulk") };
    const [first, again] = [
      await ask("POST", "/power", { action: "On", nodes: "n[1-6]" }, key),
      await ask("POST", "/power", { action: "On", nodes: "n[1-6]" }, key),
    ];
    expect(first).toMatchObject({ status: 202, body: { total: 6, asked: "n[1-6]" } });
    expect(again.body["id"]).toBe(first.body["id"]);
    await ended(first);
  });
});

describe("a transition", () => {
  it("over a list of ids goes on by itself and tells what became of each node", async () => {
    const nodeIds = ["n3", "n4", "n5"];
    const asked = await ask("POST", "/power", { action: "PowerCycle", nodeIds, reason: "test" });
    expect(asked).toMatchObject({ status: 202, body: { nodes: "n[3-5]", total: 3 } });
    const path = String(asked.headers.get("location")).replace("/api/v1", "");
    await ended(asked);
    const { body, headers } = await ask("GET", path);
    expect(body).toMatchObject({
      transition: { counts: { succeeded: 3 } },
      tasks: [{ node: "n3", state: "Succeeded" }, { node: "n4" }, { node: "n5" }],
    });
    const known = await lab.ask("GET", path, undefined, {
      "if-none-match": headers.get("etag") ?? "",
    });
    expect(known.status).toBe(304);
  });

  it("is planned without anything being done", async () => {
    const before = await offs(3);
    const { status, body } = await ask("POST", "/power/plan", {
      action: "ForceOff",
      nodes: "@storage",
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ total: 2, groups: [{ nodes: "n[1-2]", outcome: "act" }] });
    expect(await offs(3)).toBe(before);
  });

  it.each([
    ["a node that there is not", { action: "On", nodes: "n[1-9]" }, 422],
    ["a set that cannot be read", { action: "On", nodes: "n[1-" }, 422],
    ["no node at all", { action: "On", nodes: "@nothing" }, 422],
    ["both a set and a list", { action: "On", nodes: "n1", nodeIds: ["n1"] }, 400],
    ["neither", { action: "On" }, 400],
  ])("over %s is refused with a sentence", async (_, body, status) => {
    const reply = await ask("POST", "/power", body);
    expect({ status: reply.status, code: reply.body["code"] }).toEqual({ status, code: "invalid" });
  });
});

describe("a lock", () => {
  it("is held, shown on its nodes, renewed and given back", async () => {
    const held = await ask("POST", "/locks", {
      nodes: "n[5-6]",
      reason: "new disk",
      leaseMs: 60_000,
    });
    expect(held).toMatchObject({ status: 201, body: { state: "Held", nodes: "n[5-6]" } });
    const id = String(held.body["id"]);
    onTestFinished(async () => void (await ask("DELETE", `/locks/${id}`)));
    await eventually("the node says so", async () => {
      const { body } = await ask("GET", "/nodes/n5");
      return (body["lock"] as Json | undefined)?.["held"];
    });
    const renewed = await ask("POST", `/locks/${id}/renew`, { leaseMs: 120_000 });
    expect(renewed).toMatchObject({ status: 200, body: { state: "Held" } });
    expect(String(renewed.body["until"]) > String(held.body["until"])).toBe(true);
    const queued = await ask("POST", "/locks", { nodes: "n6", queue: true });
    onTestFinished(async () => void (await ask("DELETE", `/locks/${String(queued.body["id"])}`)));
    expect(queued).toMatchObject({ status: 202, body: { state: "Queued" } });
    expect((await ask("DELETE", `/locks/${id}`)).body["state"]).toBe("Released");
    await eventually("the next one holds it", async () => {
      const { body } = await ask("GET", `/locks/${String(queued.body["id"])}`);
      return body["state"] === "Held";
    });
    expect((await ask("DELETE", `/locks/${String(queued.body["id"])}`)).status).toBe(200);
  });
});

describe("the site", () => {
  it("is read with its revision", async () => {
    const { status, body, headers } = await ask("GET", "/site");
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { site: "lab", revision: 1, nodes: 6 },
    });
    const known = await lab.ask("GET", "/site", undefined, {
      "if-none-match": headers.get("etag") ?? "",
    });
    expect(known.status).toBe(304);
  });
});

describe("a service that is not there", () => {
  it("is said so at once, with when to ask again", async () => {
    await lab.power.kill("SIGKILL");
    const refused = await eventually("the gateway knows", async () => {
      const reply = await ask("POST", "/nodes/n1/power", { action: "On" });
      return reply.body["code"] === "unavailable" ? reply : undefined;
    });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("2");
    expect((await ask("GET", "/health")).body).toMatchObject({ state: "degraded" });
  });
});
