import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, test } from "vitest";
import type { Actor } from "./console-audit.js";
import { PassingRecords } from "./passing-records.js";

const from = (address: string): Actor => ({ actor: `address:${address}`, way: "raw" });

test("whoever has only an address is recorded once, and then counted once a minute", async () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  const records = new PassingRecords(clock, ({ actor }, count) => told.push(`${actor} ${count}`));
  const mallory = from("10.0.0.7");
  expect(records.comes(mallory)).toBe(true);
  for (let times = 0; times < 3500; times++) expect(records.comes(mallory)).toBe(false);
  expect(records.comes({ actor: "person:ada", way: "raw" })).toBe(true);
  expect(records.comes({ actor: "person:ada", way: "raw" })).toBe(true);
  expect(told).toEqual([]);
  await clock.advance(60_000);
  expect(told).toEqual(["address:10.0.0.7 3500"]);
  expect(records.comes(mallory)).toBe(false);
  await clock.advance(60_000);
  await clock.advance(60_000);
  expect(told).toEqual(["address:10.0.0.7 3500", "address:10.0.0.7 1"]);
  expect(records.comes(mallory)).toBe(true);
  expect(records.comes(mallory)).toBe(false);
  records.end();
  expect(told.at(-1)).toBe("address:10.0.0.7 1");
});

test("many addresses are counted together", async () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  const records = new PassingRecords(clock, ({ actor }, count) => told.push(`${actor} ${count}`));
  let recorded = 0;
  for (let one = 0; one < 5000; one++) if (records.comes(from(`fe80--${one}`))) recorded += 1;
  expect(recorded).toBe(64);
  await clock.advance(60_000);
  expect(told).toEqual([`address:others ${5000 - 64}`]);
  records.end();
});
