import { systemClock } from "@outrider/contracts/clock";
import { openDriver } from "@outrider/ports/driver";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { milliseconds } from "@outrider/ports/time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever, openSlot, soon } from "../testing/power-rig.js";
import {
  AUTH_KEY,
  COMMUNITY,
  COMMUNITY_FILE,
  PRIV_KEY,
  READ_ONLY,
  SECRETS,
  switchRig,
  VERSION_3,
  type SwitchRig,
} from "../testing/switch-rig.js";
import { driver } from "./snmp-poe.js";

const host = "127.0.0.1";
const community = { file: COMMUNITY_FILE };

function startRig(quirks = {}) {
  return switchRig(
    driver,
    (port, udpPort) => ({ host, udpPort, port, community }),
    { dialect: "poe", quirks, slots: 6 },
    "port",
  );
}

describePowerPort("snmp-poe with version 2c", () => startRig());
describePowerPort("snmp-poe with version 3", () =>
  switchRig(
    driver,
    (port, udpPort) => ({ host, udpPort, port, ...VERSION_3 }),
    { dialect: "poe" },
    "port",
  ),
);

describe("snmp-poe", { timeout: 60_000 }, () => {
  let rig: SwitchRig;
  beforeAll(async () => {
    rig = await startRig({ 3: "deaf", 4: "denied", 5: "slow", 6: "reboots" });
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  const open = (options: object) =>
    openDriver(
      driver,
      { host, udpPort: rig.port, port: 1, ...options },
      driverContext({ secrets: SECRETS }),
    );

  it("says what the port draws, where a profile knows", async () => {
    await using port = await open({ community, profile: "cisco" });
    await port.setSupply(true, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "On", drawWatts: 5 });
    await port.setSupply(false, forever);
  });

  it("keeps the supply of a node that has halted", async () => {
    await using port = await open({ community });
    await port.setSupply(true, forever);
    await rig.world.guest(1, "halt");
    expect(await port.read(forever)).toMatchObject({ supply: "On", host: "Unknown" });
    await port.setSupply(false, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "Off", supplyEvidence: "ReadBack" });
  });

  it("is on only when power is delivered, some seconds after the port was switched on", async () => {
    await using port = await open({ community, port: 5 });
    await port.setSupply(false, forever);
    const since = (await rig.world.edges()).at(-1)?.seq ?? 0;
    await port.setSupply(true, forever);
    const searching = await port.read(forever);
    expect(searching).toMatchObject({ supply: "Unknown", supplyEvidence: "ReadBack" });
    expect(searching.problem).toContain("detection reads searching");
    await rig.world.waitForEdge(
      ({ slot, edge }) => slot === 5 && edge === "supply-on",
      soon(),
      since,
    );
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    await port.setSupply(false, forever);
  });

  it("tells a port that is denied power, and what to do", async () => {
    await using port = await open({ community, port: 4 });
    await port.setSupply(true, forever);
    const { supply, problem } = await port.read(forever);
    expect(supply).toBe("Unknown");
    expect(problem).toMatch(/class 0, power denied 7 times.*Free some of the switch's PoE budget/);
    await port.setSupply(false, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
  });

  it("reads a port that says yes and does nothing as it is", async () => {
    await using port = await open({ community, port: 3 });
    await port.setSupply(true, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    expect(await rig.world.edges({ slot: 3 })).toEqual([]);
  });

  it("says that a switch went silent in the middle, and reads it when it is back", async () => {
    await using other = await openSlot(rig, 2);
    await other.setSupply(true, forever);
    const since = (await rig.world.edges()).at(-1)?.seq ?? 0;
    const clock = new ManualClock();
    await using port = await openSlot(rig, 6, clock);
    const switching = failure(port.setSupply(true, forever));
    await rig.world.waitForEdge(
      ({ slot, edge }) => slot === 2 && edge === "brown-out",
      soon(),
      since,
    );
    clock.advance(60_000);
    const error = await switching;
    expect(error).toMatchObject({ code: "timed-out" });
    expect(error.message).toContain("does not know the community");
    const { seq } = (await rig.world.edges()).at(-1) ?? { seq: 0 };
    await rig.world.waitForEdge(
      ({ slot, edge }) => slot === 2 && edge === "supply-on",
      soon(),
      seq,
    );
    await expect(other.read(forever)).resolves.toMatchObject({ supply: "On" });
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    await other.setSupply(false, forever);
  });

  it("passes a refusal on, and does not try again", async () => {
    await using port = await open({ community });
    await rig.world.faults(1, { refuseOn: 1 });
    const error = await failure(port.setSupply(true, forever));
    expect(error).toMatchObject({ name: "PortError", code: "refused" });
    expect(error.message).toMatch(/ResourceUnavailable for [\d.]+\.3\.1\.1\).*budget/);
    expect((await rig.world.get(1)).supply).toBe("off");
  });

  it.each([
    ["a community that may only read", { community: { file: "/etc/outrider/secrets/read-only" } }],
    [
      "the same in version 1",
      { version: "1", community: { file: "/etc/outrider/secrets/read-only" } },
    ],
  ])("is refused with %s, and reads", async (_, options) => {
    await using port = await open(options);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    const error = await failure(port.setSupply(true, forever));
    expect(error).toMatchObject({ code: "refused" });
    expect(error.message).toContain("write access");
  });

  it("asks for the ports of all who are patient in one exchange", async () => {
    const clock = new ManualClock();
    const context = driverContext({ secrets: SECRETS, clock });
    const ports = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((port) =>
        openDriver(driver, { host, udpPort: rig.port, port, community }, context),
      ),
    );
    const patience = milliseconds(500);
    const reading = Promise.all(ports.map((port) => port.read(forever, { patience })));
    const states = await Promise.race([
      reading.then(() => "read"),
      rig.world.get(1).then(() => "kept back"),
    ]);
    expect(states).toBe("kept back");
    clock.advance(500);
    expect((await reading).map(({ supply }) => supply)).toEqual([
      "Off",
      "Off",
      "Off",
      "Off",
      "Off",
      "Off",
    ]);
    await Promise.all(ports.map((port) => port[Symbol.asyncDispose]()));
  });

  it.each([
    [{}, "option community"],
    [{ community, user: "somebody" }, "option user"],
    [{ version: "3", community }, "option community"],
    [{ version: "3" }, "option user"],
    [{ version: "3", user: "u", privKey: { env: "OUTRIDER_SECRET_X" } }, "option privKey"],
    [{ version: "3", user: "u", authKey: { file: "/short" } }, "option authKey"],
    [{ community: { file: "/etc/none" } }, "no secret at /etc/none"],
    [{ community, port: 0 }, "option port"],
    [{ community, host: "a b" }, "option host"],
    [{ community: "public" }, "option community"],
  ])("refuses the options %j", async (options, words) => {
    const context = driverContext({ secrets: { ...SECRETS, "/short": "seven77" } });
    const error = await failure(openDriver(driver, { host, port: 1, ...options }, context));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("seven77");
  });

  it("lets no secret out (P18)", async () => {
    const said: unknown[] = [];
    const say = (...words: unknown[]) => void said.push(words);
    const log = { debug: say, info: say, warn: say, error: say };
    const context = driverContext({ secrets: SECRETS, log, clock: systemClock });
    const all = [
      { community },
      { community: { file: "/etc/outrider/secrets/read-only" } },
      VERSION_3,
      { ...VERSION_3, authProtocol: "sha" },
      { ...VERSION_3, user: "stranger" },
    ];
    for (const options of all) {
      await using port = await openDriver(
        driver,
        { host, udpPort: rig.port, port: 99, ...options },
        context,
      );
      const outcomes = await Promise.allSettled([
        port.read(forever),
        port.setSupply(true, forever),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status !== "rejected") continue;
        for (let e = outcome.reason as Error | undefined; e; e = e.cause as Error | undefined) {
          said.push(e.message, e.stack, JSON.stringify(e, Object.getOwnPropertyNames(e)));
        }
      }
    }
    expect(said.length).toBeGreaterThan(all.length);
    const everything = JSON.stringify(said) + rig.written() + JSON.stringify(driver);
    for (const secret of [COMMUNITY, READ_ONLY, AUTH_KEY, PRIV_KEY]) {
      expect(everything).not.toContain(secret);
    }
  });
});
