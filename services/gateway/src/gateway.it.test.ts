import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab, type Lab } from "./testing/lab.js";
import { openSse } from "./testing/sse-client.js";

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("the gateway of a running site", () => {
  it("lists nodes with what was measured and how long ago", async () => {
    const reply = await lab.ask("GET", "/nodes?limit=2");
    expect(reply.status).toBe(200);
    const page = (await reply.json()) as { nodes: object[]; total: number; next: string };
    expect(page.total).toBe(4);
    expect(page.nodes).toMatchObject([
      { id: "n1", supply: { evidence: "ReadBack", stale: false, ageMs: expect.any(Number) } },
      { id: "n2" },
    ]);
    const next = await lab.ask("GET", `/nodes?limit=2&cursor=${page.next}`);
    expect(await next.json()).toMatchObject({ nodes: [{ id: "n3" }, { id: "n4" }], total: 4 });
  });

  it("switches a node on and says so once it is verified", async () => {
    const reply = await lab.ask(
      "POST",
      "/nodes/n1/power",
      { action: "ForceOff" },
      { prefer: "wait=20" },
    );
    expect({ status: reply.status, body: await reply.json() }).toMatchObject({
      status: 200,
      body: { node: "n1", result: { status: "Succeeded", terminal: true } },
    });
    const location = reply.headers.get("location") ?? "";
    const again = await fetch(lab.url + location);
    expect(await again.json()).toMatchObject({ result: { status: "Succeeded" } });
    await eventually("the state says so", async () => {
      const node = (await (await lab.ask("GET", "/nodes/n1")).json()) as {
        supply: { value: string };
      };
      return node.supply.value === "Off";
    });
  });

  it("tells of changes as they happen", async () => {
    await using live = await openSse(`${lab.url}/api/v1/events`);
    await live.next(({ event }) => event === "snapshot-end");
    const asked = await lab.ask("POST", "/nodes/n2/power", { action: "PowerCycle" });
    expect(asked.status).toBe(202);
    const { id } = (await asked.json()) as { id: string };
    const result = await live.next(({ event, data }) => {
      const told = data["data"] as { id: string; terminal: boolean };
      return event === "result" && told.id === id && told.terminal;
    });
    expect(result.data).toMatchObject({ node: "n2", data: { id, status: "Succeeded" } });
  });

  it("says what is wrong as a problem", async () => {
    const reply = await lab.ask("GET", "/nodes/n99");
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(await reply.json()).toMatchObject({ status: 404, code: "unknown-node", field: "node" });
  });
});
