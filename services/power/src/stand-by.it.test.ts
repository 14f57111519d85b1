import { serviceStatus } from "@outrider/contracts/service";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { hasPostgres, startPostgres } from "@outrider/testing/postgres";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** Instances that stood ready, in order, without repeats. */
let served: string[];
let broker: TestBroker;
let stack: AsyncDisposableStack;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  served = [];
  broker = stack.use(await startTestBroker());
  const watcher = new Session({ url: broker.url, clientId: "watcher" });
  stack.defer(() => watcher.stop());
  watcher.subscribe(serviceStatus, { service: "power" }, ({ payload: { state, instance } }) => {
    if (state === "ready" && served.at(-1) !== instance) served.push(instance);
  });
  watcher.start();
  await watcher.ready(within());
});
afterEach(() => stack.disposeAsync());

describe("a power service that stands by", () => {
  it("takes over with SQLite when the active one is killed, and not while it only stands still", async () => {
    const data = stack.use(await tempDir());
    const env = { OUTRIDER_DATA: data.path };
    const first = await start(env);
    const second = await standBy(env, first.pid);
    await first.kill("SIGSTOP");
    // Longer than any lease would last; the lock is the kernel's.
    await stood(second, 15);
    await first.kill("SIGCONT");
    expect(served).toHaveLength(1);
    await first.kill("SIGKILL");
    await takesOver(second);
  });

  describe.skipIf(!hasPostgres())("with PostgreSQL", () => {
    it("takes over when the active one stands still, which then ends, having written nothing more", async () => {
      const server = stack.use(await startPostgres());
      const url = await server.database();
      // Two hosts: nothing but the database is common to them.
      const [a, b] = [stack.use(await tempDir()), stack.use(await tempDir())];
      const first = await start({ OUTRIDER_DATA: a.path, OUTRIDER_DATABASE_URL: url });
      const second = await standBy(
        { OUTRIDER_DATA: b.path, OUTRIDER_DATABASE_URL: url },
        first.pid,
      );
      await first.kill("SIGSTOP");
      await takesOver(second);
      await first.kill("SIGCONT");
      expect((await first.exited).code).toBe(70);
      expect(first.stderr()).toMatch(/has taken over/);
      expect(served).toHaveLength(2);
    });
  });

  it("ends when it is told to, without having served", async () => {
    const data = stack.use(await tempDir());
    const first = await start({ OUTRIDER_DATA: data.path });
    const second = await standBy({ OUTRIDER_DATA: data.path }, first.pid);
    await second.kill("SIGTERM");
    expect(served).toHaveLength(1);
  });
});

async function start(env: Record<string, string>): Promise<Child> {
  const child = stack.use(
    await startNode(import.meta.resolve("./main.js"), {
      env: { OUTRIDER_MQTT_URL: broker.url, ...env },
    }),
  );
  await eventually("it serves", () => served.length === 1);
  return child;
}

async function standBy(env: Record<string, string>, holder: number): Promise<Child> {
  const child = await startNode(import.meta.resolve("./main.js"), {
    env: { OUTRIDER_MQTT_URL: broker.url, OUTRIDER_STANDBY: "yes", ...env },
    ready: (line) => {
      const said = JSON.parse(line) as { standby?: boolean };
      return said.standby ? said : undefined;
    },
  });
  stack.use(child);
  expect(String(child.ready["who"])).toContain(String(holder));
  return child;
}

async function takesOver(child: Child): Promise<void> {
  await eventually("it serves", () => served.length === 2);
  expect(child.lines.some((line) => line.includes('"ready":true'))).toBe(true);
}

/** Lets the stand-by ask a number of times, which is every half second. */
async function stood(child: Child, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    expect(child.running && served.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
