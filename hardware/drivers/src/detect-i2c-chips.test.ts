import { check } from "@outrider/contracts/codec";
import { describe, expect, it } from "vitest";
import { isLookedAt, proposalOf } from "./detect-i2c-chips.js";
import { loadDriver } from "./registry.js";

const chip = (address: number, parts: readonly string[], more: object = {}) => ({
  address,
  parts,
  identified: false,
  kernel: false,
  ...more,
});
const propose = (one: ReturnType<typeof chip>) => proposalOf("i2c-1", "bcm2835", one);

describe("a chip on an I²C bus", () => {
  it("that says what it is, is proposed for sure, with what its driver takes", async () => {
    const found = await propose(chip(0x41, ["ina226"], { identified: true }));
    expect(found).toMatchObject({
      port: "sensor",
      driver: "ina226",
      options: { bus: "i2c-1", address: 0x41 },
      confidence: "high",
    });
    expect(found?.why).toContain("shuntMilliohms cannot be seen from here");
    const { options } = await loadDriver("sensor", "ina226");
    expect(check(options, found?.options, true)).toMatchObject({ ok: true });
  });

  it("that says nothing, is told with all that it could be", async () => {
    const found = await propose(chip(0x20, ["pca9555", "mcp23017", "pcf8574"]));
    expect(found).toMatchObject({ port: "digital-output", driver: "pca9555", confidence: "low" });
    expect(found?.why).toContain("pca9555, mcp23017, pcf8574");
  });

  it("that the kernel has, or that nobody knows, is not proposed", async () => {
    expect(await propose(chip(0x40, [], { kernel: true }))).toBeUndefined();
    expect(await propose(chip(0x40, ["no-such"]))).toBeUndefined();
  });
});

it.each([
  ["bcm2835 (i2c@7e804000)", true],
  ["107d508200.i2c", true],
  ["SMBus I801 adapter at efa0", false],
  ["AMDGPU DM i2c hw bus 0", false],
  ["i915 gmbus dpb", false],
  ["NVIDIA i2c adapter 1 at 1:00.0", false],
  ["Synopsys DesignWare I2C adapter", false],
])("the bus %s is looked at: %s", (adapter, looked) => {
  expect(isLookedAt(adapter)).toBe(looked);
});
