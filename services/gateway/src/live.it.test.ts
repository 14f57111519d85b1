import { WebSocket } from "ws";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { LiveClients } from "./live/clients.js";
import { Happenings } from "./live/happenings.js";
import type { RunningGateway } from "./start.js";
import { openDoor, type Door } from "./testing/door.js";
import { rawRequest } from "./testing/raw-request.js";
import { openSse } from "./testing/sse-client.js";

let door: Door;
let gateway: RunningGateway;

beforeAll(async () => {
  door = await openDoor(true);
  ({ gateway } = door);
});

afterAll(() => door?.[Symbol.asyncDispose]());

const ws = (): string => `${gateway.url.replace("http", "ws")}/api/v1/events/ws`;

async function ticket(): Promise<string> {
  const reply = await fetch(`${gateway.url}/api/v1/tickets`, { method: "POST" });
  expect(reply.status).toBe(201);
  return ((await reply.json()) as { ticket: string }).ticket;
}

interface Opened {
  /** What it was told first, or the status with which it was refused. */
  readonly first: Readonly<Record<string, unknown>> | number;
}

function open(protocols: string[], headers: Record<string, string> = {}): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(ws(), protocols, { headers });
    socket.once("message", (data: Buffer) => {
      socket.close();
      resolve({ first: JSON.parse(data.toString()) as Record<string, unknown> });
    });
    socket.once("unexpected-response", (request, response) => {
      request.destroy();
      resolve({ first: response.statusCode ?? 0 });
    });
    socket.once("error", reject);
  });
}

describe("P14: a WebSocket", () => {
  it("opens with a ticket, once", async () => {
    const one = await ticket();
    expect((await open(["outrider.v1", `ticket.${one}`])).first).toMatchObject({ kind: "hello" });
    expect((await open(["outrider.v1", `ticket.${one}`])).first).toBe(401);
  });

  it.each([
    ["of a foreign origin", { origin: "http://evil.example" }, 403],
    [
      "of a foreign origin that has our name in it",
      { origin: "http://127.0.0.1.evil.example" },
      403,
    ],
    ["of no origin", { origin: "null" }, 403],
    ["to a name that is not ours", { host: "evil.example" }, 421],
  ])("%s is refused before the upgrade, even with a ticket", async (_, headers, status) => {
    const one = await ticket();
    expect((await open(["outrider.v1", `ticket.${one}`], headers)).first).toBe(status);
    // Nobody has used it: what was refused for its origin did not come to the ticket.
    expect((await open(["outrider.v1", `ticket.${one}`])).first).toMatchObject({ kind: "hello" });
  });

  it("anywhere else is refused", async () => {
    const reply = await rawRequest(
      gateway.url,
      `GET /api/v1/nodes HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe("P14: a request", () => {
  const statusOf = async (
    headers: string,
    method = "GET",
    path = "/api/v1/nodes",
  ): Promise<number> =>
    Number(
      /^HTTP\/1\.1 (\d+)/.exec(
        await rawRequest(
          gateway.url,
          `${method} ${path} HTTP/1.1\r\n${headers}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
        ),
      )?.[1],
    );

  it.each([
    ["our address", "host: 127.0.0.1:1", 200],
    ["our other address", "host: [::1]:8080", 200],
    ["localhost", "host: LOCALHOST", 200],
    ["a name that was declared", "host: outrider.example:80", 200],
    ["a name that somebody had point here", "host: rebound.example", 421],
    ["our name as part of another", "host: localhost.evil.example", 421],
    ["a name with a user before it", "host: localhost@evil.example", 421],
    ["our own origin", "host: localhost:1\r\norigin: http://localhost:1", 200],
    ["another port's origin", "host: localhost:1\r\norigin: http://localhost:2", 403],
    [
      "a page of another site",
      "host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: cors",
      403,
    ],
    [
      "a page of a neighbour",
      "host: localhost\r\nsec-fetch-site: same-site\r\nsec-fetch-mode: cors",
      403,
    ],
    [
      "a link on another page, to the API",
      "host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate",
      403,
    ],
  ])("by %s", async (_, headers, status) => {
    expect(await statusOf(headers)).toBe(status);
  });

  it("that follows a link on another page is shown our page", async () => {
    const headers = "host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate";
    expect(await statusOf(headers, "GET", "/")).toBe(200);
  });
});

describe("P19: what is sent", () => {
  it.each([
    [
      "a body that is too large",
      { body: `{"action":"On","reason":"${"x".repeat(1_100_000)}"}` },
      413,
    ],
    ["a body that is too deep", { body: "[".repeat(5000) }, 400],
    [
      "a property that would change all objects",
      { body: '{"action":"On","__proto__":{"x":1}}' },
      400,
    ],
    ["a property twice", { body: '{"action":"On","action":"ForceOff"}' }, 400],
    ["an unknown property", { body: '{"action":"On","x":1}' }, 400],
    ["bytes that are no text", { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400],
  ])("%s is refused", async (_, { body }, status) => {
    const reply = await fetch(`${gateway.url}/api/v1/nodes/n1/power`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(await reply.json()).toMatchObject({ status, detail: expect.any(String) as string });
  });

  it("and is no HTTP is answered and cut off", async () => {
    expect(await rawRequest(gateway.url, "\x16\x03\x01\x02\x00\x01\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });

  it("by somebody who does not read the events ends that one's connection and nothing else", async () => {
    await using reader = await openSse(`${gateway.url}/api/v1/events`);
    await reader.next(({ event }) => event === "snapshot-end");
    const happenings = gateway.context.get(Happenings);
    const stopped = new AbortController();
    onTestFinished(() => stopped.abort());
    const frozen = await fetch(`${gateway.url}/api/v1/events`, { signal: stopped.signal });
    expect(frozen.status).toBe(200);
    const clients = gateway.context.get(LiveClients, { strict: false });
    // Those who have left before may still be going.
    await eventually("both are counted, and nobody else", () => clients.count === 2);
    const data = { text: "x".repeat(60_000) };
    await eventually("who does not read is cut off", () => {
      for (let count = 0; count < 10; count++) happenings.add({ kind: "event", data });
      return clients.count === 1;
    });
    happenings.add({ kind: "last", data: {} });
    await reader.next(({ event }) => event === "last");
  });
});
