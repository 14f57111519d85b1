import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { readFile } from "node:fs/promises";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConsole, openedConsole, type ConsoleClient } from "./testing/console-client.js";
import { startConsoleStandIn, type ConsoleStandIn } from "./testing/console-stand-in.js";
import { openDoor, type Door } from "./testing/door.js";

const PASSWORD = "correct horse battery staple";
const WEB = { "outrider-via": "web" };

let door: Door;
let consoles: ConsoleStandIn;
/** Headers of people by name. */
const as: Record<string, Record<string, string>> = {};
/** Tokens of people by name. */
const tokens: Record<string, { readonly id: string; readonly token: string }> = {};

function cookieOf(reply: Response): string {
  return reply.headers.getSetCookie()[0]?.split(";", 1)[0] ?? "";
}

async function chosen(name: string, password: string): Promise<string> {
  const signedIn = await door.ask("POST", "/session", { body: { name, password } });
  const changed = await door.ask("PUT", "/session/password", {
    body: { old: password, new: PASSWORD },
    headers: { cookie: cookieOf(signedIn), ...WEB },
  });
  expect(changed.status).toBe(204);
  return cookieOf(changed);
}

async function person(name: string, more: object): Promise<void> {
  // Whom a try before has left.
  await door.ask("DELETE", `/users/${name}`, { headers: as["admin"] ?? {} });
  const made = await door.ask("POST", "/users", {
    body: { name, ...more },
    headers: as["admin"] ?? {},
  });
  const { password } = (await made.json()) as { password: string };
  as[name] = { cookie: await chosen(name, password), ...WEB };
  const token = await door.ask("POST", `/users/${name}/tokens`, {
    body: { name: "test" },
    headers: as[name],
  });
  tokens[name] = (await token.json()) as { id: string; token: string };
}

beforeAll(async () => {
  door = await openDoor();
  const { name = "", passwordFile = "" } = door.gateway.firstAdministrator ?? {};
  as["admin"] = {
    cookie: await chosen(name, (await readFile(passwordFile, "utf8")).trim()),
    ...WEB,
  };
  const { mqttUrl, data } = door;
  consoles = await startConsoleStandIn({ mqttUrl, data, nodes: ["n1", "n2", "n3"] });
  await person("oper", { role: "operator" });
  await person("view", { role: "viewer" });
  await person("some", { role: "operator", nodes: "n2" });
  await person("spy", { role: "viewer", rights: ["console-read"] });
  await eventually("the consoles are known", async () => {
    const reply = await door.ask("GET", "/consoles", { headers: as["oper"] ?? {} });
    const { consoles: seen = [] } = (await reply.json()) as { consoles?: { state?: object }[] };
    return seen.length === 3 && seen.every(({ state }) => state);
  });
});

afterAll(async () => {
  await consoles?.[Symbol.asyncDispose]();
  await door?.[Symbol.asyncDispose]();
});

const attachUrl = (node: string, query = ""): string =>
  `${door.gateway.url}/api/v1/nodes/${node}/console/attach${query}`;
const bearer = (name: string): Record<string, string> => ({
  authorization: `Bearer ${tokens[name]?.token ?? ""}`,
});
async function ticket(name: string): Promise<string> {
  const reply = await door.ask("POST", "/tickets", { headers: as[name] ?? {} });
  return ((await reply.json()) as { ticket: string }).ticket;
}
async function said(
  who: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const reply = await door.ask(method, path, { headers: as[who] ?? {}, ...(body ? { body } : {}) });
  const text = await reply.text();
  return { status: reply.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> };
}
const attach = (who: string, node = "n1", query = ""): Promise<ConsoleClient> =>
  openedConsole(attachUrl(node, query), [], bearer(who));

