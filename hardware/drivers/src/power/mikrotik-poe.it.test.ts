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

  describe("a port that feeds what does not ask for it", () => {
    const ask = async (command: string, body: object): Promise<unknown> => {
      const { url } = rig.optionsOf(2) as { url: string };
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
        await using port = await openSlot(rig, 2);
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
      const options = { ...rig.optionsOf(2), onAs: "forced-on" };
      const secrets = rig.secrets;
      await using port = await openDriver(driver, options, driverContext({ secrets }));
      await port.setSupply(false, forever);
      await port.setSupply(true, forever);
      expect(await setting()).toBe("forced-on");
      await set("off");
      await using unknowing = await openSlot(rig, 2);
      await unknowing.setSupply(true, forever);
      expect(await setting()).toBe("auto-on");
    });
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
