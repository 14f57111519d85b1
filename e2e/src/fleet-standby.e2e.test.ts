import { existsSync } from "node:fs";
import { join } from "node:path";
import { hasPostgres, startPostgres, type TestPostgres } from "@outrider/testing/postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.js";
import { begin, ended, halfWay } from "./fleet/transitions.js";
import { watchedFleet } from "./fleet/watched-fleet.js";

const NODES = 48;

let fleet: Fleet;

describe.each([
  ["in files", () => Promise.resolve(undefined)],
  ...(hasPostgres() ? [["in PostgreSQL", startPostgres] as const] : []),
] as const)(
  "a second power service that stands by, with everything kept %s",
  (_, startDatabase) => {
    let database: TestPostgres | undefined;

    beforeAll(async () => {
      database = await startDatabase();
      const environment: Record<string, string> = database
        ? { OUTRIDER_DATABASE_URL: await database.database() }
        : {};
      fleet = await Fleet.start({
        environment,
        racks: { a: { prefix: "n", slots: NODES, node: { dwell: "500ms" } } },
        site: { powerDomains: { psu: { nodes: `n[1-${NODES}]`, startSpacing: "100ms" } } },
      });
      const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
      await ended(fleet.rest, id);
      await fleet.supplies("On");
    });
    afterAll(async () => {
      await fleet?.[Symbol.asyncDispose]();
      await database?.[Symbol.asyncDispose]();
    });
    watchedFleet(() => fleet, { supplies: "On" });

    test("(P1) (P5) (P10) takes over in the middle of a transition, and no node is cycled twice", async () => {
      const second = fleet.another("power", "power-2", { OUTRIDER_STANDBY: "yes" });
      const serving = second.start();
      // Where the test fails before it serves, it is ended.
      serving.catch(() => undefined);
      const since = await fleet.mark("a");
      const { id } = await begin(fleet.rest, { action: "PowerCycle", nodes: "@all" });
      await halfWay(fleet.rest, id, 10);
      await fleet.part("power").kill();
      await serving;
      const end = await ended(fleet.rest, id);
      expect(end.counts.waiting + end.counts.running).toBe(0);
      const counts = new Map<number, number>();
      for (const { slot, edge } of await fleet.edges("a", since)) {
        if (edge === "supply-off") counts.set(slot, (counts.get(slot) ?? 0) + 1);
      }
      expect([...counts.values()].filter((count) => count > 1)).toEqual([]);
      expect(counts.size).toBe(NODES);
      await fleet.supplies("On");
    });

    test("without being told to stand by, a second one ends and says who holds the place", async () => {
      // Nothing is kept in a file where a database is given.
      expect(existsSync(join(fleet.data, "power.sqlite"))).toBe(database === undefined);
      const third = fleet.another("power", "power-3");
      await expect(third.start()).rejects.toThrow(/already active/);
    });
  },
);