describe("P14: the WebSocket of a console", () => {
  it("opens with a ticket, once", async () => {
    const protocols = ["outrider.v1", `ticket.${await ticket("oper")}`];
    using first = await openedConsole(attachUrl("n1"), protocols);
    expect(first.socket.protocol).toBe("outrider.v1");
    expect(await openConsole(attachUrl("n1"), protocols)).toMatchObject({
      status: 401,
      body: { code: "bad-ticket" },
    });
  });

  it.each([
    ["of a foreign origin", { origin: "http://evil.example" }, 403],
    ["of a foreign origin with our name in it", { origin: "http://127.0.0.1.evil.example" }, 403],
    ["of no origin", { origin: "null" }, 403],
    ["to a name that is not ours", { host: "evil.example" }, 421],
  ])(
    "%s is refused before the upgrade, even with a ticket or a token",
    async (_, headers, status) => {
      const before = consoles.attached.length;
      const one = await ticket("oper");
      const protocols = ["outrider.v1", `ticket.${one}`];
      expect(await openConsole(attachUrl("n1"), protocols, headers)).toMatchObject({ status });
      const token = { ...headers, ...bearer("oper") };
      expect(await openConsole(attachUrl("n1"), [], token)).toMatchObject({ status });
      expect(consoles.attached).toHaveLength(before);
      // Nobody has used it: what was refused for its origin did not come to the ticket.
      using later = await openedConsole(attachUrl("n1"), protocols);
      expect(later.socket.readyState).toBe(1);
    },
  );

  it("with a cookie alone is refused", async () => {
    const { cookie = "" } = as["oper"] ?? {};
    expect(await openConsole(attachUrl("n1"), ["outrider.v1"], { cookie })).toMatchObject({
      status: 401,
      body: { code: "bad-ticket", detail: expect.stringContaining("/api/v1/tickets") as string },
    });
  });

  it.each([
    ["somebody without the right", "view", "n1", "", 403, "not-allowed"],
    ["somebody of other nodes", "some", "n1", "", 403, "not-allowed"],
    ["a node that there is not", "oper", "n9", "", 404, "unknown-node"],
    ["a mode that there is not", "oper", "n1", "?mode=force", 400, "invalid"],
    ["a parameter that there is not", "oper", "n1", "?moed=spy", 400, "invalid"],
  ])("to %s is refused with a sentence", async (_, who, node, query, status, code) => {
    const refused = await openConsole(attachUrl(node, query), [], bearer(who));
    expect(refused).toMatchObject({
      status,
      body: { code, detail: expect.stringMatching(/.{20}/) as string },
    });
  });
});

describe("a terminal", () => {
  it("is joined to the console service, which is told who comes and how", async () => {
    using client = await attach("some", "n2", "?mode=take&replay=lines:200&way=cli&escape=%5EEc");
    await eventually("it is told that it is attached", () => client.told.length > 0);
    const seen = consoles.attached.at(-1);
    const headers = seen?.headers ?? {};
    expect(seen?.url).toBe("/consoles/n2/attach?mode=take&replay=lines%3A200&way=cli&escape=%5EEc");
    expect(headers["outrider-actor"]).toBe("person:some");
    expect(JSON.parse(String(headers["outrider-subject"]))).toMatchObject({
      kind: "person",
      name: "some",
      nodes: ["n2"],
    });
    expect(headers["sec-websocket-protocol"]).toBeUndefined();
    expect(headers["cookie"]).toBeUndefined();
    client.socket.send(Buffer.from("hello"));
    await client.sees("HELLO");
    client.socket.send(JSON.stringify({ ask: "who" }));
    await eventually("it answers", () => client.told.some(({ told }) => told === "done"));
  });

  it("gets every byte as it was", async () => {
    using client = await attach("oper");
    const all = randomBytes(4_000_000);
    for (let at = 0; at < all.length; at += 50_000)
      client.socket.send(all.subarray(at, at + 50_000));
    await eventually("all came back", () => client.bytes().length >= all.length);
    const expected = all.map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte));
    expect(client.bytes().equals(expected)).toBe(true);
  });

  it("that does not read holds up the service and not the gateway", async () => {
    using client = await attach("oper");
    client.socket.pause();
    const service = consoles.attached.at(-1)?.client;
    const flood = Buffer.alloc(1_000_000, "y");
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < 100; count++) service?.send(flood);
    await eventually("the service has to wait", () => (service?.bufferedAmount ?? 0) > 80_000_000);
    using other = await attach("oper");
    other.socket.send(Buffer.from("through"));
    await other.sees("THROUGH");
    expect(service?.bufferedAmount).toBeGreaterThan(80_000_000);
    // The service is of this process; what the gateway held would come on top of what it waits with.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000);
  });

  it("ends with the service, and with its client", async () => {
    using client = await attach("oper");
    consoles.attached.at(-1)?.client.close(1001, "stopping");
    expect(await client.closed).toBe(1001);
    using second = await attach("oper");
    const far = consoles.attached.at(-1)?.client;
    const gone = new Promise((resolve) => far?.once("close", resolve));
    second.socket.terminate();
    await gone;
  });

  it("is refused as the service says", async () => {
    const detail = "this console has as many as it can have; ask somebody to leave";
    consoles.refuse = { status: 409, body: { code: "conflict", detail } };
    try {
      expect(await openConsole(attachUrl("n1"), [], bearer("oper"))).toMatchObject({
        status: 409,
        body: { code: "conflict", detail },
      });
    } finally {
      consoles.refuse = undefined;
    }
  });

  it("ends when the right does, the token, or the sign-in", async () => {
    await person("brief", { role: "operator" });
    await person("former", { role: "operator" });
    using demoted = await attach("former");
    using byToken = await attach("brief");
    using bySession = await openedConsole(attachUrl("n1"), [
      "outrider.v1",
      `ticket.${await ticket("brief")}`,
    ]);
    using stays = await attach("oper");
    const { id = "" } = tokens["brief"] ?? {};
    expect((await said("brief", "DELETE", `/users/brief/tokens/${id}`)).status).toBe(204);
    expect((await said("brief", "DELETE", "/session")).status).toBe(204);
    const change = await door.ask("PUT", "/users/former", {
      body: { role: "viewer" },
      headers: as["admin"] ?? {},
    });
    expect(change.status).toBe(200);
    expect(await byToken.closed).toBe(1006);
    expect(await bySession.closed).toBe(1006);
    expect(await demoted.closed).toBe(1006);
    expect(stays.socket.readyState).toBe(1);
  });
});

