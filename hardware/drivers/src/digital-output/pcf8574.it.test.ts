import { driverContext } from "../testing/context.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { never } from "../testing/port-rig.js";
import { PCF8574_ADDRESS, pcf8574Chip } from "../testing/pcf8574-chip.js";
import { describe, expect, it } from "vitest";

const MASK = 1 << 5;
const declared = {
  driver: "pcf8574",
  options: { address: PCF8574_ADDRESS, line: 5, activeLow: true },
};

describeDigitalOutputPort("pcf8574", async () => {
  const { open, silence, state } = pcf8574Chip();
  return {
    open: (context) => open("digital-output", declared, context),
    active: async () => (state.latch & MASK) === 0,
    force: async (active) => {
      state.latch = active ? state.latch & ~MASK : state.latch | MASK;
    },
    silence,
    [Symbol.asyncDispose]: async () => {},
  };
});

describe("pcf8574", () => {
  it("leaves the other lines alone", async () => {
    const { open, state } = pcf8574Chip();
    state.latch = 0b1010_1010;
    await using port = await open("digital-output", declared, driverContext());
    await port.set(true, never);
    expect(state.latch).toBe(0b1000_1010);
    await port.set(false, never);
    expect(state.latch).toBe(0b1010_1010);
  });

  it("leaves another output alone whose wire somebody else holds low", async () => {
    const { open, state } = pcf8574Chip();
    await using port = await open("digital-output", declared, driverContext());
    await using other = await open(
      "digital-output",
      { ...declared, options: { ...declared.options, line: 2 } },
      driverContext(),
    );
    await other.set(false, never);
    // Line 7 is of nobody here.
    state.pulledLow = 0b1000_0100;
    await port.set(true, never);
    expect(state.latch).toBe(0b1101_1111);
    await port.set(false, never);
    state.pulledLow = 0;
    expect(state.latch).toBe(0xff);
    expect(await other.read(never)).toBe(false);
  });

  it("does later what it was told only if it was told again, when it did not take it", async () => {
    const { bus, open, state } = pcf8574Chip();
    await using port = await open("digital-output", declared, driverContext());
    await using other = await open(
      "digital-output",
      { ...declared, options: { ...declared.options, line: 2 } },
      driverContext(),
    );
    await other.set(false, never);
    const chip = bus.chips.get(PCF8574_ADDRESS);
    if (!chip) throw new Error("there is a chip");
    bus.chips.set(PCF8574_ADDRESS, {
      ...chip,
      write: () => {
        throw Object.assign(new Error("no acknowledgement"), { code: "EREMOTEIO" });
      },
    });
    await expect(port.set(true, never)).rejects.toBeDefined();
    bus.chips.set(PCF8574_ADDRESS, chip);
    await other.set(true, never);
    expect(state.latch).toBe(0b1111_1011);
  });

  it("that has restarted is what it is now, and not what it was told before", async () => {
    const { open, state } = pcf8574Chip();
    await using port = await open("digital-output", declared, driverContext());
    await using other = await open(
      "digital-output",
      { ...declared, options: { ...declared.options, line: 2 } },
      driverContext(),
    );
    await port.set(true, never);
    state.latch = 0xff;
    await other.set(true, never);
    expect(state.latch).toBe(0b1111_1011);
    expect(await port.read(never)).toBe(false);
  });

  it("is not believed when its answer is cut off, and not written then", async () => {
    const { bus, open, state } = pcf8574Chip();
    await using port = await open("digital-output", declared, driverContext());
    bus.cut = true;
    await expect(port.set(true, never)).rejects.toMatchObject({ code: "protocol" });
    expect(state.latch).toBe(0xff);
  });

  it("is unreachable when it is not there, and back with the next call", async () => {
    const { bus, open } = pcf8574Chip();
    const there = bus.chips.get(PCF8574_ADDRESS);
    bus.chips.clear();
    await using port = await open("digital-output", declared, driverContext());
    await expect(port.read(never)).rejects.toMatchObject({ code: "unreachable" });
    if (there) bus.chips.set(PCF8574_ADDRESS, there);
    expect(await port.read(never)).toBe(false);
  });
});
