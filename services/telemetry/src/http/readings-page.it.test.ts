import { systemClock } from "@outrider/contracts/clock";
import { nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { tempDir } from "@outrider/testing/temp-dir";
import { expect, it } from "vitest";
import { openStore } from "../store/open-store.js";
import { StoreError } from "../store/store.js";
import { readReadings } from "./readings-page.js";

const MINUTE = 60_000;

it("names a span with which the same question has an answer", async () => {
  await using folder = await tempDir("tel-");
  await using store = await openStore(
    { url: undefined, directory: folder.path },
    { clock: systemClock, log: silentLog },
  );
  const endMs = Math.floor(Date.now() / MINUTE) * MINUTE;
  const fromMs = endMs - 60 * MINUTE;
  const points = Array.from({ length: 360 }, (_, index) => ({
    measurement: "node_sensor",
    tags: { node: "n1", sensor: "supply" },
    atMs: fromMs + index * 10_000,
    fields: { voltageVolts: 5 + index / 1000, powerWatts: index },
  }));
  await store.write(points);
  const asked = {
    nodes: [nodeId("n1")],
    from: new Date(fromMs).toISOString(),
    to: new Date(endMs).toISOString(),
  };
  const signal = AbortSignal.timeout(30_000);
  const refused = await readReadings({ ...asked, everyMs: 0 }, store, signal, 100).catch(
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(StoreError);
  const { everyMs = 0, message } = refused as StoreError;
  expect(everyMs).toBeGreaterThan(0);
  expect(message).toMatch(/ask with every=\d+[smh] or longer/);
  const { series } = await readReadings({ ...asked, everyMs }, store, signal, 100);
  expect(series.map(({ quantity }) => quantity)).toEqual(["powerWatts", "voltageVolts"]);
  const counts = series.map((one) => one.points.reduce((sum, { count }) => sum + count, 0));
  expect(counts).toEqual([360, 360]);
  const all = await readReadings({ ...asked, everyMs: 0 }, store, signal);
  expect(all.series[0]?.points.map(({ last }) => last)).toEqual(
    points.map(({ fields }) => fields.powerWatts),
  );
});
