import { openDriver } from "@outrider/ports/driver";
import { describe, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { frontRig } from "../testing/front-rig.js";
import { startPlug } from "../testing/plug-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { forever, soon } from "../testing/power-rig.js";
import { driver } from "./shelly.js";

const startRig = (generation: 1 | 2) =>
  frontRig({
    driver,
    lacks: ["host", "refusal"],
    slotOption: "channel",
    start: (front) => startPlug(`shelly-${generation}`, front),
    optionsOf: ({ port }, slot) => ({
      url: `http://127.0.0.1:${port}`,
      generation,
      channel: slot - 1,
      cycleSeconds: 1,
    }),
  });

describe.each([1, 2] as const)("generation %i", (generation) => {
  describePowerPort("shelly", () => startRig(generation));

  it("has the plug itself end a cycle, also when nobody is there any more", async () => {
    await using rig = await startRig(generation);
    const port = await openDriver(driver, rig.optionsOf(1), driverContext());
    await port.setSupply(true, forever);
    await port.native.PowerCycle?.(forever);
    await port[Symbol.asyncDispose]();
    const off = await rig.world.waitForEdge(({ edge }) => edge === "supply-off", soon());
    await rig.world.waitForEdge(({ edge }) => edge === "supply-on", soon(), off.seq);
  });
});
