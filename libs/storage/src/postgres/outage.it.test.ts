import { fileURLToPath } from "node:url";
import { startCuttingProxy } from "@outrider/testing/cutting-proxy";
import { hasPostgres, startPostgres, type TestPostgres } from "@outrider/testing/postgres";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStorage } from "../open-storage.js";
import type { Storage } from "../storage.js";
import { Child } from "../testing/child.js";
import { startCommitCutter } from "../testing/commit-cutter.js";
import { underTest } from "../testing/postgres-under-test.js";
import { codeOf, count, entry } from "../testing/suite-parts.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";

const WRITER = fileURLToPath(new URL("../testing/storage-writer.js", import.meta.url));

describe.skipIf(!hasPostgres())("PostgreSQL that goes away", () => {
  let server: TestPostgres;
  let url: string;
  beforeEach(async () => {
    server = await startPostgres();
    url = await server.database();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  it("by kill -9, again and again: writers go on, nothing acknowledged is lost, nothing is there twice", async () => {
    await using writer = Child.node(WRITER, [underTest.module, url, "4"]);
    await writer.said("ack", 20);
    for (let round = 1; round <= 3; round += 1) {
      await server.kill();
      await server.start();
      await writer.said("ack", 20 + writer.lines.length);
    }
    await writer.kill("SIGKILL");
    const last = new Map<number, number>();
    for (const [word, lane, step] of writer.lines.map((line) => line.split(" "))) {
      if (word === "ack") last.set(Number(lane), Number(step));
    }
    await using storage = await openStorage({ url, migrations: SUITE_MIGRATIONS });
    const rows = await storage.all<{ lane: number; n: number; last: number }>(
      "SELECT lane, COUNT(*) AS n, MAX(step) AS last FROM suite_entry GROUP BY lane ORDER BY lane",
    );
    expect(rows).toHaveLength(4);
    for (const { lane, n, last: highest } of rows) {
      expect(n, `no step of lane ${lane} is missing`).toBe(highest);
      // A step that was tried twice would have met its own id and ended the writer.
      expect(highest).toBeGreaterThanOrEqual(last.get(lane) ?? Number.NaN);
      expect(highest).toBeLessThanOrEqual((last.get(lane) ?? Number.NaN) + 1);
    }
  });

  it.each(["before", "after"] as const)(
    "%s the commit reached it: the call tells what was done, once",
    async (cut) => {
      await using proxy = await startCommitCutter(server.port);
      await using storage = await openStorage({
        url: url.replace(`:${server.port}/`, `:${proxy.port}/`),
        migrations: SUITE_MIGRATIONS,
      });
      await storage.write([bump]);
      proxy.arm(cut);
      const written = await Promise.all([storage.write([bump]), storage.write([bump])]);
      expect(proxy.cuts).toBe(1);
      expect(written.map(([result]) => result?.rows)).toEqual([[{ n: 2 }], [{ n: 3 }]]);
      expect(await counter(storage)).toBe(3);
    },
  );

  it("in the commit, and does not come back: the outcome is said to be unknown", async () => {
    await using proxy = await startCommitCutter(server.port);
    await using storage = await openStorage({
      url: url.replace(`:${server.port}/`, `:${proxy.port}/`),
      migrations: SUITE_MIGRATIONS,
      busyTimeoutMs: 500,
    });
    await storage.write([bump]);
    proxy.arm("before");
    const written = codeOf(storage.write([bump]));
    await server.stop();
    // The commit may or may not have been asked for when the server went.
    expect(["unknown", "unreachable"]).toContain(await written);
    await server.start();
    await storage.write([bump]);
    expect(await counter(storage)).toBeGreaterThanOrEqual(2);
  });

  it.each([1, 3, 5])(
    "in the middle of a transaction (%i replies later): it is applied exactly once",
    async (replies) => {
      await using proxy = await startCuttingProxy(server.port);
      await using storage = await openStorage({
        url: url.replace(`:${server.port}/`, `:${proxy.port}/`),
        migrations: SUITE_MIGRATIONS,
      });
      await storage.write([bump]);
      const written = storage.write([bump, entry(1, "one")]);
      // Turns of the event loop stand for moments on the wire, the reply to COMMIT among them.
      for (let turn = 0; turn < replies * 3; turn += 1)
        await new Promise((resolve) => setImmediate(resolve));
      proxy.reset();
      expect((await written)[0]?.rows).toEqual([{ n: 2 }]);
      expect(await counter(storage)).toBe(2);
      expect(await count(storage, "suite_entry")).toBe(1);
    },
  );

  it("for longer than callers wait: they are told, and later calls work again", async () => {
    await using storage = await openStorage({
      url,
      migrations: SUITE_MIGRATIONS,
      busyTimeoutMs: 300,
    });
    await server.stop();
    expect(await codeOf(storage.write([bump]))).toBe("unreachable");
    expect(await codeOf(storage.get("SELECT 1 AS one"))).toBe("unreachable");
    expect(
      await codeOf(openStorage({ url, migrations: SUITE_MIGRATIONS, busyTimeoutMs: 300 })),
    ).toBe("unreachable");
    await server.start();
    await storage.write([bump]);
    expect(await counter(storage)).toBe(1);
  });

  it("refuses at once whom the server does not know, without the password in the message", async () => {
    const wrong = url.replace("outrider@", "nobody:secret1@");
    const failure = await openStorage({ url: wrong, migrations: SUITE_MIGRATIONS }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "unreachable" });
    expect(String(failure)).not.toContain("secret1");
  });
});

const bump = {
  sql: "INSERT INTO suite_counter (name, n) VALUES ('c', 1) ON CONFLICT (name) DO UPDATE SET n = suite_counter.n + 1 RETURNING n",
};

async function counter(storage: Storage): Promise<number | undefined> {
  return (await storage.get<{ n: number }>("SELECT n FROM suite_counter WHERE name = 'c'"))?.n;
}
