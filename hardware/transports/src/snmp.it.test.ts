import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { systemClock } from "@outrider/contracts/clock";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { seconds } from "@outrider/ports/time";
import { mustSkip } from "@outrider/simulators/peers";
import {
  freeUdpPort,
  SNMPD_PEERS,
  startSnmpd,
  type SnmpPeer,
} from "@outrider/simulators/snmp-peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SnmpDevice } from "./snmp-device.js";
import { SnmpSession } from "./snmp-session.js";

const forever = new AbortController().signal;
const COMMUNITY = "canary-of-snmp";
const SYS_NAME = "1.3.6.1.2.1.1.5.0";
const SYSTEM = "1.3.6.1.2.1.1";

const failure = (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
  promise.then(
    () => expect.unreachable("it succeeded"),
    (error: unknown) => error as Error,
  );

/** A device that does with each datagram what a test says. */
async function device(
  onDatagram: (answer: (bytes: Buffer) => void, asked: Buffer, nth: number) => void,
) {
  const socket = createSocket("udp4");
  let datagrams = 0;
  const heard = new Set<() => void>();
  socket.on("message", (asked: Buffer, { port, address }: RemoteInfo) => {
    datagrams++;
    onDatagram((bytes) => socket.send(bytes, port, address), asked, datagrams);
    for (const look of heard) look();
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    udpPort: socket.address().port,
    datagrams: () => datagrams,
    /** Resolves once there have been so many. */
    hears: (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (datagrams < count) return;
          heard.delete(look);
          resolve();
        };
        heard.add(look);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}

function session(udpPort: number, clock = new ManualClock(), version: "1" | "2c" = "2c") {
  return new SnmpSession({
    address: { host: "127.0.0.1", udpPort },
    credentials: { version, community: COMMUNITY },
    name: "The switch",
    clock,
  });
}

/** The answer to a question of version 2c for one object, made of the question itself: its PDU becomes a response. */
function echoed(asked: Buffer, change: (answer: Buffer) => void = () => {}): Buffer {
  const answer = Buffer.from(asked);
  // SEQUENCE, INTEGER version, OCTET STRING community, then the PDU's tag: GetResponse is 0xa2.
  answer[7 + COMMUNITY.length] = 0xa2;
  change(answer);
  return answer;
}

/** Answers any question of version 1 with one and the same object, an empty sysName. */
function alwaysSysName(asked: Buffer): Buffer {
  const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
    const inside = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([tag, inside.length]), inside]);
  };
  const zero = Buffer.from([0x02, 0x01, 0x00]);
  const pduAt = 7 + COMMUNITY.length;
  const requestId = asked.subarray(pduAt + 2, pduAt + 4 + (asked[pduAt + 3] ?? 0));
  const sysName = tlv(0x06, Buffer.from([0x2b, 6, 1, 2, 1, 1, 5, 0]));
  const varbinds = tlv(0x30, tlv(0x30, sysName, tlv(0x04)));
  return tlv(
    0x30,
    zero,
    tlv(0x04, Buffer.from(COMMUNITY)),
    tlv(0xa2, requestId, zero, zero, varbinds),
  );
}

