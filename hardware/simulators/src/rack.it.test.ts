import { once } from "node:events";
import { connect } from "node:net";
import { request } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { isRunning, SlotClient, startRack, type Simulator } from "./spawn.js";

let dir: string;
const started: Simulator[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rack-"));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((it) => it.stop()));
  rmSync(dir, { recursive: true, force: true });
});

async function rack(listen?: string): Promise<Simulator> {
  const it = await startRack({ dir, slots: 3, ...(listen === undefined ? {} : { listen }) });
  started.push(it);
  return it;
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000);

test("a rack serves on a unix socket and on a port, and ends when told", async () => {
  const it = await rack("127.0.0.1:0");
  expect(it.listen).toMatch(/^127\.0\.0\.1:\d+$/);
  expect((await it.client.slots()).map((s) => s.supply)).toEqual(["off", "off", "off"]);
  await it.stop();
  expect(isRunning(it.pid)).toBe(false);
  const again = await rack();
  expect(await again.client.supply(2, true)).toMatchObject({
    slot: 2,
    supply: "on",
    host: "running",
  });
  const lines = readFileSync(join(dir, "edges.jsonl"), "utf8").trim().split("\n");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    seq: 1,
    slot: 2,
    edge: "supply-on",
    cause: "api",
  });
});

test("a second rack in the same directory leaves the first one alone", async () => {
  const first = await rack();
  await expect(startRack({ dir, slots: 3 })).rejects.toThrow(/Another process serves/);
  expect(await first.client.slots()).toHaveLength(3);
});

test("edges are told as they happen, on a clock that other processes share", async () => {
  const { client } = await rack();
  const beforeMs = Number(process.hrtime.bigint()) / 1e6;
  const halted = client.waitForEdge((e) => e.edge === "halted", soon());
  await client.supply(1, true);
  await client.button(1);
  const edge = await halted;
  expect(edge).toMatchObject({ slot: 1, edge: "halted", cause: "guest" });
  expect(edge.monotonicMs).toBeGreaterThan(beforeMs);
  expect(edge.monotonicMs).toBeLessThan(Number(process.hrtime.bigint()) / 1e6);
  expect((await client.edges({ slot: 1 })).map((e) => e.edge)).toEqual([
    "supply-on",
    "press",
    "halted",
  ]);
  expect(await client.edges({ slot: 2 })).toEqual([]);
});

describe("faults", () => {
  test("a silent slot takes the request and does not answer, the others do", async () => {
    const { client } = await rack();
    await client.faults(1, { silent: true });
    await expect(client.supply(1, true, AbortSignal.timeout(200))).rejects.toMatchObject({
      name: "TimeoutError",
    });
    await client.supply(2, true);
    await client.faults(1, {});
    expect((await client.edges()).map((e) => e.slot)).toEqual([2]);
  });

  test("an answer can be lost after the act", async () => {
    const { client } = await rack();
    await client.faults(1, { silent: "after-acting" });
    const gaveUp = client
      .supply(1, true, AbortSignal.timeout(1000))
      .catch((error: unknown) => error);
    await client.waitForEdge((e) => e.slot === 1 && e.edge === "supply-on", soon());
    expect(await gaveUp).toMatchObject({ name: "TimeoutError" });
  });

  test("a refusal is 503 with code and message", async () => {
    const { client } = await rack();
    expect(await client.faults(1, { refuseOn: true })).toEqual({ refuseOn: true });
    await expect(client.supply(1, true)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringMatching(/refuses to switch on/) as string,
    });
    expect((await client.brownOut(1)).supply).toBe("off");
  });
});

