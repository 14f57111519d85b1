import { createSocket } from "node:dgram";
import { once } from "node:events";
import { openDriver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import {
  freeUdpPort,
  lackOfSnmpsim,
  snmprec,
  startSnmpsim,
  type SnmpPeer,
} from "@outrider/simulators/snmp-peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import { RECORDED_TREES } from "../testing/recorded-trees.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { COMMUNITY, COMMUNITY_FILE, SECRETS, VERSION_3 } from "../testing/switch-rig.js";
import { switchSensorRig } from "../testing/switch-sensor-rig.js";
import { driver as power } from "../power/snmp-poe.js";
import { driver } from "./snmp-poe.js";

const host = "127.0.0.1";
const community = { file: COMMUNITY_FILE };

const startRig = (login: object) =>
  switchSensorRig(
    driver,
    (udpPort) => ({ host, udpPort, port: 1, profile: "cisco", ...login }),
    { dialect: "poe" },
    (draw) =>
      draw === "off"
        ? { powerGood: 0, powerWatts: "DeviceOff" }
        : { powerGood: 1, powerWatts: draw },
  );

describeSensorPort("snmp-poe with version 2c", () => startRig({ community }));
describeSensorPort("snmp-poe with version 3", () => startRig(VERSION_3));

describe("snmp-poe", { timeout: 60_000 }, () => {
  it("knows a port that there is not, and never says the community", async () => {
    await using rig = await startRig({ community });
    const options = { host, udpPort: rig.udpPort, port: 99, community };
    await using port = await openDriver(driver, options, driverContext({ secrets: SECRETS }));
    const error = await failure(port.read(never));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain("has no PoE port 1.99");
    expect(`${error.message}${error.stack}`).not.toContain(COMMUNITY);
  });
});

const lack = await lackOfSnmpsim();
const withoutSnmpsim = mustSkip(
  "what PoE ports were recorded to give",
  {},
  lack === undefined ? {} : { problem: lack },
);

describe.skipIf(withoutSnmpsim)("recorded trees, served by snmpsim", { timeout: 60_000 }, () => {
  let udpPort: number;
  let peer: SnmpPeer;
  const { "poe-procurve": procurve } = RECORDED_TREES;
  const trees: Record<string, Readonly<Record<string, number>>> = {
    "poe-zyxel": RECORDED_TREES["poe-zyxel"].objects,
    "poe-cisco-small-business": RECORDED_TREES["poe-cisco-small-business"].objects,
    "poe-procurve": procurve.objects,
    // A switch that keeps what it measured last of a port that is off since.
    stale: {
      ...procurve.objects,
      "1.3.6.1.2.1.105.1.1.1.3.1.2": 2,
      "1.3.6.1.2.1.105.1.1.1.6.1.2": 1,
    },
    // Switched on, and nobody there asks for power.
    searching: {
      ...procurve.objects,
      "1.3.6.1.2.1.105.1.1.1.6.1.2": 2,
    },
    // Millivolts where the MIB says volts.
    millivolts: {
      "1.3.6.1.2.1.105.1.1.1.3.1.1": 1,
      "1.3.6.1.2.1.105.1.1.1.6.1.1": 3,
      "1.3.6.1.4.1.4526.10.15.1.1.1.2.1.1": 4200,
      "1.3.6.1.4.1.4526.10.15.1.1.1.4.1.1": 53_000,
    },
  };
  beforeAll(async () => {
    udpPort = await freeUdpPort();
    peer = await startSnmpsim({
      udpPort,
      trees: Object.fromEntries(
        Object.entries(trees).map(([name, objects]) => [name, snmprec(objects)]),
      ),
    });
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  it.each([
    ["poe-zyxel", { port: 8 }, { powerGood: 1 }],
    [
      "poe-cisco-small-business",
      { port: 57, profile: "cisco-small-business" },
      { powerGood: 1, powerWatts: 2.1, voltageVolts: 49, currentAmperes: 0.046 },
    ],
    [
      "poe-procurve",
      { port: 2, profile: "procurve" },
      { powerGood: 1, powerWatts: 1.8, voltageVolts: 49.9, currentAmperes: 0.037 },
    ],
    ["poe-procurve", { port: 2, profile: "cisco" }, { powerGood: 1, powerWatts: "NoReading" }],
    [
      "stale",
      { port: 2, profile: "procurve" },
      {
        powerGood: 0,
        powerWatts: "DeviceOff",
        voltageVolts: "DeviceOff",
        currentAmperes: "DeviceOff",
      },
    ],
    [
      "searching",
      { port: 2, profile: "procurve" },
      {
        powerGood: 0,
        powerWatts: "NoReading",
        voltageVolts: "NoReading",
        currentAmperes: "NoReading",
      },
    ],
    [
      "millivolts",
      { port: 1, profile: "netgear" },
      { powerGood: 1, powerWatts: 4.2, voltageVolts: "NoReading", currentAmperes: "NoReading" },
    ],
  ])("reads what %s says with %j", async (tree, options, sample) => {
    const context = driverContext({ secrets: { "/tree": tree } });
    const given = { host, udpPort, community: { file: "/tree" }, ...options };
    await using port = await openDriver(driver, given, context);
    expect(await port.read(never)).toEqual(sample);
  });

  it("asks in one exchange together with the power endpoint of the same port", async () => {
    let asked = 0;
    const answers = createSocket("udp4");
    const relay = createSocket("udp4");
    relay.on("message", (request, from) => {
      asked += 1;
      answers.once("message", (answer) => relay.send(answer, from.port, from.address));
      answers.send(request, udpPort, host);
    });
    relay.bind(0, host);
    await once(relay, "listening");
    try {
      const context = driverContext({ secrets: { "/tree": "poe-procurve" } });
      const options = {
        host,
        udpPort: relay.address().port,
        port: 2,
        profile: "procurve",
        community: { file: "/tree" },
      };
      await using sensor = await openDriver(driver, options, context);
      await using supply = await openDriver(power, options, context);
      const [sample, reading] = await Promise.all([sensor.read(never), supply.read(never)]);
      expect(sample).toMatchObject({ powerGood: 1, powerWatts: 1.8 });
      expect(reading).toMatchObject({ supply: "On", drawWatts: 1.8 });
      expect(asked).toBe(1);
    } finally {
      relay.close();
      answers.close();
    }
  });
});
