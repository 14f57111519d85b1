import { createRequire } from "node:module";
import { listDrivers } from "@outrider/drivers/registry";
import { expect, it } from "vitest";
import { driverCatalogue } from "./catalogue.js";
import type { FailedDriver } from "./describe-drivers.js";

const refuse = (fields: object, message: string): never => {
  throw new Error(message, { cause: fields });
};

it("describes every driver there is, and leaves their libraries out of this thread", async () => {
  const drivers = await driverCatalogue({ error: refuse });
  expect(drivers.map(({ port, driver }) => ({ port, driver }))).toEqual(await listDrivers());
  expect(drivers.find(({ driver }) => driver === "snmp-poe")?.options).toMatchObject({
    properties: { port: { description: expect.stringMatching(/\w/) as string } },
  });
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  expect(loaded.filter((file) => /[/\\](net-snmp|koffi)[/\\]/.test(file))).toEqual([]);
});

it("leaves out a driver that cannot be loaded, and says which and why", async () => {
  const said: Partial<FailedDriver>[] = [];
  const root = new URL("testing/broken-drivers/", import.meta.url);
  const drivers = await driverCatalogue({ error: (fields) => void said.push(fields) }, root);
  expect(drivers.map(({ driver }) => driver)).toEqual(["whole"]);
  expect(said).toEqual([
    {
      port: "reset",
      driver: "broken",
      reason: expect.stringContaining("the library of its mechanism is not there") as string,
    },
  ]);
});