describe("requests that are wrong", () => {
  test.each([
    ["PUT", "/slots/1/supply", '{"on":1}', 400, "bad-request"],
    ["PUT", "/slots/1/supply", '{"on":true,"__proto__":{}}', 400, "bad-request"],
    ["PUT", "/slots/1/supply", "on", 400, "bad-request"],
    ["PUT", "/slots/1/supply", `{"on":"${"x".repeat(70_000)}"}`, 400, "bad-request"],
    ["PUT", "/slots/1/faults", '{"refuseOn":-1}', 400, "bad-request"],
    ["PUT", "/slots/4/supply", '{"on":true}', 404, "no-such-slot"],
    ["GET", "/slots/0", "", 404, "no-such-slot"],
    ["GET", "/edges?since=x", "", 400, "bad-request"],
    ["POST", "/slots/1/supply", "", 404, "not-found"],
  ])("%s %s is refused by name and changes nothing", async (method, path, body, status, code) => {
    const { client, listen } = await rack();
    const answer = await raw(listen, method, path, body, {});
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
    expect(await client.edges()).toEqual([]);
  });

  test("web pages are not served", async () => {
    const { listen } = await rack();
    expect((await raw(listen, "GET", "/slots", "", { origin: "http://localhost" })).status).toBe(
      403,
    );
    expect((await raw(listen, "GET", "/slots", "", { host: "rebound.example" })).status).toBe(403);
  });

  test("a client that leaves in the middle does no harm", async () => {
    const { client, listen } = await rack();
    const socket = connect(listen);
    await new Promise((resolve) => {
      socket.write(
        'PUT /slots/1/supply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"on"',
        resolve,
      );
    });
    socket.destroy();
    expect(await client.slots()).toHaveLength(3);
  });
});

test("a rack that is told to keep running outlives who started it", async () => {
  const script = `
    const { startRack } = await import(${JSON.stringify(new URL("./spawn.js", import.meta.url).href)});
    const { pid } = await startRack({ dir: ${JSON.stringify(dir)}, slots: 1, keepRunning: true });
    console.log(pid);
    process.kill(process.pid, "SIGKILL");`;
  const starter = spawn(process.execPath, ["--input-type=module", "-e", script]);
  let printed = "";
  starter.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  await once(starter, "close");
  onTestFinished(() => void process.kill(Number(printed), "SIGKILL"));
  const client = new SlotClient(join(dir, "rack.sock"));
  expect(await client.supply(1, true)).toMatchObject({ host: "running" });
});

test("a rack outlives its reader, and ends with its owner", async () => {
  const owner = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  onTestFinished(() => void owner.kill("SIGKILL"));
  const main = fileURLToPath(new URL("./rack-main.js", import.meta.url));
  const args = [main, "--slots", "1", "--dir", dir, "--owner", String(owner.pid)];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => resolve(code)),
  );
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.stdout.destroy();
  const client = new SlotClient(join(dir, "rack.sock"));
  expect(await client.supply(1, true)).toMatchObject({ host: "running" });
  owner.kill("SIGKILL");
  expect(await exited).toBe(0);
});

test("a device of many slots answers for all at once, leaves out the silent, and is cut off without mains", async () => {
  const it = await startRack({ dir, slots: 10_000 });
  started.push(it);
  const { client } = it;
  await client.supply(10_000, true);
  await client.faults(9_999, { silent: true });
  const answer = await raw(it.listen, "GET", "/readings?slots=9998-10000", "", {
    host: "localhost",
  });
  const seq = (await client.edges()).at(-1)?.seq;
  expect(answer.json).toMatchObject({
    seq,
    readings: [
      { slot: 9_998, supply: "off", seq: 0 },
      { slot: 10_000, supply: "on", seq },
    ],
  });
  expect(await client.mains(false)).toEqual({ on: false });
  await expect(client.get(1)).rejects.toMatchObject({ code: "ECONNRESET" });
  await client.mains(true);
  expect(await client.get(10_000)).toMatchObject({ supply: "off" });
});

interface RawAnswer {
  readonly status: number | undefined;
  readonly json: { readonly error: { readonly code: string } };
}

function raw(
  socketPath: string,
  method: string,
  path: string,
  body: string,
  headers: Record<string, string>,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => (text += chunk));
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode, json: JSON.parse(text) as RawAnswer["json"] }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