describe("a console’s log", () => {
  it("comes byte by byte as it is, as a file", async () => {
    const reply = await door.ask("GET", "/nodes/n1/console/log?format=raw&lines=5", {
      headers: as["oper"] ?? {},
    });
    expect(reply.headers.get("content-type")).toBe("application/octet-stream");
    expect(reply.headers.get("content-disposition")).toBe('attachment; filename="n1.console.log"');
    expect([...new Uint8Array(await reply.arrayBuffer())]).toEqual(
      Array.from({ length: 256 }, (_, byte) => byte),
    );
    expect(consoles.asked.at(-1)).toBe("/consoles/n1/log?lines=5&format=raw");
  });

  it("that is followed comes at once, and no faster than it is taken", async () => {
    const { hostname, port } = new URL(door.gateway.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(
      `GET /api/v1/nodes/n1/console/log?follow=true HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${tokens["oper"]?.token ?? ""}\r\n\r\n`,
    );
    const [first] = (await new Promise((resolve) =>
      socket.once("data", (data: Buffer) => resolve([data])),
    )) as [Buffer];
    socket.pause();
    expect(first.toString()).toMatch(/^HTTP\/1\.1 200 /);
    let before = -1;
    await eventually(
      "nothing more is taken",
      () => {
        const same = consoles.poured() === before;
        before = consoles.poured();
        return same;
      },
      { everyMs: 200 },
    );
    expect(consoles.poured()).toBeLessThan(50_000_000);
    socket.destroy();
  });

  it("that breaks off is not taken for whole", async () => {
    const reply = await door.ask("GET", "/nodes/n1/console/log?lines=13", {
      headers: as["oper"] ?? {},
    });
    await expect(reply.text()).rejects.toThrow("terminated");
  });

  it("is refused as the service says, and to whom may not read it", async () => {
    expect(await said("oper", "GET", "/nodes/n1/console/log?lines=404")).toMatchObject({
      status: 404,
      body: { detail: "there is no log of it" },
    });
    expect((await said("view", "GET", "/nodes/n1/console/log")).status).toBe(403);
    expect((await said("some", "GET", "/nodes/n1/console/log")).status).toBe(403);
    expect((await said("oper", "GET", "/nodes/n1/console/log?from=yesterday")).status).toBe(400);
  });

  it("ends for whoever follows it once they may not", async () => {
    await person("curious", { role: "operator" });
    const reply = await door.ask("GET", "/nodes/n1/console/log?follow=true", {
      headers: as["curious"] ?? {},
    });
    await door.ask("PUT", "/users/curious", {
      body: { role: "viewer" },
      headers: as["admin"] ?? {},
    });
    const drain = async (): Promise<void> => {
      for await (const _ of reply.body ?? []);
    };
    await expect(drain()).rejects.toThrow("terminated");
  });
});

describe("a search", () => {
  const asked = (): URLSearchParams =>
    new URL(consoles.asked.at(-1) ?? "", "http://listener").searchParams;

  it("is over the nodes that somebody may read", async () => {
    await door.ask("GET", "/consoles/search?q=panic&since=2d", { headers: as["some"] ?? {} });
    expect(asked().get("nodes")).toBe("n2");
    expect(asked().get("since")).toMatch(/^\d{4}-.*Z$/);
    await door.ask("GET", "/consoles/search?regex=a.b&nodes=n[1-2]", { headers: as["oper"] ?? {} });
    expect(Object.fromEntries(asked())).toEqual({ regex: "a.b", nodes: "n[1-2]" });
    await door.ask("GET", "/consoles/search?q=x", { headers: as["oper"] ?? {} });
    expect(asked().has("nodes")).toBe(false);
  });

  it("is refused where there is nothing to search", async () => {
    expect((await said("view", "GET", "/consoles/search?q=x")).status).toBe(403);
    expect((await said("some", "GET", "/consoles/search?q=x&nodes=n1")).status).toBe(422);
    expect((await said("oper", "GET", "/consoles/search")).status).toBe(422);
    expect((await said("oper", "GET", "/consoles/search?q=a&regex=b")).status).toBe(422);
  });
});

describe("what is done at a console", () => {
  it("goes to the service with who did it and by which way", async () => {
    const done = await said("oper", "POST", "/nodes/n1/console/act", {
      ask: "sysrq",
      keys: ["sync"],
    });
    expect(done).toEqual({ status: 200, body: { detail: "did sysrq" } });
    expect(consoles.acts.at(-1)).toMatchObject({
      actor: "person:oper",
      via: "web",
      body: { node: "n1", way: "web", act: { ask: "sysrq", keys: ["sync"] } },
    });
  });

  it("may be to lend its device to another program for a while", async () => {
    const asked = { ask: "close", forMs: 60_000, text: "flashing" };
    const done = await said("oper", "POST", "/nodes/n1/console/act", { ...asked, take: true });
    expect(done.status).toBe(200);
    expect(consoles.acts.at(-1)).toMatchObject({ body: { take: true, act: asked } });
    expect((await said("oper", "POST", "/nodes/n1/console/act", { ask: "open" })).status).toBe(200);
  });

  it.each([
    ["spy", { ask: "break" }, 403],
    ["spy", { ask: "close" }, 403],
    ["oper", { ask: "close", forMs: 86_400_001 }, 400],
    ["oper", { ask: "power", action: "ForceOff" }, 400],
    ["oper", { ask: "message", text: "x" }, 400],
    ["oper", { ask: "sysrq" }, 422],
    ["oper", { ask: "paste" }, 422],
  ])("is refused to %s: %j", async (who, body, status) => {
    const before = consoles.acts.length;
    expect((await said(who, "POST", "/nodes/n1/console/act", body)).status).toBe(status);
    expect(consoles.acts).toHaveLength(before);
  });
});

describe("who is at a console", () => {
  beforeAll(() => {
    const session = { way: "cli", writes: true, since: "2026-11-23T05:00:00.000Z", idleMs: 5 };
    consoles.sessions.push(
      { ...session, id: "s1", node: "n1", actor: "person:oper" } as never,
      { ...session, id: "s2", node: "n2", actor: "person:oper" } as never,
      { ...session, id: "s3", node: "n2", actor: "person:spy" } as never,
    );
  });

  it("is told to those who may read there", async () => {
    expect((await said("some", "GET", "/consoles/sessions")).body["total"]).toBe(2);
    expect((await said("oper", "GET", "/consoles/sessions?nodes=n1")).body).toMatchObject({
      total: 1,
      sessions: [{ id: "s1" }],
    });
    expect((await said("view", "GET", "/consoles/sessions")).status).toBe(403);
  });

  it.each([
    ["spy", "s1", 403],
    ["spy", "s3", 204],
    ["some", "s1", 404],
    ["some", "s2", 204],
    ["oper", "s1", 204],
  ])("%s may end %s: %i", async (who, id, status) => {
    const before = consoles.ended.length;
    expect((await said(who, "DELETE", `/consoles/sessions/${id}?reason=tea`)).status).toBe(status);
    const ended = status === 204 ? [{ body: { session: id, reason: "tea" } }] : [];
    expect(consoles.ended.slice(before)).toMatchObject(ended);
  });
});

describe("a node", () => {
  it("is shown with its console, also to whoever may not read that", async () => {
    const { body } = await said("view", "GET", "/nodes/n1");
    expect(body["console"]).toMatchObject({
      link: { value: "Up" },
      stage: { value: "login" },
      stale: false,
    });
    const { body: seen } = await said("some", "GET", "/consoles");
    expect(seen["consoles"]).toMatchObject([{ node: "n2", agent: "lab", driver: "simulated" }]);
  });
});

describe("a console service that is not there", () => {
  beforeRetry(async () => {
    const { mqttUrl, data } = door;
    consoles = await startConsoleStandIn({ mqttUrl, data, nodes: ["n1", "n2", "n3"] });
    await eventually("it is there", async () => {
      const answer = await openConsole(attachUrl("n1"), [], bearer("oper"));
      return "socket" in answer && answer;
    }).then((opened) => opened[Symbol.dispose]());
  });

  it("is said so before the upgrade", async () => {
    using client = await attach("oper");
    await consoles.stop();
    expect(await client.closed).toBe(1006);
    const refused = await eventually("the gateway knows", async () => {
      const answer = await openConsole(attachUrl("n1"), [], bearer("oper"));
      return "status" in answer && answer.status === 503 ? answer : undefined;
    });
    expect(refused.body).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("the console service") as string,
    });
  });
});
