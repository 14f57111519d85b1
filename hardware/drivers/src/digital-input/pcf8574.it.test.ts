import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describeDigitalInputPort } from "../testing/digital-input-conformance.js";
import { PCF8574_ADDRESS, pcf8574Chip } from "../testing/pcf8574-chip.js";
import { never } from "../testing/port-rig.js";

const MASK = 1 << 3;
const line = (number: number) => ({
  driver: "pcf8574",
  options: { address: PCF8574_ADDRESS, line: number, activeLow: true },
});

describeDigitalInputPort("pcf8574", async () => {
  const { open, silence, state } = pcf8574Chip();
  return {
    open: (context) => open("digital-input", line(3), context),
    drive: async (active) => void (state.pulledLow = active ? MASK : 0),
    silence,
    [Symbol.asyncDispose]: async () => {},
  };
});

describe("pcf8574", () => {
  it("lets go of a line that it had driven low before, and of no other", async () => {
    const { open, state } = pcf8574Chip();
    state.latch = 0b1010_0010;
    await using port = await open("digital-input", line(3), driverContext());
    expect(await port.read(never)).toBe(false);
    expect(state.latch).toBe(0b1010_1010);
  });

  it("stays an input when an output of the same chip is set while it is pulled low", async () => {
    const { open, state } = pcf8574Chip();
    await using input = await open("digital-input", line(3), driverContext());
    await using output = await open("digital-output", line(5), driverContext());
    state.pulledLow = MASK;
    await output.set(true, never);
    expect(await input.read(never)).toBe(true);
    expect(state.latch).toBe(0b1101_1111);
    state.pulledLow = 0;
    expect(await input.read(never)).toBe(false);
  });

  it("is read without a write to an output whose wire somebody else holds low", async () => {
    const { open, state } = pcf8574Chip();
    await using input = await open("digital-input", line(3), driverContext());
    await using output = await open("digital-output", line(5), driverContext());
    await output.set(false, never);
    state.pulledLow = MASK | (1 << 5);
    expect(await input.read(never)).toBe(true);
    expect(state.latch).toBe(0xff);
  });

  it("is not believed when its answer is cut off", async () => {
    const { bus, open, state } = pcf8574Chip();
    await using port = await open("digital-input", line(3), driverContext());
    bus.cut = true;
    await expect(port.read(never)).rejects.toMatchObject({ code: "protocol" });
    expect(state.latch).toBe(0xff);
  });
});
