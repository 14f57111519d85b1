import { fileURLToPath } from "node:url";
import { eventually } from "@outrider/testing/eventually";
import { hasPostgres } from "@outrider/testing/postgres";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { openStorage } from "../open-storage.js";
import { isStorageError, type StorageError } from "../storage-error.js";
import { Child } from "../testing/child.js";
import { endTestServer, testServer } from "../testing/postgres-under-test.js";
import { codeOf, count } from "../testing/suite-parts.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";
import { acquireLease, type Lease } from "./lease.js";

const CHILD = fileURLToPath(new URL("../testing/lease-child.js", import.meta.url));
const TTL_MS = 1_200;

describe.skipIf(!hasPostgres())("the lease of an instance", () => {
  let url: string;
  const losses: StorageError[] = [];
  beforeEach(async () => {
    url = await (await testServer()).database();
    losses.length = 0;
  });
  afterAll(endTestServer);

  const take = (holder: string): Promise<Lease> =>
    acquireLease({
      url,
      name: "power",
      holder,
      lost: (error) => losses.push(error),
      ttlMs: TTL_MS,
    });
  /** Asks until the one before has run out. */
  const takeOver = (holder: string): Promise<Lease> =>
    eventually("the lease is free", () =>
      take(holder).catch((error: unknown) => {
        if (!isStorageError(error, "held")) throw error;
        return undefined;
      }),
    );

  it("is refused to a second, who is told who has it, until it is released", async () => {
    const first = await take("first on host-a");
    await expect(take("second")).rejects.toThrow(/"first on host-a" since \d{4}-.*Z/);
    await first.release();
    const second = await take("second");
    expect(second.token.epoch).toBe(first.token.epoch + 1);
    await second.release();
    expect(losses).toEqual([]);
  });

  it("is given to exactly one of many that start together", async () => {
    const asked = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => take(`${n}`)));
    const given = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(given).toHaveLength(1);
    await given[0]?.release();
  });

  it("is kept by a server that is restarted, when nobody else took it", async () => {
    const lease = await take("me");
    const server = await testServer();
    await server.kill();
    await server.start();
    await using storage = await openStorage({
      url,
      migrations: SUITE_MIGRATIONS,
      lease: lease.token,
    });
    await eventually("it is certain again", () => lease.certain);
    await storage.write([{ sql: "DELETE FROM suite_counter" }]);
    expect(losses).toEqual([]);
    await lease.release();
  });

  it("of a process that is killed runs out", async () => {
    await using child = Child.node(CHILD, [url, "power", String(TTL_MS)]);
    await child.said("wrote", 3);
    await child.kill("SIGKILL");
    const lease = await takeOver("me");
    await lease.release();
  });

  it("of a process that stands still is taken over; thawed, it writes nothing any more and is told", async () => {
    await using child = Child.node(CHILD, [url, "power", String(TTL_MS)]);
    await child.said("wrote", 3);
    child.process.kill("SIGSTOP");
    const lease = await takeOver("me");
    await using storage = await openStorage({
      url,
      migrations: SUITE_MIGRATIONS,
      lease: lease.token,
    });
    const before = await count(storage, "suite_counter");
    child.process.kill("SIGCONT");
    expect(await child.ended()).toBe(0);
    expect(child.lines).toContain("refused held");
    expect(child.lines).toContain("lost held");
    expect(await count(storage, "suite_counter")).toBe(before);
    await lease.release();
  });

  it("that is over: everything of the group is refused, and nothing of it is there", async () => {
    const first = await take("first");
    await using storage = await openStorage({
      url,
      migrations: SUITE_MIGRATIONS,
      lease: first.token,
    });
    await first.release();
    const second = await take("second");
    const codes = await Promise.all(
      [1, 2, 3].map((n) =>
        codeOf(
          storage.write([
            { sql: "INSERT INTO suite_counter (name, n) VALUES (?, ?)", params: [`x${n}`, n] },
          ]),
        ),
      ),
    );
    expect(codes).toEqual(["held", "held", "held"]);
    expect(await count(storage, "suite_counter")).toBe(0);
    await second.release();
  });
});
