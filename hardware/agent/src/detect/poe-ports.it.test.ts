import { check } from "@outrider/contracts/codec";
import { systemClock } from "@outrider/contracts/clock";
import type { DetectSwitch } from "@outrider/contracts/agent-request";
import { nodeId } from "@outrider/contracts/ids";
import { loadDriver } from "@outrider/drivers/registry";
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
const LEARNT = MAC.split(":")
  .map((byte) => Number.parseInt(byte, 16))
  .join(".");

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
    ]);
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  const detect = (login: Omit<DetectSwitch, "host">) =>
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
        nodes: [{ node: nodeId("n1"), macs: [MAC] }],
      },
      root: "/nonexistent",
    });
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
    ["nothing, which is the community public", {}, {}],
    ["version 1", { version: "1" as const }, { version: "1" }],
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
      const { options: type } = await loadDriver("power", "snmp-poe");
      expect(check(type, proposal?.options, true)).toMatchObject({ ok: true });
    },
  );

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
