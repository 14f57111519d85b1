import { systemClock } from "@outrider/contracts/clock";
import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever } from "../testing/power-rig.js";
import {
  COMMUNITY_FILE,
  SECRETS,
  switchRig,
  VERSION_3,
  type SwitchRig,
} from "../testing/switch-rig.js";
import { driver } from "./snmp-pdu.js";

const host = "127.0.0.1";
const community = { file: COMMUNITY_FILE };
const OWN = {
  stateOid: "1.3.6.1.4",
  stateOn: 1,
  stateOff: 2,
  controlOid: "1.3.6.1.5",
  on: 1,
  off: 2,
};

const startApc = () =>
  switchRig(
    driver,
    (outlet, udpPort) => ({
      host,
      udpPort,
      outlet,
      community,
      version: "1",
      profile: "apc-rpdu2",
      rebootSeconds: 2,
    }),
    { dialect: "apc-rpdu2" },
    "outlet",
  );

describePowerPort("snmp-pdu as an APC with version 1", startApc);
describePowerPort("snmp-pdu as a Raritan with version 3", () =>
  switchRig(
    driver,
    (outlet, udpPort) => ({ host, udpPort, outlet, profile: "raritan", ...VERSION_3 }),
    { dialect: "raritan" },
    "outlet",
  ),
);
describePowerPort("snmp-pdu in its own words", () =>
  switchRig(
    driver,
    (outlet, udpPort) => ({
      host,
      udpPort,
      outlet,
      community,
      own: {
        stateOid: "1.3.6.1.4.1.13742.6.4.1.2.1.3.{unit}.{outlet}",
        stateOn: 7,
        stateOff: 8,
        controlOid: "1.3.6.1.4.1.13742.6.4.1.2.1.2.{unit}.{outlet}",
        on: 1,
        off: 0,
      },
    }),
    { dialect: "raritan" },
    "outlet",
  ),
);

describe("snmp-pdu", { timeout: 60_000 }, () => {
  let rig: SwitchRig;
  beforeAll(async () => {
    rig = await startApc();
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });
  const open = (options: object) =>
    openDriver(
      driver,
      { host, udpPort: rig.port, outlet: 1, community, profile: "apc-rpdu2", ...options },
      driverContext({ secrets: SECRETS, clock: systemClock }),
    );

  it("lets the PDU cycle an outlet by itself, and shows it off until it has", async () => {
    await using port = await open({ rebootSeconds: 2 });
    const cycle = port.native.PowerCycle;
    if (!cycle) expect.unreachable("it has a reboot");
    await port.setSupply(false, forever);
    const since = (await rig.world.edges()).at(-1)?.seq ?? 0;
    expect(await failure(cycle(forever))).toMatchObject({ code: "refused" });
    expect(await rig.world.edges({ since, slot: 1 })).toEqual([]);
    await port.setSupply(true, forever);
    await cycle(forever);
    const reads = async (): Promise<string> => (await port.read(forever)).supply;
    await expect.poll(reads, { timeout: 5_000, interval: 50 }).toBe("Off");
    await expect.poll(reads, { timeout: 10_000, interval: 50 }).toBe("On");
    expect((await rig.world.edges({ since, slot: 1 })).map(({ edge }) => edge)).toEqual([
      "supply-on",
      "supply-off",
      "supply-on",
    ]);
    expect(await port.read(forever)).toMatchObject({ supply: "On", drawWatts: 5 });
    await port.setSupply(false, forever);
  });

  it("cycles by itself only where it is known how long that takes", async () => {
    await using port = await open({});
    expect(port.native.PowerCycle).toBeUndefined();
  });

  it("passes a refusal on with its name", async () => {
    await using port = await open({});
    await rig.world.faults(1, { refuseOn: 1 });
    const error = await failure(port.setSupply(true, forever));
    expect(error).toMatchObject({ code: "refused" });
    expect(error.message).toContain("ResourceUnavailable");
  });

  it("names the profile that does not fit", async () => {
    await using port = await open({ profile: "eaton" });
    const error = await failure(port.read(forever));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toMatch(
      /has no 1\.3\.6\.1\.4\.1\.534\.[\d.]+: correct the option outlet/,
    );
  });

  it.each([
    [{ own: OWN }, "exactly one"],
    [{ profile: undefined, own: { ...OWN, stateOid: "x" } }, "option own"],
    [{ outlet: 0 }, "option outlet"],
    [{ rebootSeconds: 9 }, "option rebootSeconds"],
    [{ profile: "nobody" }, "option profile"],
  ])("refuses the options %j", async (options, words) => {
    const error = await failure(open(options));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain(words);
  });
});
