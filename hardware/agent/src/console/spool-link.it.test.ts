import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StreamItem } from "@outrider/console-link/console-stream";
import { startNode, type Child } from "@outrider/testing/child";
import { startCuttingProxy, type CuttingProxy } from "@outrider/testing/cutting-proxy";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CountingDevice, judge, type Heard } from "./testing/counting-device.js";

const CONSOLES = 4;
const nodes = Array.from({ length: CONSOLES }, (_, at) => `n${at + 1}`);

let directory: TempDir;
let device: CountingDevice;
let devicePort: number;
let servicePort: number;
let proxy: CuttingProxy;
let agent: Child;
let service: Child;

beforeEach(async () => {
  directory = await tempDir();
  device = new CountingDevice();
  devicePort = await device.listen();
  servicePort = await freePort();
  proxy = await startCuttingProxy(servicePort);
});
afterEach(async () => {
  await agent.kill();
  await service.kill();
  await proxy.close();
  await device[Symbol.asyncDispose]();
  await directory.remove();
});

async function startAgent(limitBytes = 67_108_864): Promise<void> {
  agent = await startNode(new URL("testing/link-agent.js", import.meta.url), {
    args: [directory.path, proxy.port, devicePort, CONSOLES, limitBytes].map(String),
  });
  await eventually("all consoles are read", () => device.nodes.length === CONSOLES);
}
async function startService(): Promise<void> {
  service = await startNode(new URL("testing/recording-service.js", import.meta.url), {
    args: [directory.path, String(servicePort)],
  });
}

/** A flood for some turns. */
async function flood(turns: number, words = 40): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (const node of nodes) device.say(node, words);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function heard(node: string): Promise<Heard> {
  const files = (await readdir(directory.path)).filter((name) => name.startsWith(`${node}-`));
  expect(files).toHaveLength(1);
  const text = await readFile(join(directory.path, files[0] ?? ""), "utf8");
  const items = text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const item = JSON.parse(line) as StreamItem & { bytes?: string };
      return item.kind === "bytes" ? { ...item, bytes: Buffer.from(item.bytes, "latin1") } : item;
    }) as StreamItem[];
  return judge(items);
}

async function allHeard(): Promise<Heard[]> {
  for (const node of nodes) device.say(node, 2);
  return Promise.all(
    nodes.map((node) =>
      eventually(
        `${node} is heard to the end`,
        async () => {
          const now = await heard(node);
          return now.next === device.said.get(node) && now;
        },
        { withinMs: 60_000, everyMs: 500 },
      ),
    ),
  );
}

test("the service is killed and stopped, the network cut and stalled, in a flood: nothing is missing (P8)", async () => {
  await startService();
  await startAgent();
  await flood(200);
  await service.kill("SIGKILL");
  await flood(200);
  await startService();
  await flood(100);
  await service.kill("SIGSTOP");
  await flood(300);
  await eventually("the agent gave the frozen one up", () =>
    agent.lines.some((line) => /nothing was heard|does not answer/.test(line)),
  );
  await service.kill("SIGCONT");
  await flood(100);
  proxy.reset();
  await flood(100);
  proxy.hold("up");
  await flood(200);
  proxy.heal();
  await flood(50);
  for (const { missing, gaps } of await allHeard()) {
    expect(missing).toBe(0);
    expect(gaps).toEqual([]);
  }
});

test("a service that is away for ten minutes finds all of it afterwards (P8)", async () => {
  await startAgent();
  // What ten minutes at 115,200 Bd are.
  for (let minute = 0; minute < 10; minute++) await flood(170, 400);
  await startService();
  for (const { missing, gaps, bytes } of await allHeard()) {
    expect(missing).toBe(0);
    expect(gaps).toEqual([]);
    expect(bytes).toBeGreaterThan(600 * 11_000);
  }
});

test("the agent is killed in mid flood: what is missing is where the gap is (P8)", async () => {
  await startService();
  await startAgent();
  for (let round = 0; round < 3; round++) {
    await flood(200);
    await agent.kill("SIGKILL");
    await startAgent();
  }
  await flood(100);
  for (const { gaps } of await allHeard()) {
    expect(gaps).toHaveLength(3);
    for (const gap of gaps) {
      expect(gap).toMatchObject({ reason: "agent-down" });
      expect(gap.lost).toBeUndefined();
      expect(gap.toMicros).toBeGreaterThan(gap.fromMicros);
    }
  }
});

test("both are killed again and again, the service while the agent is away too (P8)", async () => {
  await startService();
  await startAgent();
  for (let round = 0; round < 4; round++) {
    await flood(50 + round * 30);
    if (round % 2 === 0) await service.kill("SIGKILL");
    await flood(60);
    await agent.kill("SIGKILL");
    if (round % 2 === 1) await service.kill("SIGKILL");
    await startAgent();
    await flood(40);
    if (!service.running) await startService();
  }
  for (const { gaps } of await allHeard()) expect(gaps).toHaveLength(4);
});

test("an agent that is stopped and goes on loses nothing (P8)", async () => {
  await startService();
  await startAgent();
  await flood(100);
  await agent.kill("SIGSTOP");
  await flood(100);
  await eventually("the service gave it up", () => proxy.open === 0);
  await agent.kill("SIGCONT");
  await flood(100);
  for (const { missing, gaps } of await allHeard()) {
    expect(missing).toBe(0);
    expect(gaps).toEqual([]);
  }
});
