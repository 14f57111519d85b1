import { execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startNode } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { requireMount } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStore } from "./open-store.js";
import type { Store } from "./store.js";
import {
  hasInflux,
  hasVictoria,
  startInflux,
  startVictoria,
  type TestDatabase,
} from "./testing/databases.js";
import { KnownPoints } from "./testing/known-points.js";
import { DEPS } from "./testing/quiet.js";
import { freshName, HOUR } from "./testing/store-suite.js";

const WRITER = new URL("testing/writer-main.js", import.meta.url);
const MIB = 1024 * 1024;

for (const [name, has, startDatabase] of [
  ["InfluxDB", hasInflux(), startInflux],
  ["VictoriaMetrics", hasVictoria(), startVictoria],
] as const) {
  describe.runIf(has)(`what is measured while ${name} fails`, () => {
    let directory: TempDir;
    let database: TestDatabase;
    let store: Store | undefined;
    let points: KnownPoints;
    let mounted: string | undefined;
    beforeEach(async () => {
      directory = await tempDir("faults-");
      points = new KnownPoints(freshName(), HOUR);
    });
    afterEach(async () => {
      await store?.[Symbol.asyncDispose]();
      store = undefined;
      await database[Symbol.asyncDispose]();
      if (mounted !== undefined) execFileSync("umount", ["-l", mounted]);
      mounted = undefined;
      await directory.remove();
    });

    const begin = async (where = join(directory.path, "database")): Promise<Store> => {
      database = await startDatabase(where);
      const url = `${name === "InfluxDB" ? "influx" : "victoria"}+${database.url}`;
      store = await openStore({ directory: join(directory.path, "own"), url }, DEPS);
      return store;
    };
    const write = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) {
        if (store) expect(await points.write(store, 400)).toBe(true);
      }
    };
    /** Compares point by point once all is delivered. */
    const allIsThere = async (): Promise<void> => {
      const own = store;
      if (!own) return;
      await eventually(
        "everything is in the database",
        async () => {
          const wrong = await points.wrongIn(own);
          if (wrong.length > 0) throw new Error(wrong.join(", "));
          const { detail } = own.health();
          if (detail !== undefined) throw new Error(detail);
          return true;
        },
        { withinMs: 60_000, everyMs: 300 },
      );
      expect(own.health()).toMatchObject({ droppedPoints: 0, refusedPoints: 0 });
      expect(points.kept.size).toBeGreaterThan(3000);
    };

    it("is there when it was killed in the middle of writing and is back", async () => {
      const own = await begin();
      await write(5);
      const writing = write(20);
      await database.child.kill("SIGKILL");
      await writing;
      await eventually("it is told", () => own.health().state === "degraded");
      expect(own.health().detail).toMatch(
        /does not answer .*ECONN.*Look whether it runs|closed|reset/,
      );
      expect(own.health().spooledPoints).toBeGreaterThan(0);
      await database.start();
      await write(5);
      await allIsThere();
    });

    it("is there although it was killed right after it took it", async () => {
      const own = await begin();
      await write(10);
      await eventually("it has shown itself", async () => (await points.wrongIn(own)).length === 0);
      await database.child.kill("SIGKILL");
      await database.start();
      await allIsThere();
    });

    it("is there when it stood still for longer than anybody waits", async () => {
      const own = await begin();
      await write(5);
      await database.child.kill("SIGSTOP");
      await write(10);
      await eventually("it is told", () => own.health().detail?.includes("nothing within"), {
        withinMs: 30_000,
      });
      await database.child.kill("SIGCONT");
      await write(5);
      await allIsThere();
    });

    it("is there when this process was killed while it was away", async () => {
      await begin();
      await store?.[Symbol.asyncDispose]();
      const url = `${name === "InfluxDB" ? "influx" : "victoria"}+${database.url}`;
      const own = join(directory.path, "own");
      const args = [own, points.measurement, String(points.startMs), url];
      for (let time = 0; time < 2; time++) {
        await using writer = await startNode(WRITER, { args });
        await eventually("some are kept", () => writer.lines.length > 8);
        await database.child.kill("SIGKILL");
        const { length } = writer.lines;
        await eventually("more are kept", () => writer.lines.length > length + 24);
        await writer.kill("SIGKILL");
        points.keptUntil(Number(writer.lines.at(-1)));
        await database.start();
      }
      store = await openStore({ directory: own, url }, DEPS);
      await allIsThere();
    });

    it.runIf(requireMount())("is there when its disk was full", async () => {
      const disk = join(directory.path, "disk");
      await mkdir(disk);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", disk]);
      mounted = disk;
      const own = await begin(join(disk, "database"));
      await write(5);
      await writeFile(join(disk, "filler"), Buffer.alloc(64 * MIB)).catch(() => undefined);
      const until = async (): Promise<boolean> => {
        await write(20);
        return own.health().state === "degraded";
      };
      await eventually("it takes nothing", until, { withinMs: 60_000 });
      expect(own.health().detail).toMatch(/Free space|does not answer|Look into its log/);
      await write(5);
      await rm(join(disk, "filler"));
      // VictoriaMetrics ends on a full disk, and InfluxDB refuses everything from then on: both are started again.
      await database.child.kill("SIGKILL");
      await database.start();
      await allIsThere();
    });
  });
}
