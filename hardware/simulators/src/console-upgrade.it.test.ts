import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startRack, type Simulator } from "./spawn.js";

const POLL = { timeout: 20_000, interval: 10 };

let dir: string;
let rack: Simulator;
const sockets: Socket[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rack-"));
  rack = await startRack({ dir, slots: 2 });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await rack.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Asked {
  readonly socket: Socket;
  text(): string;
  readonly closed: Promise<unknown>;
}

/** Asks for an upgrade as written here, and collects whatever comes back. */
function ask(path = "/slots/1/console", headers = "host: localhost\r\n"): Asked {
  const socket = connect(join(dir, "rack.sock"));
  sockets.push(socket);
  const parts: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => parts.push(bytes));
  socket.on("error", () => {});
  socket.write(
    `GET ${path} HTTP/1.1\r\n${headers}connection: Upgrade\r\nupgrade: slot-console\r\n\r\nhe`,
  );
  return {
    socket,
    text: () => Buffer.concat(parts).toString("latin1"),
    closed: once(socket, "close"),
  };
}

test("hands out the bare line: what came with the request is typed already", async () => {
  await rack.client.supply(1, true);
  const it = ask();
  await expect.poll(() => it.text(), POLL).toContain("login: ");
  expect(it.text()).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\n/);
  it.socket.write("llo\r");
  await expect.poll(() => it.text(), POLL).toContain("llo\r\n");
  expect((await rack.client.consoleCounts(1)).received).toBe("hello\r".length);
});

test("one client has the line; the next one is told, and gets it afterwards", async () => {
  const first = ask();
  await expect.poll(() => first.text(), POLL).toContain("101");
  const second = ask();
  await second.closed;
  expect(second.text()).toMatch(/^HTTP\/1\.1 503 [^]*"refused"[^]*takes one at a time/);
  first.socket.destroy();
  await expect.poll(async () => (await rack.client.consoleCounts(1)).connected, POLL).toBe(false);
  const third = ask();
  await expect.poll(() => third.text(), POLL).toContain("101");
});

test.each([
  ["/slots/3/console", undefined, "404", "no-such-slot"],
  ["/slots/1/supply", undefined, "404", "not-found"],
  ["/slots/1/console", "host: evil.example\r\n", "403", "forbidden"],
  ["/slots/1/console", "host: localhost\r\norigin: http://localhost\r\n", "403", "forbidden"],
])("refuses %s with %j: %s", async (path, headers, status, code) => {
  const it = ask(path, headers);
  await it.closed;
  expect(it.text()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*"${code}"`));
});

test("says nothing where a fault keeps the slot silent, and hangs up without mains", async () => {
  await rack.client.faults(1, { silent: true });
  const it = ask();
  await rack.client.get(2);
  expect(it.text()).toBe("");
  it.socket.destroy();
  await rack.client.faults(1, {});
  // What was asked before may have reached the rack only now, and has the line until its end is noticed.
  let line = ask();
  const answer = (): string => {
    if (line.text().includes("503")) line = ask();
    return line.text();
  };
  await expect.poll(answer, POLL).toContain("101");
  await rack.client.mains(false);
  await line.closed;
  const dead = ask();
  await dead.closed;
  expect(dead.text()).toBe("");
});

test("refuses breaks and words that are wrong", async () => {
  for (const ms of [0, 10_001])
    await expect(rack.client.sendBreak(1, { ms })).rejects.toMatchObject({ code: "bad-request" });
  await expect(rack.client.sendBreak(9)).rejects.toMatchObject({ code: "no-such-slot" });
  expect(await rack.client.sendBreak(1, { ms: 1 })).toMatchObject({ breaks: 1 });
});
