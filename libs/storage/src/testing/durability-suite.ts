import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Child } from "./child.js";
import { SUITE_MIGRATIONS, type StorageUnderTest } from "./storage-under-test.js";

const WRITER = fileURLToPath(new URL("storage-writer.js", import.meta.url));
const LANES = 8;
const ROUNDS = 5;

/** What every storage promises of a process that is killed. */
export function durabilitySuite(kind: StorageUnderTest): void {
  describe("kill -9 of the writing process", () => {
    let place: string;
    beforeEach(async () => {
      place = await kind.create();
    });
    afterEach(() => kind.remove(place));

    it(`loses nothing that was acknowledged and leaves nothing half (${ROUNDS} times in the same store)`, async () => {
      const acknowledged = new Map<number, number>();
      for (let round = 1; round <= ROUNDS; round += 1) {
        await using writer = Child.node(WRITER, [kind.module, place, String(LANES)]);
        await writer.said("ack", 17 * round);
        await writer.kill("SIGKILL");
        for (const line of writer.lines) {
          const [word, lane, step] = line.split(" ");
          if (word === "ack")
            acknowledged.set(
              Number(lane),
              Math.max(Number(step), acknowledged.get(Number(lane)) ?? 0),
            );
        }

        await using storage = await kind.open(place, SUITE_MIGRATIONS);
        const lanes = await storage.all<{ lane: number; n: number; last: number; parts: number }>(
          `SELECT lane, COUNT(*) AS n, MAX(step) AS last, (SELECT COUNT(*) FROM suite_part JOIN suite_entry e ON e.id = entry WHERE e.lane = suite_entry.lane) AS parts
           FROM suite_entry GROUP BY lane ORDER BY lane`,
        );
        expect(acknowledged.size).toBeGreaterThan(0);
        for (const [lane, step] of acknowledged) {
          const there = lanes.find((one) => one.lane === lane);
          expect(there?.last, `lane ${lane}`).toBeGreaterThanOrEqual(step);
          // At most the one step that was under way is there without having been acknowledged.
          expect(there?.last, `lane ${lane}`).toBeLessThanOrEqual(step + 1);
        }
        for (const { n, last, parts } of lanes) {
          expect(n, "no step is missing before the last").toBe(last);
          expect(parts, "each entry has both halves").toBe(2 * n);
        }
        // What was under way counts as written from now on.
        for (const { lane, last } of lanes) acknowledged.set(lane, last);
      }
    });
  });
}
