import { simulatedBus } from "./simulated-i2c-rig.js";

export const PCF8574_ADDRESS = 0x38;

/** A PCF8574 on a bus of this process: a chip of one byte, whose high lines somebody else may pull low. */
export function pcf8574Chip() {
  const world = simulatedBus();
  const state = { latch: 0xff, pulledLow: 0 };
  world.bus.chips.set(PCF8574_ADDRESS, {
    write: ([byte = 0]) => void (state.latch = byte),
    read: () => [state.latch & ~state.pulledLow],
  });
  return { ...world, state };
}
