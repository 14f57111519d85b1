import { check } from "@outrider/contracts/codec";
import { systemClock } from "@outrider/contracts/clock";
import type { DetectSwitch, NodeAddresses } from "@outrider/contracts/agent-request";
import { nodeId } from "@outrider/contracts/ids";
import { loadDriver } from "@outrider/drivers/registry";
import { openDriver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import {
  freeUdpPort,
  SNMPD_PEERS,
  startSnmpd,
  type SnmpPeer,
} from "@outrider/simulators/snmp-peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SecretStore } from "../secret-store.js";
import { detectWith } from "./detect.js";
import { poePorts } from "./poe-ports.js";

const AUTH_KEY = "canary-auth-key-4d1f";
const PRIV_KEY = "canary-priv-key-77a0";
const COMMUNITY = "canary-community-2e90";
const MAC = "d8:3a:dd:00:00:01";
const AT_FIBRE = "d8:3a:dd:00:00:02";
const AT_UPLINK = "d8:3a:dd:00:00:03";
const YOURS = { file: "/etc/outrider/secrets/poe" };
const indexOf = (mac: string): string =>
  mac
    .split(":")
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
const LEARNT = indexOf(MAC);

const skip = mustSkip("Finding nodes behind a switch with SNMP version 3", SNMPD_PEERS);

describe.skipIf(skip)("a switch that is asked with net-snmp's agent", { timeout: 60_000 }, () => {
  let udpPort: number;
  let peer: SnmpPeer;
  beforeAll(async () => {
    udpPort = await freeUdpPort();
    peer = await startSnmpd(udpPort, [
      `rocommunity ${COMMUNITY}`,
      "rocommunity public",
      `createUser outrider SHA-256 "${AUTH_KEY}" AES "${PRIV_KEY}"`,
      `createUser older SHA "${AUTH_KEY}" AES "${PRIV_KEY}"`,
      "rouser outrider priv",
      "rouser older priv",
      "override .1.3.6.1.2.1.105.1.1.1.6.1.1 integer 3",
      'override .1.3.6.1.2.1.31.1.1.1.1.10101 octet_str "Gi1/0/1"',
      "override .1.3.6.1.2.1.17.1.4.1.2.1 integer 10101",
      `override .1.3.6.1.2.1.17.4.3.1.2.${LEARNT} integer 1`,
      'override .1.3.6.1.2.1.31.1.1.1.1.10149 octet_str "Te1/1/1"',
      "override .1.3.6.1.2.1.17.1.4.1.2.49 integer 10149",
      `override .1.3.6.1.2.1.17.4.3.1.2.${indexOf(AT_FIBRE)} integer 49`,
      'override .1.3.6.1.2.1.31.1.1.1.1.10150 octet_str "uplink"',
      "override .1.3.6.1.2.1.17.1.4.1.2.50 integer 10150",
      `override .1.3.6.1.2.1.17.4.3.1.2.${indexOf(AT_UPLINK)} integer 50`,
    ]);
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  const ONE = [{ node: nodeId("n1"), macs: [MAC] }];
  const detect = (login: Omit<DetectSwitch, "host">, nodes: NodeAddresses[] = ONE) =>
    detectWith([poePorts], {
      clock: systemClock,
      signal: AbortSignal.timeout(30_000),
      secret: new SecretStore(
        [],
        {
          OUTRIDER_SECRET_AUTH: AUTH_KEY,
          OUTRIDER_SECRET_PRIV: PRIV_KEY,
          OUTRIDER_SECRET_COMMUNITY: COMMUNITY,
        },
        [],
      ).resolve,
      asked: {
        switches: [{ host: "127.0.0.1", udpPort, ...login }],
        nodes,
      },
      root: "/nonexistent",
    });
  /** As the agent opens what it is told of: with the files that the proposal names. */
  const opening = {
    clock: systemClock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal: new AbortController().signal,
    secret: async () => "a secret of that file",
    program: async () => expect.unreachable("no program is named"),
  };
  const keys = {
    authKey: { env: "OUTRIDER_SECRET_AUTH" },
    privKey: { env: "OUTRIDER_SECRET_PRIV" },
  };

  it.each([
    [
      "a user of version 3",
      { user: "outrider", ...keys },
      { version: "3", user: "outrider", ...keys },
    ],
    [
      "another protocol",
      { user: "older", authProtocol: "sha" as const, ...keys },
      { version: "3", user: "older", authProtocol: "sha", ...keys },
    ],
    [
      "a community",
      { community: { env: "OUTRIDER_SECRET_COMMUNITY" } },
      { community: { env: "OUTRIDER_SECRET_COMMUNITY" } },
    ],
    ["nothing, which is the community public", {}, { community: YOURS }],
    ["version 1", { version: "1" as const }, { version: "1", community: YOURS }],
  ])(
    "says behind which port a node is, by %s, and proposes just that",
    async (_, login, options) => {
      const found = await detect(login);
      expect(found).toMatchObject({
        proposals: [{ driver: "snmp-poe", node: "n1", confidence: "high" }],
        problems: [],
      });
      const [proposal] = found.proposals;
      expect(proposal?.options).toEqual({ host: "127.0.0.1", udpPort, port: 1, ...options });
      const driver = await loadDriver("power", "snmp-poe");
      expect(check(driver.options, proposal?.options, true)).toMatchObject({ ok: true });
      await using _port = await openDriver(driver, { ...proposal?.options }, opening);
    },
  );

  it("does not take an interface for a PoE port that is numbered alike", async () => {
    const fibre = { node: nodeId("n2"), macs: [AT_FIBRE] };
    const { proposals } = await detect({}, [...ONE, fibre]);
    expect(proposals).toMatchObject([
      { node: "n1", confidence: "high" },
      { node: "n2", confidence: "low" },
    ]);
    expect(proposals[1]?.why).toContain("that PoE port is rather that of Gi1/0/1");
  });

  it("says which nodes it did not find, and where it looked", async () => {
    const others = [3, 4, 5].map((last) => ({
      node: nodeId(`n${last}`),
      macs: [`d8:3a:dd:00:00:0${last}`],
    }));
    const found = await detect({}, [...ONE, ...others]);
    expect(found.proposals).toMatchObject([{ node: "n1" }]);
    expect(found.problems).toEqual([]);
    expect(found.looked?.map(({ what }) => what)).toEqual([
      `The switch at 127.0.0.1:${udpPort} by the community public: 1 PoE ports, 3 addresses in its table, 1 of 4 addresses of nodes on a PoE port`,
      `n3: it was seen on uplink of The switch at 127.0.0.1:${udpPort}, which belongs to no PoE port`,
      expect.stringMatching(/^n4, n5: in no table .* Off or silent for minutes/),
    ]);
    const none = await detect({}, others.slice(1));
    expect(none.proposals).toEqual([]);
    expect(none.looked?.at(-1)?.what).toContain("n4, n5: in no table");
  });

  it.each([
    ["a wrong key", { user: "outrider", authKey: keys.privKey, privKey: keys.privKey }, "authKey"],
    ["a user whom it does not know", { user: "nobody", ...keys }, "Unknown User Name"],
    ["a key without a user", { authKey: keys.authKey }, "only version 3 has one. Ask again."],
    ["a secret that is not there", { user: "u", authKey: { env: "OUTRIDER_SECRET_X" } }, "not set"],
  ])("says what is wrong with %s, and never a secret", async (_, login, why) => {
    const found = await detect(login);
    expect(JSON.stringify(found)).toContain(why);
    expect(found.proposals).toEqual([]);
    for (const secret of [AUTH_KEY, PRIV_KEY, COMMUNITY]) {
      expect(JSON.stringify(found)).not.toContain(secret);
    }
  });
});
