import { expect, test } from "vitest";
import type { StreamItem } from "./console-stream.js";
import { FRAME, jsonFrame, numbersFrame, PAYLOAD_AT, readJson } from "./frame.js";
import { decodeItems, encodeItems } from "./items-frame.js";
import { readAnnouncement, readCondition, readHello, readRequest } from "./messages.js";

/**
 * What version 1 looks like on the wire. A test that fails here means that agents and services in the field do not
 * understand each other any more: do not change the sample, change the code, or add a version.
 */
const ITEMS_V1 =
  "0000006a13" +
  "00000005" +
  "01" +
  "00000013" +
  "0000000100000002" +
  "00060a24181e4000" +
  "000aff" +
  "03" +
  "00000010" +
  "0000000100000005" +
  "00060a24181e4001" +
  "02" +
  "00000021" +
  "0000000100000010" +
  "0000000000000007" +
  "01" +
  "00060a24181e4001" +
  "00060a24181e4002" +
  "02" +
  "00000000";

const items: readonly StreamItem[] = [
  {
    kind: "bytes",
    offset: 2 ** 32 + 2,
    atMicros: 0x60a24181e4000,
    bytes: Buffer.from([0, 10, 255]),
  },
  { kind: "break", offset: 2 ** 32 + 5, atMicros: 0x60a24181e4001 },
  {
    kind: "gap",
    offset: 2 ** 32 + 16,
    lost: 7,
    reason: "overrun",
    fromMicros: 0x60a24181e4001,
    toMicros: 0x60a24181e4002,
  },
];

test("items of version 1", () => {
  const sample = Buffer.from(ITEMS_V1.slice(0, -10), "hex");
  sample.writeUInt32BE(sample.length - PAYLOAD_AT, 0);
  expect(encodeItems(5, items).toString("hex")).toBe(sample.toString("hex"));
  expect(decodeItems(sample.subarray(PAYLOAD_AT))).toEqual({ console: 5, items });
});

test("numbers of version 1", () => {
  expect(numbersFrame(FRAME.acknowledge, [4, 5], [8, 2 ** 32 + 1]).toString("hex")).toBe(
    "0000000c23000000050000000100000001",
  );
});

test("a hello of version 1, and of a later agent that says more", () => {
  const text = '{"link":"outrider-console","version":1,"agent":"agent:rack-a","secret":"s"}';
  const frame = Buffer.from(`0000004b01${Buffer.from(text).toString("hex")}`, "hex");
  expect(frame.equals(jsonFrame(FRAME.hello, JSON.parse(text) as object))).toBe(true);
  const { agent, secret } = readHello(readJson(frame.subarray(PAYLOAD_AT)));
  expect({ agent, secret }).toEqual({ agent: "rack-a", secret: "s" });
  const later = { ...(JSON.parse(text) as object), version: 9, colour: "blue" };
  expect(readHello(later as never).version).toBe(9);
});

test("an announcement of version 1, and of a later agent with abilities that are not known", () => {
  const sample = JSON.parse(
    '{"console":1,"endpoint":"n1.console","node":"n1","driver":"serial","stream":"s1","first":0,"next":9,"began":4,' +
      '"condition":{"up":true,"abilities":["break","levitate"],"line":{"baudRate":115200,"dataBits":8,"parity":"none",' +
      '"stopBits":1,"flowControl":"none"},"later":1}}',
  ) as Record<string, unknown>;
  expect(readAnnouncement(sample)).toMatchObject({
    endpoint: "n1.console",
    began: 4,
    condition: { up: true, abilities: ["break"], line: { baudRate: 115_200 } },
  });
  expect(() => readAnnouncement({ ...sample, endpoint: "n2.console" })).toThrow("no console");
  expect(() => readAnnouncement({ ...sample, next: -1 })).toThrow("next");
});

test("a condition of version 1 with a device that was changed and given up", () => {
  const sample = JSON.parse(
    '{"up":false,"detail":"d","abilities":["line"],"device":"/dev/ttyAMA0","line":{"baudRate":9600,"dataBits":7,' +
      '"parity":"even","stopBits":2,"flowControl":"rts-cts"},"declaredLine":{"baudRate":115200,"dataBits":8,' +
      '"parity":"none","stopBits":1,"flowControl":"none"},"closed":{"actor":"person:ada",' +
      '"until":"2026-11-23T08:00:00.000Z","reason":"flashing"}}',
  ) as Record<string, unknown>;
  expect(readCondition(sample)).toMatchObject(sample);
  expect(() => readCondition({ ...sample, closed: { actor: "person:ada", until: "x" } })).toThrow(
    "until",
  );
  const close = { kind: "close", ms: 60_000, actor: "person:ada", reason: "flashing" };
  expect(readRequest(close)).toEqual(close);
  expect(readRequest({ kind: "open" })).toEqual({ kind: "open" });
});

test("a request of a later service is answered and not fatal", () => {
  expect(readRequest({ kind: "break", ms: 250 })).toEqual({ kind: "break", ms: 250 });
  expect(() => readRequest({ kind: "levitate" })).toThrow("too old");
});
