import { join } from "node:path";
import { commandId } from "@outrider/contracts/ids";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { hasPostgres, startPostgres, type TestPostgres } from "@outrider/testing/postgres";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Progress } from "./progress.js";
import type { Head } from "./task.js";
import { TRANSITION_MIGRATION, TransitionStore } from "./transition-store.js";
import { orderOf, tasksOf } from "./testing/world.js";

const MIGRATIONS = { namespace: "power", steps: [{ id: 1, ...TRANSITION_MIGRATION }] };
const FRESH: Head = { state: "InProgress", revision: 1 };
const DAY_MS = 86_400_000;
const NOW = new Date("2026-11-23T00:00:00.000Z");

function daysAgo(days: number): string {
  return new Date(NOW.getTime() - days * DAY_MS).toISOString();
}

describe.each(["SQLite", "PostgreSQL"] as const)("transitions in %s", (kind) => {
  const isThere = kind === "SQLite" || hasPostgres();
  let postgres: TestPostgres | undefined;
  let folder: TempDir;
  let storage: Storage;
  let store: TransitionStore;

  beforeAll(async () => {
    if (isThere && kind === "PostgreSQL") postgres = await startPostgres();
  });
  afterAll(async () => {
    await postgres?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    if (!isThere) return;
    folder = await tempDir();
    const place = postgres
      ? { url: await postgres.database() }
      : { file: join(folder.path, "power.sqlite") };
    storage = await openStorage({ ...place, migrations: MIGRATIONS });
    store = new TransitionStore(storage);
  });
  afterEach(async () => {
    if (!isThere) return;
    await storage.close();
    await folder.remove();
  });

  async function make(id: string, createdAt: string, endedAt?: string): Promise<void> {
    const order = orderOf({ id: commandId(id), createdAt });
    await store.create(order, FRESH, tasksOf(1));
    if (endedAt === undefined) return;
    const progress = new Progress(order, FRESH, tasksOf(1));
    progress.stop("aborted", "user:bert", endedAt);
    const changes = progress.takeChanges();
    if (changes) await store.save(order.id, changes);
  }

  it.runIf(isThere)("are there with all of their tasks, or not at all", async () => {
    const order = orderOf({ parallel: 3, reason: "why" });
    expect(await store.create(order, FRESH, tasksOf(450))).toBe(true);
    expect(await store.create(orderOf({ action: "On" }), FRESH, tasksOf(3))).toBe(false);
    const found = await store.find(order.id);
    expect(found).toMatchObject({ order, head: FRESH, total: 450, counts: { waiting: 450 } });
    const tasks = await store.tasks(order.id);
    expect(tasks.map(({ node, command, state }) => ({ node, command, state }))).toEqual(
      tasksOf(450),
    );
    expect(await store.open()).toHaveLength(1);
  });

  it.runIf(isThere)("keep what became of each task, and give pages of some states", async () => {
    const order = orderOf();
    await store.create(order, FRESH, tasksOf(5));
    const progress = new Progress(order, FRESH, tasksOf(5));
    progress.begin(1, "asking", 0, daysAgo(0));
    progress.ended(1, { status: "Failed", reasonCode: "refused", detail: "no" }, daysAgo(0));
    progress.stop("aborted", "user:bert", daysAgo(0));
    const changes = progress.takeChanges();
    if (changes) await store.save(order.id, changes);
    expect(await store.find(order.id)).toMatchObject({
      head: { state: "Aborted", abortedBy: "user:bert", revision: 2, endedAt: daysAgo(0) },
      counts: { failed: 1, canceled: 4 },
    });
    expect(await store.open()).toEqual([]);
    const [failed] = await store.tasks(order.id, 0, 9, ["Failed"]);
    expect(failed).toMatchObject({
      node: "n2",
      position: 1,
      reasonCode: "refused",
      detail: "no",
      startedAt: daysAgo(0),
    });
    const page = await store.tasks(order.id, 2, 2, ["Canceled"]);
    expect(page.map(({ node }) => node)).toEqual(["n3", "n4"]);
  });

  it.runIf(isThere)("are listed newest first, page by page", async () => {
    for (let day = 0; day < 5; day++) await make(`t${day}`, daysAgo(day), daysAgo(day));
    await make("open", daysAgo(2));
    const first = await store.list(3, undefined, false);
    expect(first.map(({ order }) => order.id)).toEqual(["t0", "t1", "t2"]);
    const rest = await store.list(9, { createdAt: daysAgo(2), id: "t2" }, false);
    expect(rest.map(({ order }) => order.id)).toEqual(["open", "t3", "t4"]);
    expect((await store.list(9, undefined, true)).map(({ order }) => order.id)).toEqual(["open"]);
  });

  it.runIf(isThere)(
    "are forgotten after thirty days, but for a hundred, and never while they go on",
    async () => {
      await make("open", daysAgo(90));
      for (let count = 0; count < 30; count++) await make(`old${count}`, daysAgo(60), daysAgo(50));
      for (let count = 0; count < 90; count++) await make(`new${count}`, daysAgo(1), daysAgo(1));
      await store.prune(NOW);
      const left = (await store.list(200, undefined, false)).map(({ order }) => String(order.id));
      expect(left.filter((id) => id.startsWith("new"))).toHaveLength(90);
      expect(left.filter((id) => id.startsWith("old"))).toHaveLength(10);
      expect(left).toContain("open");
      const orphans = await storage.all(
        "SELECT transition FROM power_task WHERE transition NOT IN (SELECT id FROM power_transition)",
      );
      expect(orphans).toEqual([]);
    },
  );
});
