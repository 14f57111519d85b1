import { describe, expect, it } from "vitest";
import { cookie } from "./admission.js";
import { names, soleTag, tagOf } from "./etag.js";
import { idOfKey, keyOf } from "./idempotency.js";
import { Hosts } from "./origin.js";
import { waitSeconds } from "./prefer.js";
import { ALL_PROBLEMS, HttpProblem, statusOf, type AnyProblemCode } from "./problem.js";
import { COMMAND_ID_PATTERN } from "@outrider/contracts/ids";

describe("problems", () => {
  it("have a status of their kind and advice for each code", () => {
    for (const [code, advice] of Object.entries(ALL_PROBLEMS)) {
      expect(statusOf(code as AnyProblemCode)).toBeGreaterThanOrEqual(400);
      expect(advice).toMatch(/[.?]$|…/);
    }
  });

  it.each([
    ["locked", 423],
    ["fenced", 412],
    ["busy", 409],
    ["agent-away", 503],
    ["timed-out", 504],
    ["not-allowed", 403],
    ["storage-failed", 507],
  ] as const)("%s is %i", (code, status) => expect(statusOf(code)).toBe(status));

  it("of a newer service are an internal error, not a crash", () => {
    expect(statusOf("from-the-future" as AnyProblemCode)).toBe(500);
  });

  it("say when to ask again", () => {
    expect(new HttpProblem("agent-away", "x").headers).toEqual({ "retry-after": "2" });
    expect(new HttpProblem("busy", "x").headers).toEqual({});
  });
});

describe("hosts", () => {
  it("that listen on one address know that, the loopback names and what was declared", () => {
    const hosts = new Hosts("192.0.2.1", ["Outrider.Example"]);
    for (const host of ["192.0.2.1:8080", "localhost", "[::1]:1", "outrider.example."]) {
      expect([host, hosts.knows(host)]).toEqual([host, true]);
    }
    for (const host of [undefined, "", "192.0.2.2", "evil.example", "a b", "localhost:x", "[::1"]) {
      expect([host, hosts.knows(host)]).toEqual([host, false]);
    }
  });

  it("that listen everywhere know every address and no further name", () => {
    const hosts = new Hosts("0.0.0.0", []);
    expect(hosts.knows("198.51.100.7:80")).toBe(true);
    expect(hosts.knows("[2001:db8::1]:80")).toBe(true);
    expect(hosts.knows("evil.example")).toBe(false);
  });
});

describe("headers", () => {
  it.each([
    [undefined, 0],
    ["wait=5", 5],
    ["respond-async, wait=10", 10],
    ["wait=100000", 60],
    ["wait=-1", 0],
    ["await=5", 0],
    ["wait=5x", 0],
  ])("prefer %s waits %i seconds", (header, seconds) => expect(waitSeconds(header)).toBe(seconds));

  it("name entity tags, weak or strong, one of several, or any", () => {
    expect(names('"a", W/"b"', "b")).toBe(true);
    expect(names("*", "b")).toBe(true);
    expect(names('"a"', "b")).toBe(false);
    expect(soleTag('W/"12"')).toBe("12");
    expect(soleTag('"1", "2"')).toBeUndefined();
    expect(tagOf("a", "b")).not.toBe(tagOf("ab"));
  });

  it("have cookies by their whole name", () => {
    expect(cookie("xoutrider-session=1; outrider-session=2", "outrider-session")).toBe("2");
    expect(cookie(undefined, "outrider-session")).toBeUndefined();
  });
});

describe("an idempotency key", () => {
  it("stands for one id of an actor and a purpose, in the form of command ids", () => {
    const id = idOfKey("person:a", "key", "n1");
    expect(id).toMatch(COMMAND_ID_PATTERN);
    expect(idOfKey("person:a", "key", "n1")).toBe(id);
    expect(
      new Set([id, idOfKey("person:b", "key", "n1"), idOfKey("person:a", "key", "n2")]).size,
    ).toBe(3);
  });

  it("that cannot be one is refused", () => {
    expect(() => keyOf({ header: () => "two words" })).toThrow(/printable/);
    expect(keyOf({ header: () => undefined })).toBeUndefined();
  });
});
