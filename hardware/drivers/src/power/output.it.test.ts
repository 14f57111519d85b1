import { join } from "node:path";
import { openDriver, type Driver } from "@outrider/ports/driver";
import { startRack } from "@outrider/simulators/spawn";
import { describe, expect, it } from "vitest";
import { SimulatedSlotOptions } from "../simulated-slot.js";
import { driverContext } from "../testing/context.js";
import { GUEST_CHIP, joinDeviceGuest, lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { never } from "../testing/port-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { slotOutput } from "../testing/slot-output.js";
import { slotRig } from "../testing/slot-rig.js";
import { driver } from "./output.js";

/** The driver over an output that switches a slot of a rack, as the agent hands it one. */
const overSlots: Driver<"power", SimulatedSlotOptions> = {
  port: "power",
  driver: "output",
  summary: driver.summary,
  actions: driver.actions,
  options: SimulatedSlotOptions,
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, context) => {
    const output = slotOutput(options, context.clock);
    const port = await openDriver(driver as unknown as Driver<"power">, {}, context, { output });
    return { ...port, [Symbol.asyncDispose]: () => output[Symbol.asyncDispose]() };
  },
};

describePowerPort("output", async () => ({
  ...(await slotRig({
    driver: overSlots,
    start: (dir) => startRack({ dir, slots: 2 }),
    optionsOf: (dir, slot) => ({ socket: join(dir, "rack.sock"), slot }),
    socket: "rack.sock",
    loseSupply: async ({ client }, slot) => void (await client.brownOut(slot)),
  })),
  lacks: ["host"],
}));

const skip = await lacksDeviceGuest("a supply at a GPIO line");

describe.skipIf(skip)("output on Linux", () => {
  it("believes the sense line more than the output, and says that they differ", async () => {
    await using guest = await joinDeviceGuest();
    const [out, sense] = [12, 13];
    guest.gpio.drive(sense, false);
    const line = (number: number) => ({
      driver: "gpio",
      options: { chip: GUEST_CHIP, line: number },
    });
    await using port = await guest.open("power", {
      driver: "output",
      options: {},
      needs: { output: line(out), sense: line(sense) },
    });
    await port.setSupply(true, never);
    expect(guest.gpio.output(out)).toBe(true);
    expect(await port.read(never)).toMatchObject({
      supply: "Off",
      supplyEvidence: "SenseLine",
      problem: expect.stringContaining("fuse") as string,
    });
    guest.gpio.drive(sense, true);
    expect(await port.read(never)).toEqual({
      supply: "On",
      supplyEvidence: "SenseLine",
      host: "Unknown",
      hostEvidence: "Assumed",
    });
    await port.setSupply(false, never);
    expect(await port.read(never)).toMatchObject({
      supply: "On",
      problem: expect.stringContaining("relay") as string,
    });
    guest.gpio.drive(sense, false);
    expect(await port.read(never)).toMatchObject({ supply: "Off", host: "Halted" });
  });

  it("switches a relay that is closed at rest", async () => {
    await using guest = await joinDeviceGuest();
    await using port = await guest.open("power", {
      driver: "output",
      options: { onWhile: "inactive" },
      needs: { output: { driver: "gpio", options: { chip: GUEST_CHIP, line: 14 } } },
    });
    await port.setSupply(true, never);
    expect(guest.gpio.output(14)).toBe(false);
    await port.setSupply(false, never);
    expect(guest.gpio.output(14)).toBe(true);
    expect(await port.read(driverContext().signal)).toMatchObject({ supply: "Off" });
  });
});
