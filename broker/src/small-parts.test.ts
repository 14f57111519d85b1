import { describe, expect, it } from "vitest";
import { ConnectionRate } from "./connection-rate.js";
import { claimOf } from "@outrider/identity/names";
import { jsonLog } from "./json-log.js";
import { passableProperties } from "./publish-properties.js";
import { Refusals } from "./refusals.js";
import { recordingLog } from "./testing/support.js";

describe("a user name", () => {
  it.each([
    ["alice", "person", "alice"],
    ["person:alice", "person", "alice"],
    ["a.b_c@d-e", "person", "a.b_c@d-e"],
    ["service:power", "service", "power"],
    ["agent:rack-a", "agent", "rack-a"],
  ])("%s is a %s", (text, kind, name) => {
    expect(claimOf(text)).toEqual({ kind, name });
  });

  it.each([
    "",
    ":",
    "person:",
    "anonymous",
    "person:anonymous",
    "service:nonsense",
    "agent:Rack",
    "agent:",
    "robot:x",
    "a:b:c",
    "person:a/b",
    "a b",
    "agent:rack-a\n",
    "x".repeat(65),
    "alice\u202e",
  ])("%j is none", (text) => {
    expect(claimOf(text)).toBeUndefined();
  });
});

describe("a connection rate", () => {
  it("allows a burst and then so many a second", () => {
    let nowMs = 0;
    const rate = new ConnectionRate(10, { monotonicMs: () => nowMs });
    const taken = (): number =>
      Array.from({ length: 100 }, () => rate.take()).filter(Boolean).length;
    expect(taken()).toBe(50);
    nowMs += 1000;
    expect(taken()).toBe(10);
    nowMs += 1_000_000;
    expect(taken()).toBe(50);
  });
});

describe("refusals", () => {
  it("are counted always, and said once a minute for each name, address and reason", () => {
    let nowMs = 0;
    const log = recordingLog();
    const refusals = new Refusals(log, { monotonicMs: () => nowMs });
    const note = (name: string, reason = "wrong"): void =>
      refusals.note("connect", reason, { name, address: "10.0.0.1" }, {});
    for (let i = 0; i < 3; i++) note("alice");
    note("bob");
    note("alice", "other");
    nowMs += 60_000;
    note("alice");
    expect(refusals.counts.connect).toEqual({ wrong: 5, other: 1 });
    expect(log.lines.map((one) => [one["name"], one["reason"], one["notLogged"]])).toEqual([
      ["alice", "wrong", undefined],
      ["bob", "wrong", undefined],
      ["alice", "other", undefined],
      ["alice", "wrong", 2],
    ]);
  });

  it("do not remember more names than fit", () => {
    const log = recordingLog();
    const refusals = new Refusals(log, { monotonicMs: () => 0 });
    for (let i = 0; i < 10_000; i++) {
      refusals.note("connect", "wrong", { name: `x${i}`, address: "10.0.0.1" }, {});
    }
    expect(refusals.counts.connect).toEqual({ wrong: 10_000 });
  });
});

describe("properties of a message", () => {
  it("are passed on as they are where they belong into a PUBLISH", () => {
    const given = {
      contentType: "x",
      correlationData: Buffer.from("y"),
      messageExpiryInterval: 3,
      payloadFormatIndicator: true,
      responseTopic: "a",
      userProperties: {},
    };
    expect(passableProperties(given)).toBe(given);
  });

  it("end at the broker where they are for it", () => {
    expect(passableProperties({ willDelayInterval: 1, contentType: "x" })).toEqual({
      contentType: "x",
    });
    expect(passableProperties({ topicAlias: undefined })).toEqual({});
  });

  const harmful: object[] = [
    { contentType: ["a", "b"] },
    { payloadFormatIndicator: [true, true] },
    { subscriptionIdentifier: 1 },
    { sessionExpiryInterval: 1 },
    { toString: "x" },
    { userProperties: [] },
  ];
  it.each(harmful.map((one) => [one]))("make the message refused: %j", (given) => {
    expect(passableProperties(given)).toBeUndefined();
  });
});

describe("the log", () => {
  it("is one line for each event, whatever the fields hold, and its own words stand", () => {
    const written: string[] = [];
    const log = jsonLog("broker", "info", (line) => written.push(line));
    log.debug({}, "too quiet");
    log.warn({ name: "a\nb\u001b[31m", level: "forged", msg: "forged" }, "said");
    expect(written).toHaveLength(1);
    expect(written[0]?.indexOf("\n")).toBe((written[0]?.length ?? 0) - 1);
    expect(written[0]).not.toContain("\u001b");
    expect(JSON.parse(written[0] ?? "")).toMatchObject({
      level: "warn",
      program: "broker",
      msg: "said",
    });
  });
});
