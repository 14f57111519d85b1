import { openDriver, type Driver } from "@outrider/ports/driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { failure, forever, openSlot } from "./power-rig.js";
import { PASSWORD, type SwitchRig } from "./switch-rig.js";

/** One rig for all tests of a `describe`. @returns the rig, once tests run */
export function oneRig(start: () => Promise<SwitchRig>): () => SwitchRig {
  let rig: SwitchRig;
  beforeAll(async () => {
    rig = await start();
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });
  return () => rig;
}

/** What holds of every switch or PDU that is spoken to over HTTP and has a password. */
export function itRefusesInItsOwnWords(driver: Driver<"power">, rigOf: () => SwitchRig): void {
  it("says no in the device's words", async () => {
    const rig = rigOf();
    await using port = await openSlot(rig);
    await rig.world.faults(1, { refuseOn: 1 });
    const error = await failure(port.setSupply(true, forever));
    expect(error).toMatchObject({ name: "PortError", code: "refused" });
    expect((await rig.world.get(1)).supply).toBe("off");
  });

  it("is refused with a wrong password, which is said nowhere (P18)", async () => {
    const rig = rigOf();
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
}

/** What holds of PoE ports: the third of the rig feeds nobody. */
export function itTellsPowerFromPermission(rigOf: () => SwitchRig): void {
  it("does not take a port that is switched on for one that gives power", async () => {
    await using port = await openSlot(rigOf(), 3);
    await port.setSupply(true, forever);
    const { supply, problem } = await port.read(forever);
    expect(supply).toBe("Unknown");
    expect(problem).toMatch(/switched on and gives no power: (waiting-for-load|Searching)/);
    await port.setSupply(false, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
  });
}
