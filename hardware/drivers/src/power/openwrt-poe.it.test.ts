import { describe, expect, it } from "vitest";
import { describePowerPort } from "../testing/power-conformance.js";
import { forever, openSlot } from "../testing/power-rig.js";
import { LOGIN, switchRig } from "../testing/switch-rig.js";
import {
  itRefusesInItsOwnWords,
  itTellsPowerFromPermission,
  oneRig,
} from "../testing/switch-over-http.js";
import { driver } from "./openwrt-poe.js";

const startRig = (quirks = {}) =>
  switchRig(
    driver,
    (slot, port) => ({ url: `http://127.0.0.1:${port}`, port: `lan${slot}`, ...LOGIN }),
    { dialect: "openwrt", quirks, slots: 3 },
    "port",
  );

describePowerPort("openwrt-poe", () => startRig());

describe("openwrt-poe", { timeout: 60_000 }, () => {
  const rig = oneRig(() => startRig({ 3: "denied" }));
  itRefusesInItsOwnWords(driver, rig);

  itTellsPowerFromPermission(rig);

  it("logs in again when the device has forgotten the session", async () => {
    await using own = await startRig();
    await using port = await openSlot(own);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    await own.kill();
    await own.restart();
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    await port.setSupply(true, forever);
    expect((await own.world.get(1)).supply).toBe("on");
  });
});