describe("SNMP with a device that does not behave", () => {
  it.each<readonly [string, (asked: Buffer) => Buffer | undefined]>([
    ["nothing", () => undefined],
    ["an empty datagram", () => Buffer.alloc(0)],
    ["something else", () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["half a frame", (asked) => echoed(asked).subarray(0, 20)],
    [
      "an answer to another question",
      (asked) =>
        echoed(asked, (answer) => {
          // The request's number.
          answer[12 + COMMUNITY.length] = (answer[12 + COMMUNITY.length] ?? 0) ^ 0x55;
        }),
    ],
  ])("that sends %s is timed out at the deadline", async (_, say) => {
    const clock = new ManualClock();
    await using peer = await device((answer, asked) => {
      const said = say(asked);
      if (said) answer(said);
    });
    using snmp = session(peer.udpPort, clock);
    const reading = failure(snmp.get([SYS_NAME], seconds(5), forever));
    await peer.hears(1);
    clock.advance(1500);
    await peer.hears(2);
    clock.advance(3500);
    const error = await reading;
    expect(error).toMatchObject({ name: "PortError", code: "timed-out" });
    expect(error.message).toContain("community");
    expect(error.message).not.toContain(COMMUNITY);
    expect(clock.sleeping).toBe(0);
  });

  it.each<readonly [string, (answer: Buffer, from: number) => void]>([
    // The last number of the object.
    ["for another object", (answer) => void answer.writeUInt8(9, answer.length - 3)],
    ["of another community", (answer) => void answer.write("X", 7)],
  ])("that answers %s is not believed", async (_, change) => {
    await using peer = await device((answer, asked) =>
      answer(echoed(asked, (bytes) => change(bytes, 0))),
    );
    using snmp = session(peer.udpPort);
    const error = await failure(snmp.get([SYS_NAME], seconds(5), forever));
    expect(error).toMatchObject({ name: "PortError", code: "protocol" });
    expect(error.message + String(error.stack)).not.toContain(COMMUNITY);
  });

  it("is asked again, and its late answer is taken for what it is: true when it was sent", async () => {
    const clock = new ManualClock();
    const first: { answer?: () => void } = {};
    await using peer = await device((answer, asked, nth) => {
      if (nth === 1) first.answer = () => answer(echoed(asked));
      // The second question is lost, and the first was only slow.
      else first.answer?.();
    });
    using snmp = session(peer.udpPort, clock);
    const reading = snmp.get([SYS_NAME], seconds(5), forever);
    await peer.hears(1);
    clock.advance(1500);
    await expect(reading).resolves.toEqual(new Map([[SYS_NAME, undefined]]));
  });

  it("is written to once, and an answer after the deadline changes nothing", async () => {
    const clock = new ManualClock();
    const late: (() => void)[] = [];
    await using peer = await device((answer, asked) => void late.push(() => answer(echoed(asked))));
    using snmp = session(peer.udpPort, clock);
    const writing = failure(snmp.set([{ oid: SYS_NAME, integer: 1 }], seconds(8), forever));
    await peer.hears(1);
    clock.advance(8000);
    expect(await writing).toMatchObject({ code: "timed-out" });
    expect(peer.datagrams()).toBe(1);
    const reading = failure(snmp.get([SYS_NAME], seconds(1), forever));
    await peer.hears(2);
    late[0]?.();
    clock.advance(1000);
    expect(await reading).toMatchObject({ code: "timed-out" });
  });

  it("is given up at once, and nothing more is sent", async () => {
    const clock = new ManualClock();
    await using peer = await device(() => {});
    using snmp = session(peer.udpPort, clock);
    const caller = new AbortController();
    const reason = new Error("the agent stops");
    const calls = [
      failure(snmp.get([SYS_NAME], seconds(5), caller.signal)),
      failure(snmp.set([{ oid: SYS_NAME, integer: 1 }], seconds(5), caller.signal)),
    ];
    await peer.hears(2);
    caller.abort(reason);
    for (const call of calls) expect(await call).toBe(reason);
    clock.advance(60_000);
    expect(clock.sleeping).toBe(0);
    expect(peer.datagrams()).toBe(2);
  });

  it("that goes round in circles does not keep a walk busy for ever", async () => {
    await using peer = await device((answer, asked) => answer(alwaysSysName(asked)));
    using snmp = session(peer.udpPort, new ManualClock(), "1");
    const error = await failure(snmp.walk(SYSTEM, seconds(5), forever));
    expect(error).toMatchObject({ name: "PortError", code: "protocol" });
    expect(error.message).toContain("circles");
  });

  it("whose name is not known is unreachable, and says so", async () => {
    using snmp = new SnmpSession({
      address: { host: "no-such-switch.invalid", udpPort: 161 },
      credentials: { version: "2c", community: COMMUNITY },
      name: "The switch",
      clock: systemClock,
    });
    const error = await failure(snmp.get([SYS_NAME], seconds(10), forever));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain("no-such-switch.invalid:161");
  });
});

const skip = mustSkip("SNMP sessions with net-snmp's own agent", SNMPD_PEERS);

describe.skipIf(skip)("SNMP with snmpd", { timeout: 60_000 }, () => {
  let udpPort: number;
  let peer: SnmpPeer;
  beforeAll(async () => {
    udpPort = await freeUdpPort();
    const rows = Array.from(
      { length: 200 },
      (_, index) => `override .1.3.6.1.2.1.105.1.1.1.6.1.${index + 1} integer 3`,
    );
    peer = await startSnmpd(udpPort, [`rocommunity ${COMMUNITY}`, ...rows]);
  }, 60_000);
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  it.each(["1", "2c"] as const)(
    "reads more than fits one datagram, and what is not there is undefined, with version %s",
    async (version) => {
      using snmp = session(udpPort, undefined, version);
      const oids = Array.from(
        { length: 203 },
        (_, index) => `1.3.6.1.2.1.105.1.1.1.6.1.${index + 1}`,
      );
      const values = await snmp.get(oids, seconds(5), forever);
      expect(values.size).toBe(203);
      expect([...values.values()].filter((value) => value === 3)).toHaveLength(200);
      expect(values.get("1.3.6.1.2.1.105.1.1.1.6.1.201")).toBeUndefined();
    },
  );

  it.each(["1", "2c"] as const)("walks a table to its end, with version %s", async (version) => {
    using snmp = session(udpPort, undefined, version);
    const table = await snmp.walk("1.3.6.1.2.1.105.1.1.1.6", seconds(10), forever);
    expect(table.size).toBe(200);
    expect((await snmp.walk("1.3.6.1.2.1.105.1.1.1.7", seconds(10), forever)).size).toBe(0);
    const system = await snmp.walk(SYSTEM, seconds(10), forever);
    expect(system.get(SYS_NAME)).toBeInstanceOf(Buffer);
  });

  it("is one session for all who have the same credentials, and closes with the last", async () => {
    const options = {
      address: { host: "127.0.0.1", udpPort },
      credentials: { version: "2c", community: COMMUNITY },
      name: "The switch",
      clock: systemClock,
    } as const;
    const first = new SnmpDevice(options);
    const second = new SnmpDevice(options);
    await Promise.all([first.get([SYS_NAME], forever), second.get([SYS_NAME], forever)]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect((await second.get([SYS_NAME], forever)).get(SYS_NAME)).toBeInstanceOf(Buffer);
    const pending = failure(second.get([SYS_NAME], forever));
    second[Symbol.dispose]();
    expect(await pending).toMatchObject({ code: "unreachable" });
  });
});

describe.skipIf(skip)(
  "SNMPv3 with an snmpd that has lost count of its restarts",
  { timeout: 60_000 },
  () => {
    const ROWS = "1.3.6.1.2.1.105.1.1.1.3.1";
    const AUTH_KEY = "canary-of-authentication";
    const PRIV_KEY = "canary-of-privacy";
    const BOOTS = "1.3.6.1.6.3.10.2.1.2.0";
    const rows = Array.from({ length: 300 }, (_, index) => `${ROWS}.${index + 1}`);
    const config = (boots: number): readonly string[] => [
      `createUser outrider SHA-256 "${AUTH_KEY}" AES "${PRIV_KEY}"`,
      "rwuser outrider priv",
      "exactEngineID 0x80000000010203041505",
      ...(boots === 0 ? [] : ["oldEngineID 0x80000000010203041505", `engineBoots ${boots}`]),
      ...rows.map((oid) => `override -rw .${oid} integer 1`),
    ];

    /** Reads once, so that the device's time is agreed on; then the device is another run of itself. */
    async function restarted() {
      const udpPort = await freeUdpPort();
      const warned: string[] = [];
      const snmp = new SnmpSession({
        address: { host: "127.0.0.1", udpPort },
        credentials: {
          version: "3",
          user: "outrider",
          auth: { protocol: "sha256", key: AUTH_KEY },
          privacy: { protocol: "aes", key: PRIV_KEY },
        },
        name: "The switch",
        clock: systemClock,
        log: { warn: (_, message) => void warned.push(message) },
      });
      const before = await startSnmpd(udpPort, config(7));
      expect((await snmp.get([BOOTS], seconds(10), forever)).get(BOOTS)).toBe(8);
      await before[Symbol.asyncDispose]();
      const peer = await startSnmpd(udpPort, config(0));
      return {
        snmp,
        warned,
        [Symbol.asyncDispose]: async () => {
          snmp[Symbol.dispose]();
          await peer[Symbol.asyncDispose]();
        },
      };
    }

    it("is read on, by all that ask at the same time, and it is said once", async () => {
      await using run = await restarted();
      const [values, table, boots] = await Promise.all([
        run.snmp.get(rows, seconds(10), forever),
        run.snmp.walk(ROWS, seconds(10), forever),
        run.snmp.get([BOOTS], seconds(10), forever),
      ]);
      expect([...values.values()].filter((value) => value === 1)).toHaveLength(rows.length);
      expect(table.size).toBe(rows.length);
      expect(boots.get(BOOTS)).toBe(1);
      await run.snmp.get([BOOTS], seconds(10), forever);
      expect(run.warned).toEqual([expect.stringContaining("gone back in its SNMPv3 time")]);
    });

    it("is written to: what it has reported was not done by the first attempt", async () => {
      await using run = await restarted();
      const [oid = ""] = rows;
      await run.snmp.set([{ oid, integer: 2 }], seconds(10), forever);
      expect((await run.snmp.get([oid], seconds(10), forever)).get(oid)).toBe(2);
      expect(run.warned).toHaveLength(1);
    });

    it("leaves no request behind when it is given up in the middle", async () => {
      await using run = await restarted();
      const caller = new AbortController();
      const reading = failure(run.snmp.walk(ROWS, seconds(10), caller.signal));
      caller.abort(new Error("the agent stops"));
      expect(await reading).toBe(caller.signal.reason);
      expect((await run.snmp.get([BOOTS], seconds(10), forever)).get(BOOTS)).toBe(1);
    });
  },
);
