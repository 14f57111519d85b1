import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever, openSlot } from "../testing/power-rig.js";
import { LOGIN, PASSWORD, switchRig, type SwitchRig } from "../testing/switch-rig.js";
import { driver } from "./mikrotik-poe.js";

const startRig = (quirks = {}) =>
  switchRig(
    driver,
    (slot, port) => ({ url: `http://127.0.0.1:${port}`, interface: `ether${slot}`, ...LOGIN }),
    { dialect: "mikrotik", quirks, slots: 3 },
    "interface",
  );

describePowerPort("mikrotik-poe", () => startRig());

describe("mikrotik-poe", { timeout: 60_000 }, () => {
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

  it("does not take a port that is switched on for one that gives power", async () => {
    await using port = await openSlot(rig, 3);
    await port.setSupply(true, forever);
    const { supply, problem } = await port.read(forever);
    expect(supply).toBe("Unknown");
    expect(problem).toMatch(/switched on and gives no power: (waiting-for-load|Searching)/);
    await port.setSupply(false, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
  });
});
