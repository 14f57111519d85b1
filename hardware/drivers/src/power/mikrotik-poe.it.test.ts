import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { forever, openSlot } from "../testing/power-rig.js";
import { LOGIN, PASSWORD, switchRig } from "../testing/switch-rig.js";
import {
  itRefusesInItsOwnWords,
  itTellsPowerFromPermission,
  oneRig,
} from "../testing/switch-over-http.js";
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
  const rig = oneRig(() => startRig({ 3: "denied" }));
  itRefusesInItsOwnWords(driver, rig);

  describe("a port that feeds what does not ask for it", () => {
    const ask = async (command: string, body: object): Promise<unknown> => {
      const { url } = rig().optionsOf(2) as { url: string };
      const login = Buffer.from(`outrider:${PASSWORD}`).toString("base64");
      const answer = await fetch(`${url}/rest/interface/ethernet/poe/${command}`, {
        method: "POST",
        headers: { authorization: `Basic ${login}` },
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(200);
      return answer.json();
    };
    const setting = async (): Promise<unknown> => {
      const [row] = (await ask("monitor", { numbers: "ether2", once: "" })) as object[];
      return (row as Record<string, unknown>)["poe-out"];
    };
    const set = (value: string): Promise<unknown> =>
      ask("set", { ".id": "ether2", "poe-out": value });

    it.each(["here", "by somebody else"])(
      "feeds it again when it was switched off %s",
      async (by) => {
        await set("forced-on");
        await using port = await openSlot(rig(), 2);
        await port.read(forever);
        if (by === "here") await port.setSupply(false, forever);
        else await set("off");
        expect(await port.read(forever)).toMatchObject({ supply: "Off" });
        await port.setSupply(true, forever);
        expect(await setting()).toBe("forced-on");
      },
    );

    it("is switched on as the endpoint says, and as RouterOS has it from the maker where nobody knows", async () => {
      await set("auto-on");
      const options = { ...rig().optionsOf(2), onAs: "forced-on" };
      const secrets = rig().secrets;
      await using port = await openDriver(driver, options, driverContext({ secrets }));
      await port.setSupply(false, forever);
      await port.setSupply(true, forever);
      expect(await setting()).toBe("forced-on");
      await set("off");
      await using unknowing = await openSlot(rig(), 2);
      await unknowing.setSupply(true, forever);
      expect(await setting()).toBe("auto-on");
    });
  });

  itTellsPowerFromPermission(rig);
});
