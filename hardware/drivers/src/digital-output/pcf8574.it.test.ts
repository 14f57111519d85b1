import { driverContext } from "../testing/context.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { never } from "../testing/port-rig.js";
import { simulatedBus } from "../testing/simulated-i2c-rig.js";
import { describe, expect, it } from "vitest";

const ADDRESS = 0x38;
const MASK = 1 << 5;
const declared = { driver: "pcf8574", options: { address: ADDRESS, line: 5, activeLow: true } };

/** A chip of one byte, whose high lines somebody else may pull low. */
function chip() {
  const world = simulatedBus();
  const state = { latch: 0xff, pulledLow: 0 };
  world.bus.chips.set(ADDRESS, {
    write: ([byte = 0]) => void (state.latch = byte),
    read: () => [state.latch & ~state.pulledLow],
  });
  return { ...world, state };
}

describeDigitalOutputPort("pcf8574", async () => {
  const { open, silence, state } = chip();
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
    const { open, state } = chip();
    state.latch = 0b1010_1010;
    await using port = await open("digital-output", declared, driverContext());
    await port.set(true, never);
    expect(state.latch).toBe(0b1000_1010);
    await port.set(false, never);
    expect(state.latch).toBe(0b1010_1010);
  });

  it("is not believed when its answer is cut off, and not written then", async () => {
    const { bus, open, state } = chip();
    await using port = await open("digital-output", declared, driverContext());
    bus.cut = true;
    await expect(port.set(true, never)).rejects.toMatchObject({ code: "protocol" });
    expect(state.latch).toBe(0xff);
  });

  it("is unreachable when it is not there, and back with the next call", async () => {
    const { bus, open } = chip();
    const there = bus.chips.get(ADDRESS);
    bus.chips.clear();
    await using port = await open("digital-output", declared, driverContext());
    await expect(port.read(never)).rejects.toMatchObject({ code: "unreachable" });
    if (there) bus.chips.set(ADDRESS, there);
    expect(await port.read(never)).toBe(false);
  });
});
