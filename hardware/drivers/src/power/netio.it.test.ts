import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever, openSlot } from "../testing/power-rig.js";
import { LOGIN, PASSWORD, switchRig, type SwitchRig } from "../testing/switch-rig.js";
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
  let rig: SwitchRig;
  beforeAll(async () => {
    rig = await startRig({ 3: "denied" });
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  it("says no in the device's words", async () => {
    await using port = await openSlot(rig);
    await rig.world.faults(1, { refuseOn: 1 });
    const error = await failure(port.setSupply(true, forever));
    expect(error).toMatchObject({ name: "PortError", code: "refused" });
    expect((await rig.world.get(1)).supply).toBe("off");
  });

  it("is refused with a wrong password, which is said nowhere (P18)", async () => {
    const wrong = "canary-of-a-wrong-password";
    const secrets = { "/wrong": wrong };
    await using port = await openDriver(
      driver,
      { ...rig.optionsOf(1), password: { file: "/wrong" } },
      driverContext({ secrets }),
    );
    const errors = [
      await failure(port.read(forever)),
      await failure(port.setSupply(true, forever)),
    ];
    for (const error of errors) expect(error).toMatchObject({ code: "refused" });
    const said = errors.map((error) => `${error.message} ${error.stack} ${JSON.stringify(error)}`);
    const everything = said.join() + rig.written() + JSON.stringify(driver);
    for (const secret of [wrong, PASSWORD]) {
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(Buffer.from(`outrider:${secret}`).toString("base64"));
    }
  });

  it("ends a cycle by itself", async () => {
    await using port = await openSlot(rig);
    const cycle = port.native.PowerCycle;
    if (!cycle) expect.unreachable("it has one");
    expect(await failure(cycle(forever))).toMatchObject({ code: "refused" });
    await port.setSupply(true, forever);
    await cycle(forever);
    await rig.world.waitForEdge(
      ({ slot, edge, seq }) => slot === 1 && edge === "supply-on" && seq > 2,
      AbortSignal.timeout(20_000),
    );
    expect((await rig.world.edges({ slot: 1 })).map(({ edge }) => edge)).toEqual([
      "supply-on",
      "supply-off",
      "supply-on",
    ]);
    await port.setSupply(false, forever);
  });

  it("refuses a cycle of another length than the device has", async () => {
    const secrets = rig.secrets ?? {};
    await using port = await openDriver(
      driver,
      { ...rig.optionsOf(2), cycleSeconds: 4 },
      driverContext({ secrets }),
    );
    await port.setSupply(true, forever);
    const error = await failure(port.native.PowerCycle?.(forever) ?? Promise.resolve());
    expect(error.message).toContain("stays off for 1000 ms in its own cycle, not for 4000 ms");
    await port.setSupply(false, forever);
  });
});
