import { Integer, Optional, Text } from "@outrider/contracts/decorators";
import { describe, expect, it } from "vitest";
import { defineDriver, isPortKind, openDriver, type DriverContext } from "./driver.js";
import { PortError } from "./port-error.js";
import type { PowerPort } from "./power-port.js";
import { ManualClock } from "./testing/manual-clock.js";

class ProbeOptions {
  @Integer(1, 8) line!: number;
  @Optional() @Text(5) secret?: string;
}

const port: PowerPort = {
  read: () => Promise.reject(new PortError("unreachable", "nothing is there")),
  setSupply: () => Promise.resolve(),
  native: {},
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

function probe() {
  const opened: ProbeOptions[] = [];
  const driver = defineDriver({
    port: "power",
    driver: "probe",
    summary: "For this test.",
    actions: ["On", "ForceOff"],
    options: ProbeOptions,
    example: { options: { line: 1 } },
    open: (options) => {
      opened.push(options);
      return Promise.resolve(port);
    },
  });
  return { driver, opened };
}

const log = { debug() {}, info() {}, warn() {}, error() {} };
const context: DriverContext = {
  clock: new ManualClock(),
  log,
  signal: new AbortController().signal,
  secret: () => Promise.reject(new PortError("invalid-options", "there are no secrets")),
  program: () => Promise.reject(new PortError("invalid-options", "there are no programs")),
};

describe("openDriver", () => {
  it("opens on options that fit", async () => {
    const { driver, opened } = probe();
    await expect(openDriver(driver, { line: 3 }, context)).resolves.toBe(port);
    expect(opened).toEqual([{ line: 3 }]);
  });

  it.each([
    [{}, "The option line of the driver power/probe: is missing."],
    [{ line: 9 }, "The option line of the driver power/probe: must be <= 8."],
    [{ line: "3" }, "The option line of the driver power/probe: must be integer."],
    [{ line: 3, lines: 4 }, "The option lines of the driver power/probe: is not a known property."],
    [undefined, "The options of the driver power/probe: must be object."],
    [[3], "The options of the driver power/probe: must be object."],
  ])("refuses %j, names the option and opens nothing", async (options, message) => {
    const { driver, opened } = probe();
    const refused = openDriver(driver, options, context);
    await expect(refused).rejects.toMatchObject({ name: "PortError", code: "invalid-options" });
    await expect(refused).rejects.toThrow(message);
    expect(opened).toEqual([]);
  });

  it("never repeats a value, which may be a secret", async () => {
    const { driver } = probe();
    const refused = openDriver(driver, { line: 1, secret: "hunter2-hunter2" }, context);
    await expect(refused).rejects.toThrow("The option secret");
    await expect(refused).rejects.not.toThrow("hunter");
  });
});

describe("isPortKind", () => {
  it("knows the ports that have an interface, and no property of Object", () => {
    expect(isPortKind("power")).toBe(true);
    expect(isPortKind("console")).toBe(true);
    expect(isPortKind("digital-input")).toBe(true);
    expect(isPortKind("telepathy")).toBe(false);
    expect(isPortKind("toString")).toBe(false);
  });
});
