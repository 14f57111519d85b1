import { seconds } from "@outrider/contracts/clock";
import { silentLog } from "@outrider/messaging/log";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { StoreError, type Point } from "../store/store.js";
import { PointWriter } from "./point-writer.js";

const point = (atMs: number): Point => ({
  measurement: "node_sensor",
  tags: { node: "n1", sensor: "supply" },
  atMs,
  fields: { voltageVolts: 5 },
});
const points = (length: number): Point[] => Array.from({ length }, (_, at) => point(at));

/** A store of which the test decides what becomes of each write. */
function stage() {
  const clock = new VirtualClock();
  const writes: { readonly size: number; readonly end: (error?: Error) => void }[] = [];
  const defects: unknown[] = [];
  const writer = new PointWriter({
    store: {
      write: (some) =>
        new Promise((resolve, reject) => {
          writes.push({ size: some.length, end: (error) => (error ? reject(error) : resolve()) });
        }),
    },
    clock,
    log: silentLog,
    defect: (error) => void defects.push(error),
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, writes, writer, turn, defects };
}

describe("the way into the store", () => {
  it("is one group at a time, and what came meanwhile is the next", async () => {
    const { writes, writer, turn } = stage();
    const kept: string[] = [];
    writer.offer(points(2), (is) => void kept.push(`first ${is}`));
    await turn();
    writer.offer(points(3), (is) => void kept.push(`second ${is}`));
    writer.offer(points(4), (is) => void kept.push(`third ${is}`));
    await turn();
    expect(writes.map(({ size }) => size)).toEqual([2]);
    expect(kept).toEqual([]);
    writes[0]?.end();
    await turn();
    expect(kept).toEqual(["first true"]);
    expect(writes.map(({ size }) => size)).toEqual([2, 7]);
    writes[1]?.end();
    await turn();
    expect(kept).toEqual(["first true", "second true", "third true"]);
    expect(writer.waiting).toBe(0);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    "writes what is offered %s steps after the last",
    async (steps) => {
      const { writes, writer, turn } = stage();
      const later = async (): Promise<void> => {
        for (let step = 0; step < steps; step++) await Promise.resolve();
        writer.offer(points(1), () => undefined);
      };
      writer.offer(points(2), () => void later());
      await turn();
      writes[0]?.end();
      await turn();
      expect(writes.map(({ size }) => size)).toEqual([2, 1]);
    },
  );

  it("takes nothing beyond its bound, and again once there is room", async () => {
    const { writes, writer, turn } = stage();
    expect(writer.offer(points(99_000), () => undefined)).toBe(true);
    expect(writer.offer(points(2000), () => undefined)).toBe(false);
    expect(writer.offer(points(1000), () => undefined)).toBe(true);
    await turn();
    writes[0]?.end();
    await turn();
    expect(writer.offer(points(2000), () => undefined)).toBe(true);
  });

  it("gives back all that waits when the store is full, and rests", async () => {
    const { clock, writes, writer, turn } = stage();
    const kept: boolean[] = [];
    const done = (is: boolean): void => void kept.push(is);
    writer.offer(points(1), done);
    await turn();
    writer.offer(points(1), done);
    writer.put(points(5));
    writes[0]?.end(new StoreError("full", "the disk is full"));
    await turn();
    expect(kept).toEqual([false, false]);
    expect(writer.dropped).toBe(5);
    expect(writer.offer(points(1), done)).toBe(false);
    await clock.advance(seconds(1));
    expect(writer.offer(points(1), done)).toBe(true);
  });

  it("calls what is no failure of the store a defect", async () => {
    const { writes, writer, turn, defects } = stage();
    writer.put(points(1));
    await turn();
    writes[0]?.end(new TypeError("a defect"));
    await turn();
    expect(defects).toHaveLength(1);
  });
});
