import { systemClock } from "@outrider/contracts/clock";
import { mustSkip } from "@outrider/simulators/peers";
import {
  freeUdpPort,
  lackOfSnmpsim,
  snmprec,
  startSnmpsim,
  type SnmpPeer,
} from "@outrider/simulators/snmp-peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SnmpDevice } from "@outrider/transports/snmp-device";
import { findPoePorts } from "./snmp-topology.js";

const lack = await lackOfSnmpsim();
const skip = mustSkip(
  "Finding the PoE ports of nodes",
  {},
  lack === undefined ? {} : { problem: lack },
);

const text = (words: string): string => Buffer.from(words, "utf8").toString("hex");
const dotted = (mac: string): string =>
  mac
    .split(":")
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
const N1 = "d8:3a:dd:00:00:01";
const N2 = "d8:3a:dd:00:00:02";
const N3 = "d8:3a:dd:00:00:03";
const STRANGER = "d8:3a:dd:00:00:ff";

const POE = "1.3.6.1.2.1.105.1.1.1.6";
const IF_NAME = "1.3.6.1.2.1.31.1.1.1.1";
const BASE = "1.3.6.1.2.1.17.1.4.1.2";
const FDB = "1.3.6.1.2.1.17.4.3.1.2";
const QFDB = "1.3.6.1.2.1.17.7.1.2.2.1.2";
const LLDP = "1.0.8802.1.1.2.1";

const TREES = {
  /** As a Catalyst counts: interfaces from 10101 on, bridge ports from 1, PoE rows by unit and port. */
  catalyst: {
    [`${POE}.1.1`]: 3,
    [`${POE}.1.2`]: 2,
    [`${POE}.1.8`]: 3,
    [`${IF_NAME}.10101`]: text("Gi1/0/1"),
    [`${IF_NAME}.10102`]: text("Gi1/0/2"),
    [`${IF_NAME}.10108`]: text("Gi1/0/8"),
    [`${BASE}.1`]: 10_101,
    [`${BASE}.2`]: 10_102,
    [`${BASE}.8`]: 10_108,
    [`${FDB}.${dotted(N1)}`]: 1,
    [`${FDB}.${dotted(N2)}`]: 2,
    // Behind port 8 is another switch.
    ...Object.fromEntries([3, 4, 5, 6].map((n) => [`${FDB}.${dotted(`d8:3a:dd:00:00:0${n}`)}`, 8])),
  },
  /** As a Catalyst 2960CX-8PC-L says which interface is which bridge port; addresses by VLAN, neighbours by LLDP. */
  lldp: {
    [`${POE}.1.1`]: 3,
    [`${POE}.1.2`]: 3,
    [`${IF_NAME}.10101`]: text("Gi0/1"),
    [`${IF_NAME}.10102`]: text("Gi0/2"),
    [`${BASE}.1`]: 10_101,
    [`${BASE}.2`]: 10_102,
    [`${LLDP}.3.7.1.3.1`]: text("Gi0/1"),
    [`${LLDP}.3.7.1.3.2`]: text("Gi0/2"),
    // N1 agrees, N2 has just been moved from port 1 to port 2.
    [`${QFDB}.103.${dotted(N1)}`]: 1,
    [`${QFDB}.104.${dotted(N2)}`]: 1,
    [`${LLDP}.4.1.1.5.0.1.7`]: N1.replaceAll(":", ""),
    [`${LLDP}.4.1.1.7.900.2.9`]: N2.replaceAll(":", ""),
    [`${LLDP}.4.1.1.5.900.2.9`]: text("a chassis of another kind"),
  },
  /** Interface indices and PoE rows are shifted: two ways of counting give two rows. */
  shifted: {
    [`${POE}.1.1`]: 3,
    [`${POE}.1.2`]: 3,
    [`${IF_NAME}.1`]: text("cpu"),
    [`${IF_NAME}.2`]: text("port1"),
    [`${BASE}.1`]: 2,
    [`${FDB}.${dotted(N1)}`]: 1,
  },
  /** No PoE at all. */
  plain: { [`${IF_NAME}.1`]: text("eth0") },
} as const satisfies Record<string, Record<string, number | string>>;

describe.skipIf(skip)("which PoE port a machine is on", { timeout: 60_000 }, () => {
  let udpPort: number;
  let peer: SnmpPeer;
  beforeAll(async () => {
    udpPort = await freeUdpPort();
    peer = await startSnmpsim({
      udpPort,
      trees: Object.fromEntries(
        Object.entries<Record<string, number | string>>(TREES).map(([name, objects]) => [
          name,
          snmprec(objects),
        ]),
      ),
    });
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  const find = async (
    community: keyof typeof TREES,
    macs: readonly string[],
    version: "1" | "2c",
  ) => {
    using device = new SnmpDevice({
      address: { host: "127.0.0.1", udpPort },
      credentials: { version, community },
      name: "The switch",
      clock: systemClock,
    });
    return findPoePorts(device, macs, AbortSignal.timeout(20_000));
  };

  it.each(["1", "2c"] as const)(
    "is seen in the table of addresses, with version %s",
    async (version) => {
      const { proposals, unseen } = await find(
        "catalyst",
        [N1, N2.toUpperCase(), N3, STRANGER],
        version,
      );
      expect(unseen).toEqual([STRANGER]);
      expect(proposals).toMatchObject([
        { mac: N1, group: 1, port: 1, interfaceName: "Gi1/0/1", confidence: "high" },
        { mac: N2.toUpperCase(), group: 1, port: 2, confidence: "low" },
        { mac: N3, group: 1, port: 8, confidence: "low" },
      ]);
      expect(proposals[0]?.why).toBe(
        "Its address was learned on Gi1/0/1, which is PoE port 1.1 by the interface's name and the bridge port.",
      );
      expect(proposals[1]?.why).toContain("gives no power now");
      expect(proposals[2]?.why).toContain("4 machines were seen there, as on the way to another");
    },
  );

  it("is told by LLDP, which knows sooner that a cable was moved", async () => {
    const { proposals } = await find("lldp", [N1, N2], "2c");
    expect(proposals).toMatchObject([
      { mac: N1, port: 1, confidence: "high" },
      { mac: N2, port: 2, confidence: "low" },
    ]);
    expect(proposals[0]?.why).toContain("learned on Gi0/1 and LLDP names it on Gi0/1");
    expect(proposals[1]?.why).toContain("the address table names another port");
  });

  it("is doubtful where ways of counting disagree", async () => {
    const { proposals } = await find("shifted", [N1], "2c");
    expect(proposals).toMatchObject([{ port: 1, confidence: "medium" }]);
    expect(proposals[0]?.why).toContain("try it by a power cycle");
  });

  it("cannot be said by a switch without PoE", async () => {
    await expect(find("plain", [N1], "2c")).rejects.toMatchObject({ code: "unsupported" });
  });
});
