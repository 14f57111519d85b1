import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import { check } from "@outrider/contracts/codec";
import { describe, expect, it } from "vitest";
import { detectI2cProposals, isLookedAt, proposalOf } from "./detect-i2c-chips.js";
import { loadDriver } from "./registry.js";
import { sysfsTree } from "./testing/sysfs-tree.js";

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
  ["bcm2835 (i2c@7e804000)", true, true],
  ["107d508200.i2c", true, true],
  ["Synopsys DesignWare I2C adapter", true, true],
  ["Synopsys DesignWare I2C adapter", false, false],
  ["DesignWare HDMI", true, false],
  ["SMBus stub driver", false, true],
  ["SMBus I801 adapter at efa0", false, false],
  ["AMDGPU DM i2c hw bus 0", false, false],
  ["i915 gmbus dpb", false, false],
  ["NVIDIA i2c adapter 1 at 1:00.0", false, false],
])("the bus %s, declared by a device tree: %s, is looked at: %s", (adapter, isOfBoard, looked) => {
  expect(isLookedAt(adapter, isOfBoard)).toBe(looked);
});

/** Numbers that no host has, so that nothing is ever spoken to. */
const PI5 = "devices/platform/axi/1000120000.pcie/1f00074000.i2c/i2c-9001";
const LAPTOP = "devices/pci0000:00/0000:00:15.0/i2c_designware.0/i2c-9002";
const MONITOR = "devices/pci0000:00/0000:00:02.0/i2c-9003";

/** As the kernel has them, with or without device files. */
function busTree(withDevices: boolean) {
  const name = "Synopsys DesignWare I2C adapter";
  const buses = { [PI5]: name, [LAPTOP]: name, [MONITOR]: "i915 gmbus dpb" };
  const files = Object.entries(buses).map(([path, text]) => [`${path}/name`, text] as const);
  const tree = sysfsTree(Object.fromEntries(files));
  mkdirSync(join(tree.root, "sys", dirname(PI5), "of_node"));
  for (const place of ["bus/i2c/devices", ...(withDevices ? ["class/i2c-dev"] : [])]) {
    mkdirSync(join(tree.root, "sys", place), { recursive: true });
    for (const path of Object.keys(buses)) {
      const link = join(tree.root, "sys", place, path.slice(path.lastIndexOf("i2c-")));
      symlinkSync(join(tree.root, "sys", path), link);
    }
  }
  return tree;
}
const detect = ({ root }: { readonly root: string }) =>
  detectI2cProposals(join(root, "sys"), systemClock, new AbortController().signal);

it("looks at the header of a Raspberry Pi 5, and names each bus that it left alone", async () => {
  using tree = busTree(true);
  const { failed } = await detect(tree);
  const [others, header, ...more] = failed;
  expect(others).toContain(
    "Not looked at: /dev/i2c-9002 (Synopsys DesignWare I2C adapter), /dev/i2c-9003 (i915 gmbus dpb)",
  );
  expect(header).toContain("/dev/i2c-9001");
  expect(more).toEqual([]);
});

it("asks for device files where a header has none", async () => {
  using tree = busTree(false);
  const { failed } = await detect(tree);
  expect(failed).toEqual([
    expect.stringContaining("(Synopsys DesignWare I2C adapter) and no /dev"),
  ]);
});
