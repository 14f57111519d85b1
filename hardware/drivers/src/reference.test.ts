import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { driverReference } from "./reference.js";
import { listDrivers, loadDriver } from "./registry.js";

const FILE = new URL("../../../docs/reference/drivers.md", import.meta.url);

it("is what the drivers are: `npm run reference` writes it anew", async () => {
  expect(readFileSync(FILE, "utf8")).toBe(await driverReference());
});

it("marks each driver that nobody has proven, and no other", async () => {
  const text = await driverReference();
  for (const { port, driver } of await listDrivers()) {
    const { proof } = await loadDriver(port, driver);
    const [, rest = ""] = text.split(`### ${port}/${driver}\n`);
    const [own = ""] = rest.split("\n##");
    expect([driver, own.includes("**Unproven**")]).toEqual([driver, proof === undefined]);
  }
});
