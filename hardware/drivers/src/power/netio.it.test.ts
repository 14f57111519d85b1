import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever, openSlot } from "../testing/power-rig.js";
import { LOGIN, switchRig } from "../testing/switch-rig.js";
import { itRefusesInItsOwnWords, oneRig } from "../testing/switch-over-http.js";
import { driver } from "./netio.js";

const startRig = (quirks = {}) =>
  switchRig(
    driver,
    (slot, port) => ({ url: `http://127.0.0.1:${port}`, output: slot, cycleSeconds: 1, ...LOGIN }),
    { dialect: "netio", quirks, slots: 3 },
    "output",
  );

describePowerPort("netio", () => startRig());

describe("netio", { timeout: 60_000 }, () => {
  const rig = oneRig(() => startRig({ 3: "denied" }));
  itRefusesInItsOwnWords(driver, rig);

  it("ends a cycle by itself", async () => {
    await using port = await openSlot(rig());
    const cycle = port.native.PowerCycle;
    if (!cycle) expect.unreachable("it has one");
    expect(await failure(cycle(forever))).toMatchObject({ code: "refused" });
    await port.setSupply(true, forever);
    await cycle(forever);
    await rig().world.waitForEdge(
      ({ slot, edge, seq }) => slot === 1 && edge === "supply-on" && seq > 2,
      AbortSignal.timeout(20_000),
    );
    expect((await rig().world.edges({ slot: 1 })).map(({ edge }) => edge)).toEqual([
      "supply-on",
      "supply-off",
      "supply-on",
    ]);
    await port.setSupply(false, forever);
  });

  it("refuses a cycle of another length than the device has", async () => {
    const secrets = rig().secrets ?? {};
    await using port = await openDriver(
      driver,
      { ...rig().optionsOf(2), cycleSeconds: 4 },
      driverContext({ secrets }),
    );
    await port.setSupply(true, forever);
    const error = await failure(port.native.PowerCycle?.(forever) ?? Promise.resolve());
    expect(error.message).toContain("stays off for 1000 ms in its own cycle, not for 4000 ms");
    await port.setSupply(false, forever);
  });
});
