import { openDriver } from "@outrider/ports/driver";
import type { PowerPort } from "@outrider/ports/power-port";
import { mustSkip } from "@outrider/simulators/peers";
import {
  freeUdpPort,
  lackOfSnmpsim,
  snmprec,
  SNMPD_PEERS,
  startSnmpd,
  startSnmpsim,
  type SnmpPeer,
} from "@outrider/simulators/snmp-peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { failure, forever } from "../testing/power-rig.js";
import { RECORDED_TREES, type RecordedTree } from "../testing/recorded-trees.js";
import { AUTH_KEY, COMMUNITY, PRIV_KEY, READ_ONLY, SECRETS } from "../testing/switch-rig.js";
import { driver as pdu } from "./snmp-pdu.js";
import { driver as poe } from "./snmp-poe.js";

const host = "127.0.0.1";
const lack = await lackOfSnmpsim();
const withoutSnmpsim = mustSkip(
  "PoE and PDU trees that were recorded",
  {},
  lack === undefined ? {} : { problem: lack },
);

/** What is set to be read back from the object that was written: recorded trees do not switch anything. */
describe.skipIf(withoutSnmpsim)("recorded trees, served by snmpsim", { timeout: 60_000 }, () => {
  let udpPort: number;
  let peer: SnmpPeer;
  beforeAll(async () => {
    udpPort = await freeUdpPort();
    const trees = Object.entries(RECORDED_TREES as Readonly<Record<string, RecordedTree>>);
    peer = await startSnmpsim({
      udpPort,
      trees: Object.fromEntries(
        trees.map(([name, { objects, writable }]) => [name, snmprec(objects, writable)]),
      ),
    });
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  const context = (tree: string) => driverContext({ secrets: { "/tree": tree } });
  const community = { file: "/tree" };
  const openPdu = (tree: keyof typeof RECORDED_TREES, options: object): Promise<PowerPort> =>
    openDriver(pdu, { host, udpPort, community, profile: tree, ...options }, context(tree));
  /** Reads an object by the net of somebody else's SNMP. */
  const written = async (tree: string, controlOid: string): Promise<number | undefined> => {
    const own = { stateOid: controlOid, stateOn: 1, stateOff: 2, controlOid, on: 1, off: 2 };
    await using port = await openDriver(
      pdu,
      { host, udpPort, community, outlet: 1, own },
      context(tree),
    );
    const { supply, problem } = await port.read(forever);
    if (supply === "On") return 1;
    return supply === "Off" ? 2 : Number(/reads (-?\d+)/.exec(problem ?? "")?.[1]);
  };

  it(`PoE: ${RECORDED_TREES["poe-zyxel"].source}`, async () => {
    const options = { host, udpPort, community, port: 8 };
    await using port = await openDriver(poe, options, context("poe-zyxel"));
    expect(await port.read(forever)).toMatchObject({ supply: "On", supplyEvidence: "ReadBack" });
    await port.setSupply(false, forever);
    // The recorded port goes on delivering, whatever it is told: a device that says yes and does nothing.
    const { supply, problem } = await port.read(forever);
    expect(supply).toBe("On");
    expect(problem).toContain("was switched off and still gives power");
    await port.setSupply(true, forever);
    expect((await port.read(forever)).problem).toBeUndefined();
    await using absent = await openDriver(poe, { ...options, port: 7 }, context("poe-zyxel"));
    expect(await failure(absent.read(forever))).toMatchObject({ code: "invalid-options" });
  });

  it(`APC: ${RECORDED_TREES["apc-rpdu"].source}`, async () => {
    await using port = await openPdu("apc-rpdu", { outlet: 1, version: "1" });
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    await port.setSupply(false, forever);
    expect(await written("apc-rpdu", "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.1")).toBe(2);
    // The status is another object than the command, and is the one that is believed.
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
  });

  it(`Raritan: ${RECORDED_TREES.raritan.source}`, async () => {
    await using port = await openPdu("raritan", { outlet: 4 });
    expect(await port.read(forever)).toMatchObject({ supply: "Off", supplyEvidence: "ReadBack" });
    await port.setSupply(true, forever);
    expect(await written("raritan", "1.3.6.1.4.1.13742.6.4.1.2.1.2.1.4")).toBe(1);
  });

  it(`Eaton: ${RECORDED_TREES.eaton.source}`, async () => {
    await using port = await openPdu("eaton", { outlet: 2 });
    expect(await port.read(forever)).toMatchObject({ supply: "On", drawWatts: 177 });
    await port.setSupply(false, forever);
    expect(await written("eaton", "1.3.6.1.4.1.534.6.6.7.6.6.1.3.0.2")).toBe(0);
  });

  it(`Sentry4: ${RECORDED_TREES.sentry4.source}`, async () => {
    await using port = await openPdu("sentry4", { outlet: 1 });
    expect(await port.read(forever)).toMatchObject({ supply: "On", drawWatts: 0 });
    await port.setSupply(false, forever);
    expect(await written("sentry4", "1.3.6.1.4.1.1718.4.1.8.5.1.2.1.1.1")).toBe(2);
    await using second = await openPdu("sentry4", { outlet: 1, unit: 2 });
    expect(await second.read(forever)).toMatchObject({ supply: "On" });
  });
});

const ADMIN = "1.3.6.1.2.1.105.1.1.1.3.1.1";
const withoutSnmpd = mustSkip("SNMP against net-snmp's own agent", SNMPD_PEERS);

describe.skipIf(withoutSnmpd)("snmpd with a PoE port", { timeout: 60_000 }, () => {
  let udpPort: number;
  let peer: SnmpPeer;
  const config = [
    `rwcommunity ${COMMUNITY}`,
    `rocommunity ${READ_ONLY}`,
    `createUser outrider SHA-256 "${AUTH_KEY}" AES "${PRIV_KEY}"`,
    `createUser older SHA "${AUTH_KEY}" AES "${PRIV_KEY}"`,
    `createUser open SHA-512 "${AUTH_KEY}"`,
    "rwuser outrider priv",
    "rwuser older priv",
    "rouser open auth",
    `override -rw .${ADMIN} integer 1`,
    "override .1.3.6.1.2.1.105.1.1.1.6.1.1 integer 3",
    "override .1.3.6.1.2.1.105.1.1.1.10.1.1 integer 4",
  ];
  const start = async (): Promise<void> => {
    peer = await startSnmpd(udpPort, config);
  };
  beforeAll(async () => {
    udpPort = await freeUdpPort();
    await start();
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  const keys = {
    authKey: { file: "/etc/outrider/secrets/auth" },
    privKey: { file: "/etc/outrider/secrets/priv" },
  };
  const writer = { community: { file: "/etc/outrider/secrets/community" } };
  const open = (options: object) =>
    openDriver(poe, { host, udpPort, port: 1, ...options }, driverContext({ secrets: SECRETS }));

  it.each([
    ["version 1", { version: "1", ...writer }],
    ["version 2c", writer],
    ["version 3, SHA-256 and AES", { version: "3", user: "outrider", ...keys }],
    ["version 3, SHA and AES", { version: "3", user: "older", authProtocol: "sha", ...keys }],
  ])("is switched and read back with %s", async (_, options) => {
    await using port = await open(options);
    await port.setSupply(false, forever);
    const { supply, problem } = await port.read(forever);
    expect(supply).toBe("On");
    expect(problem).toContain("was switched off and still gives power");
    await port.setSupply(true, forever);
    expect((await port.read(forever)).problem).toBeUndefined();
  });

  it.each([
    [
      "version 1, read-only",
      { version: "1", community: { file: "/etc/outrider/secrets/read-only" } },
    ],
    ["version 2c, read-only", { community: { file: "/etc/outrider/secrets/read-only" } }],
    [
      "version 3, a user who may only read",
      { version: "3", user: "open", authProtocol: "sha512", authKey: keys.authKey },
    ],
  ])("refuses to be switched with %s, and is read", async (_, options) => {
    await using port = await open(options);
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    const error = await failure(port.setSupply(false, forever));
    expect(error).toMatchObject({ code: "refused" });
    expect(error.message).toContain("write access");
  });

  it.each([
    ["another password", { user: "outrider", authKey: keys.privKey }, "Wrong Digest"],
    ["another protocol", { user: "outrider", authProtocol: "sha512" }, "Wrong Digest"],
    ["an unknown user", { user: "nobody" }, "Unknown User Name"],
    ["no encryption of a user who needs it", { user: "outrider", privKey: undefined }, "privKey"],
    ["no encryption", { user: "nobody", privKey: undefined }, "Unknown User Name"],
  ])("says what is wrong with %s", async (_, options, words) => {
    const { privKey, ...rest } = { version: "3", ...keys, ...options };
    await using port = await open(privKey === undefined ? rest : { ...rest, privKey });
    const error = await failure(port.read(forever));
    expect(error).toMatchObject({ code: "refused" });
    expect(error.message).toContain(words);
    for (const secret of [AUTH_KEY, PRIV_KEY]) expect(error.message).not.toContain(secret);
  });

  it("is read again after the agent was restarted and has another engine time", async () => {
    await using port = await open({ version: "3", user: "outrider", ...keys });
    await port.setSupply(true, forever);
    await peer[Symbol.asyncDispose]();
    expect(await failure(port.read(forever))).toMatchObject({ code: "unreachable" });
    await start();
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    await port.setSupply(true, forever);
  });
});
