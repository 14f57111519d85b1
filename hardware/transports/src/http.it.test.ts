import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { seconds, type Clock } from "@outrider/ports/time";
import { describe, expect, it } from "vitest";
import { HttpClient, type HttpRequest } from "./http.js";
import { peer, type Peer } from "./testing/hostile-peer.js";

const GET: HttpRequest = { method: "GET", path: "/it", deadline: seconds(5) };
const POST: HttpRequest = { ...GET, method: "POST", body: { on: true } };
const forever = new AbortController().signal;

function clientOf({ path }: { path: string }, clock: Clock = new ManualClock()): HttpClient {
  return new HttpClient({ address: { socketPath: path }, name: "The rack", clock });
}

function answer(body: string, extra = ""): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${extra}\r\n${body}`;
}

/** Answers each request with this text. */
function answering(text: string): Promise<Peer> {
  return peer(
    () => {},
    (socket) => socket.write(text),
  );
}

function failure(promise: Promise<unknown>): Promise<PortError> {
  return promise.then(
    () => expect.unreachable("the request succeeded"),
    (error: unknown) => error as PortError,
  );
}

describe("HttpClient", () => {
  it("speaks JSON over a unix socket and keeps the connection for the next question", async () => {
    await using rack = await answering(answer('{"a":1}'));
    using client = clientOf(rack);
    await expect(client.request(GET, forever)).resolves.toMatchObject({
      status: 200,
      json: { a: 1 },
    });
    await client.request(GET, forever);
    expect(rack.connections()).toBe(1);
    expect(rack.received()).toMatch(/^GET \/it HTTP\/1\.1\r\nhost: localhost\r\n/i);
  });

  it("speaks to a port, under the path of the URL", async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.writeHead(503).end('{"error":1}');
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    using client = new HttpClient({
      address: { url: `http://127.0.0.1:${port}/api/` },
      name: "The plug",
      clock: new ManualClock(),
    });
    await expect(client.request(POST, forever)).resolves.toMatchObject({
      status: 503,
      json: { error: 1 },
    });
    expect(seen).toEqual(["POST /api/it"]);
    server.close();
    server.closeAllConnections();
  });

  it("sends an action over a connection of its own, with its body", async () => {
    await using rack = await answering(answer("{}"));
    using client = clientOf(rack);
    await client.request(GET, forever);
    await client.request(POST, forever);
    await client.request(POST, forever);
    expect(rack.connections()).toBe(3);
    expect(rack.received()).toContain('\r\n\r\n{"on":true}');
  });

  it("repeats a question, once, when the kept connection turns out to be dead", async () => {
    await using rack = await peer(
      () => {},
      (socket, text, nth) => {
        if (nth === 1 && text.includes("/second")) socket.destroy();
        else socket.write(answer("{}"));
      },
    );
    using client = clientOf(rack);
    await client.request(GET, forever);
    await expect(client.request({ ...GET, path: "/second" }, forever)).resolves.toMatchObject({
      status: 200,
    });
    expect(rack.connections()).toBe(2);
  });

  it("never repeats an action whose connection broke", async () => {
    await using rack = await peer(
      () => {},
      (socket) => socket.destroy(),
    );
    using client = clientOf(rack);
    const error = await failure(client.request(POST, forever));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain("may have happened");
    expect(rack.received().match(/POST/g)).toHaveLength(1);
  });

  it("names the path that nobody serves", async () => {
    const gone = { path: "/nonexistent/rack.sock" };
    using client = clientOf(gone);
    const error = await failure(client.request(GET, forever));
    expect(error).toMatchObject({ code: "unreachable", cause: { code: "ENOENT" } });
    expect(error.message).toContain("The rack at /nonexistent/rack.sock");
  });

  it("names the port that nobody serves", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise((resolve) => server.close(resolve));
    using client = new HttpClient({ address: { url }, name: "The plug", clock: new ManualClock() });
    const error = await failure(client.request(POST, forever));
    expect(error).toMatchObject({ code: "unreachable", cause: { code: "ECONNREFUSED" } });
    expect(error.message).toContain(url);
  });

  it.each([
    ["before the answer", ""],
    ["within the answer", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"],
  ])("is timed out when the device falls silent %s", async (_, text) => {
    await using rack = await answering(text);
    const clock = new ManualClock();
    using client = clientOf(rack, clock);
    const error = failure(client.request(POST, forever));
    await rack.receives('{"on":true}');
    clock.advance(5000);
    expect(await error).toMatchObject({ code: "timed-out" });
    expect(rack.received().match(/POST/g)).toHaveLength(1);
  });

  it("gives up when it is told to, with the reason that it was given", async () => {
    await using rack = await answering("");
    using client = clientOf(rack, new ManualClock());
    const caller = new AbortController();
    const error = failure(client.request(GET, caller.signal));
    await rack.receives("GET");
    const reason = new Error("the agent stops");
    caller.abort(reason);
    expect(await error).toBe(reason);
  });

  it("refuses an answer that never ends", async () => {
    await using rack = await peer(
      () => {},
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        const more = (): void => {
          while (!socket.destroyed && socket.write("x".repeat(65_536)));
        };
        socket.on("drain", more);
        more();
      },
    );
    using client = clientOf(rack);
    const error = await failure(client.request({ ...GET, maxBytes: 100_000 }, forever));
    expect(error).toMatchObject({ code: "protocol" });
    expect(error.message).toContain("more than 100000 bytes");
  });

  it.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["no JSON", answer("<html>hunter2</html>")],
  ])("says that what answers is no such device: %s", async (_, text) => {
    await using rack = await answering(text);
    using client = clientOf(rack);
    const error = await failure(client.request(GET, forever));
    expect(error).toMatchObject({ name: "PortError", code: "protocol" });
    expect(error.message).not.toContain("hunter2");
  });
});
