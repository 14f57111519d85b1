import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agentCommand, agentDescription, agentDesired, agentEvent } from "./agent.js";
import { CATALOG } from "./catalog.js";
import { check, compileAll, ContractError, decode, encode, MAX_DEPTH } from "./codec.js";
import type { AnyContract } from "./contract.js";
import { nodeDescription, nodeEvent, type NodeEvent } from "./node.js";
import { ACTIONS, powerSet, powerState, PowerSet } from "./power.js";
import { serviceClock, site } from "./service.js";

const AT = "2026-11-23T01:02:03.456Z";
const EVENT: NodeEvent = { id: "e1", at: AT, severity: "info", kind: "power", message: "on" };

/** The refusal, or what was wrongly accepted. */
function refusalOf(contract: Parameters<typeof decode>[0], bytes: Uint8Array | string): unknown {
  const decoded = decode(contract, bytes);
  return decoded.ok ? { accepted: decoded.value } : decoded.refusal;
}

describe("a bare word", () => {
  it.each(ACTIONS)("%s is the same as its JSON", (action) => {
    for (const text of [
      action,
      ` ${action}\r\n`,
      JSON.stringify({ action }),
      ` {"action":"${action}"}\n`,
    ]) {
      expect(decode(powerSet, text)).toEqual({ ok: true, value: { action } });
      expect(decode(powerSet, Buffer.from(text))).toEqual({ ok: true, value: { action } });
    }
  });

  it.each(["on", "Reboot", "", '"On"', "[]", "null", "__proto__", "constructor", "On\0", "On On"])(
    "%j is answered with the allowed words",
    (text) => {
      expect(refusalOf(powerSet, text)).toEqual({
        field: "action",
        message: `must be one of ${ACTIONS.join(", ")}`,
      });
    },
  );
});

/** A payload of so many bytes, one character fewer. */
const fits = (bytes: number): string => `{"action":"On","reason":"é"}`.padEnd(bytes - 1, " ");

/** An event of so many levels. */
const nested = (depth: number, open: string, inner: string, close: string): string =>
  JSON.stringify({ ...EVENT, message: "[[[[[{{{{{", data: { a: 0 } }).replace(
    '"a":0',
    `"a":${open.repeat(depth - 2)}${inner}${close.repeat(depth - 2)}`,
  );

const withData = (inside: string): string =>
  JSON.stringify({ ...EVENT, data: 0 }).replace("0}", `${inside}}`);

const withNumber = (number: string): string =>
  JSON.stringify({ ...EVENT, data: { n: 0 } }).replace(":0}", `:${number}}`);

describe("what is refused before the schema is asked", () => {
  it("size, by the bytes and not by the characters", () => {
    expect(decode(powerSet, fits(4096)).ok).toBe(true);
    for (const big of [fits(4097), Buffer.from(fits(4097)), "On".padEnd(4097)]) {
      expect(refusalOf(powerSet, big)).toEqual({
        field: "",
        message: "the payload has 4097 bytes; at most 4096 are read",
      });
    }
  });

  it("bytes that are no UTF-8", () => {
    const valid = Buffer.from('{"action":"On","reason":"é"}');
    const cut = Buffer.concat([valid.subarray(0, 26), valid.subarray(27)]);
    const overlong = Buffer.from([0xc0, 0xaf]);
    const surrogate = Buffer.from([0xed, 0xa0, 0x80]);
    for (const bytes of [cut, overlong, surrogate, Buffer.from([0xff, 0xfe]), "\ud800"]) {
      expect(refusalOf(powerSet, bytes)).toEqual({
        field: "",
        message: "the payload is not valid UTF-8",
      });
    }
    expect(decode(powerSet, Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), valid])).ok).toBe(true);
  });

  it("depth, of objects and arrays alike, but not of brackets in text", () => {
    for (const [open, inner, close] of [
      ["[", "", "]"],
      ['{"a":', "1", "}"],
    ] as const) {
      expect(decode(nodeEvent, nested(MAX_DEPTH, open, inner, close)).ok).toBe(true);
      expect(refusalOf(nodeEvent, nested(MAX_DEPTH + 1, open, inner, close))).toEqual({
        field: "",
        message: "the payload is nested deeper than 16 levels",
      });
    }
  });

  it.each([
    "{",
    '{"action"}',
    "{'action':'On'}",
    '{"action":"On"}x',
    '{"action":"On",}',
    '{"action":NaN}',
    '{"action":"On","reason":"\u0000"}',
    '{"action":"On"}\0',
    '{"action":"On","reason":"a\nb"}',
    '{"action":01}',
  ])("%j, which is no JSON", (text) => {
    expect(refusalOf(powerSet, text)).toEqual({
      field: "",
      message: "the payload is not valid JSON",
    });
  });

  it.each([
    '{"action":"On","__proto__":{"escalate":true}}',
    '{"action":"On","\\u005f_proto__":{"escalate":true}}',
    '{"action":"On","constructor":{"prototype":{"escalate":true}}}',
  ])("%s, which reaches for a prototype", (text) => {
    expect(refusalOf(powerSet, text)).toEqual({
      field: "",
      message: "the payload has a forbidden property (__proto__ or constructor)",
    });
    expect(({} as PowerSet).escalate).toBeUndefined();
  });

  it("does not take a text about prototypes for one", () => {
    const text =
      '{"action":"On","reason":"Object contains forbidden prototype property __proto__"}';
    expect(decode(powerSet, text).ok).toBe(true);
    expect(refusalOf(powerSet, `${text}forbidden`)).toMatchObject({
      message: "the payload is not valid JSON",
    });
  });

  it.each([
    '{"action":"On","action":"ForceOff"}',
    '{"action":"On","\\u0061ction":"ForceOff"}',
    '{"action":"On","action":"On"}',
  ])("%s, where readers would differ on the action", (text) => {
    expect(refusalOf(powerSet, text)).toEqual({
      field: "",
      message: "the payload names a property twice",
    });
  });

  it("finds the second name at any depth, and only there", () => {
    expect(decode(nodeEvent, withData('{"a":{"b":":","c":[{"b":1},{"b":2}]}}')).ok).toBe(true);
    expect(refusalOf(nodeEvent, withData('{"a":[{"b":1,"c":":","b":2}]}'))).toMatchObject({
      message: "the payload names a property twice",
    });
  });

  it("numbers that no double holds, where no schema looks", () => {
    expect(decode(nodeEvent, withNumber("1e308")).ok).toBe(true);
    for (const number of ["1e400", "-1e400"]) {
      expect(refusalOf(nodeEvent, withNumber(number))).toEqual({
        field: "",
        message: "the payload has a number beyond ±1.8e308",
      });
    }
    expect(decode(serviceClock, '{"id":"c","ms":1e400}').ok).toBe(false);
  });

  it.each(["\\ud800", "\\udc00x", "x\\ud83d", "\\u0000"])(
    "text that no database keeps: %s, as value and as name",
    (escape) => {
      const refusal = {
        field: "",
        message: "the payload has text with a NUL or with half a character (a lone surrogate)",
      };
      expect(refusalOf(powerSet, `{"action":"On","reason":"${escape}"}`)).toEqual(refusal);
      const event = JSON.stringify({ ...EVENT, data: { x: 1 } }).replace('"x"', `"${escape}"`);
      expect(refusalOf(nodeEvent, event)).toEqual(refusal);
    },
  );
});

describe("what the schema refuses names the field", () => {
  const command = {
    v: 1,
    id: "c1",
    node: "n1",
    endpoint: "n1.power",
    action: "On",
    actor: "person:ada",
    via: "mqtt",
    issuedAt: AT,
    clock: { id: "k", ms: 1 },
    ttlMs: 1000,
    epoch: "e",
  };

  it.each<[object, string, string | RegExp]>([
    [{ ttlMs: 99 }, "ttlMs", "must be >= 100"],
    [{ ttlMs: 1.5 }, "ttlMs", "must be integer"],
    [{ ttlMs: "1000" }, "ttlMs", "must be integer"],
    [{ clock: { id: "k" } }, "clock.ms", "is missing"],
    [{ clock: null }, "clock", "must be object"],
    [{ clock: { id: "k", ms: -1 } }, "clock.ms", "must be >= 0"],
    [{ reason: null }, "reason", "must be string"],
    [{ reason: "x".repeat(501) }, "reason", "must NOT have more than 500 characters"],
    [{ action: "Off" }, "action", /^must be one of On, ForceOff/],
    [{ node: "N1" }, "node", /^must match \^/],
    [{ issuedAt: "2026-11-23" }, "issuedAt", /^must match/],
    [{ escalate: true }, "escalate", "is not a known property"],
    [{ expect: { supply: "On", host: "Running" } }, "expect.host", "is not a known property"],
    [{ "rm -rf": 1 }, "?", "is not a known property"],
    [{ ["x".repeat(41)]: 1 }, "?", "is not a known property"],
  ])("%j", (change, field, message) => {
    const refusal = refusalOf(agentCommand, JSON.stringify({ ...command, ...change }));
    expect(refusal).toEqual({
      field,
      message: expect.stringMatching(message),
    });
  });

  it("inside lists and maps", () => {
    const description = {
      id: "n1",
      name: "N1",
      roles: ["a", "B"],
      labels: { "a/b": 1 },
      supportedActions: [],
      gracefulLimitMs: 1000,
      interfaces: { power: [{ agent: "a", endpoint: "n1.power" }] },
    };
    const fields = [
      description,
      { ...description, roles: [] },
      { ...description, roles: [], labels: {} },
    ].map((one) => refusalOf(nodeDescription, JSON.stringify(one)));
    expect(fields).toEqual([
      { field: "roles.1", message: expect.stringMatching("must match") },
      { field: "labels.a/b", message: "must be string" },
      { field: "interfaces.power.0.driver", message: "is missing" },
    ]);
  });

  it("where exactly one of several is wanted", () => {
    const event = { v: 1, epoch: "e", at: AT };
    const incident = { endpoint: "n1.power", kind: "restored", detail: "x" };
    const refusal = {
      field: "",
      message: "must have exactly one of command, incident, observations",
    };
    expect(refusalOf(agentEvent, JSON.stringify(event))).toEqual(refusal);
    expect(refusalOf(agentEvent, JSON.stringify({ ...event, incident, observations: [] }))).toEqual(
      refusal,
    );
    expect(decode(agentEvent, JSON.stringify({ ...event, incident })).ok).toBe(true);
  });

  it.each(["", "null", "1", "[]", '"x"', "true"])("%j is no object", (text) => {
    expect(decode(powerState, text).ok).toBe(false);
  });
});

describe("a refusal never repeats input", () => {
  /** Of letters that none of our words puts side by side. */
  const secret = fc.string({
    unit: fc.constantFrom("Q", "Z", "ж", "¤", "\u202e", "\u001b", '"', "\n"),
    minLength: 4,
    maxLength: 80,
  });
  const somewhere = fc.constantFrom<(value: string) => string>(
    (value) => value,
    (value) => `{${value}`,
    (value) => `{"action":${JSON.stringify(value)}}`,
    (value) => `{"action":"On","reason":[${JSON.stringify(value)}]}`,
    (value) => `{"action":"On","id":${JSON.stringify(value)}}`,
    (value) => `{"action":"On","reason":${JSON.stringify(value)}`,
    (value) => `{"action":"On",${JSON.stringify(`${value} `)}:1}`,
    (value) => `{"action":"On","ttlMs":${JSON.stringify(value)}}`,
    (value) => `{"action":"On","via":{"__proto__":${JSON.stringify(value)}}}`,
    (value) => `{"${value}":"On"${value}}`,
  );

  it("not four characters of it", () => {
    fc.assert(
      fc.property(secret, somewhere, fc.constantFrom(...CATALOG), (value, place, contract) => {
        const decoded = decode(contract, place(value));
        expect(decoded.ok).toBe(false);
        if (decoded.ok) return;
        const said = `${decoded.refusal.field}\n${decoded.refusal.message}`;
        for (let at = 0; at + 4 <= value.length; at++) {
          expect(said).not.toContain(value.slice(at, at + 4));
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("nor more than a line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 4000 }), somewhere, (value, place) => {
        const decoded = decode(powerSet, place(value));
        if (decoded.ok) return;
        expect(decoded.refusal.field.length).toBeLessThanOrEqual(60);
        expect(decoded.refusal.message.length).toBeLessThanOrEqual(200);
        expect(decoded.refusal.field + decoded.refusal.message).toMatch(/^[\x20-\x7e±]*$/);
      }),
    );
  });
});

/** Least time of several tries, as only interference can add to it. */
function leastMs(run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 9; i++) {
    const from = performance.now();
    run();
    least = Math.min(least, performance.now() - from);
  }
  return least;
}

/** How many times the work of `few` it takes to do `many`; less than 20 µs counts as that, no clock resolves it. */
function ratio(many: () => void, few: () => void): number {
  const tries = Array.from({ length: 3 }, () => leastMs(many) / Math.max(leastMs(few), 0.02));
  return Math.min(...tries);
}

const decoding = (contract: AnyContract, bytes: Buffer) => (): void => {
  decode(contract, bytes);
};

describe("decode never throws, and costs no more than the size (P19)", () => {
  it("on any bytes, for any contract", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CATALOG),
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (contract, bytes) => {
          expect(typeof decode(contract, bytes).ok).toBe("boolean");
        },
      ),
      { numRuns: 2000 },
    );
  });

  const HOSTILE: Readonly<Record<string, (size: number) => string>> = {
    "nested arrays": (size) => "[".repeat(size),
    "nested objects": (size) => '{"a":'.repeat(size / 5),
    "one long string": (size) => `{"id":"${"a".repeat(size)}"}`,
    "one long id, almost right": (size) =>
      `{"id":"n1","name":"x","roles":["${"a-".repeat(size / 2)}"]}`,
    "quotes and backslashes": (size) => `{"id":"${'\\"'.repeat(size / 2)}`,
    "one long number": (size) => `{"id":${"9".repeat(size)}}`,
    "white space": (size) => `{"id":${" ".repeat(size)}1}`,
    "white space behind a suspect name": (size) => `{"__proto__"${" ".repeat(size)}:1`,
    "suspect names": (size) =>
      `{"a":[${Array(Math.floor(size / 12))
        .fill('"__proto__"')
        .join()}]}`,
    "many properties": (size) =>
      `{${Array.from({ length: size / 10 }, (_, i) => `"p${i}":1`).join()}}`,
    "one property many times": (size) =>
      `{${Array(Math.floor(size / 8))
        .fill('"aa":1')
        .join()}}`,
    "many elements": (size) => `{"id":"n1","name":"x","roles":[${"0,".repeat(size / 2)}0]}`,
    escapes: (size) => `{"name":"${"\\ud800".repeat(size / 6)}"}`,
    labels: (size) =>
      `{"id":"n1","name":"x","roles":[],"labels":{${Array.from({ length: size / 10 }, (_, i) => `"p${i}":""`).join()}}}`,
  };

  // Quadratic work would cost 256 times as much. V8 alone takes 40 times for objects of thousands of properties.
  it.each(Object.entries(HOSTILE))(
    "%s: sixteen times the bytes is no 128 times the work",
    (_, make) => {
      const small = Buffer.from(make(4000)).subarray(0, 4096);
      const large = Buffer.from(make(64_000)).subarray(0, 65_536);
      const contracts: readonly AnyContract[] = [nodeDescription, agentDesired];
      for (const contract of contracts) {
        expect(decode(contract, large).ok).toBe(false);
        expect(ratio(decoding(contract, large), decoding(contract, small))).toBeLessThan(128);
      }
    },
  );

  it("does not look at what is larger than the contract allows", () => {
    const large = Buffer.from('"a'.repeat(2_097_152));
    const allowed = large.subarray(0, nodeDescription.maxBytes);
    expect(
      ratio(decoding(nodeDescription, large), decoding(nodeDescription, allowed)),
    ).toBeLessThan(4);
  });
});

describe("closed and open", () => {
  it("a report may say more to its readers than they know, an ask may not", () => {
    const set = { action: "On", later: 1 };
    expect(decode(powerSet, JSON.stringify(set)).ok).toBe(false);
    const event = { ...EVENT, later: { deeper: [1] } };
    expect(decode(nodeEvent, JSON.stringify(event))).toEqual({ ok: true, value: event });
    expect(() => encode(nodeEvent, event)).toThrow(ContractError);
  });

  it("inside too, but a map stays a map", () => {
    const description = {
      epoch: "e",
      generation: 1,
      endpoints: [
        {
          endpoint: "n1.power",
          node: "n1",
          port: "power",
          driver: "qemu",
          state: "bound",
          actions: [],
          later: 1,
        },
      ],
      drivers: [],
      fences: {},
    };
    expect(decode(agentDescription, JSON.stringify(description)).ok).toBe(true);
    expect(
      refusalOf(agentDescription, JSON.stringify({ ...description, fences: { N1: 1 } })),
    ).toEqual({
      field: "fences.N1",
      message: "is not a known property",
    });
  });
});

describe("encode", () => {
  it("writes what decode reads", () => {
    const text = encode(powerSet, { action: "On", reason: "“Stürm” 😀 \u202e" });
    expect(decode(powerSet, text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
  });

  it("throws ContractError with topic and field for a value of ours that breaks the contract", () => {
    expect(() => encode(powerSet, { action: "Off" as "On" })).toThrow(
      new ContractError(`node/{node}/power/set: action must be one of ${ACTIONS.join(", ")}`),
    );
    const huge = { ...EVENT, data: { x: "x".repeat(65_536) } };
    expect(() => encode(nodeEvent, huge)).toThrow("more than 65536 bytes");
    const deep = JSON.parse(`${'{"a":'.repeat(17)}1${"}".repeat(17)}`) as Record<string, unknown>;
    expect(() => encode(nodeEvent, { ...EVENT, data: deep })).toThrow(
      "nested deeper than 16 levels",
    );
  });

  it("puts U+FFFD where text was cut through a character or holds a NUL", () => {
    const detail = "a😀b\0c\\ud800".slice(0, 2);
    const text = encode(nodeEvent, { ...EVENT, message: detail, data: { x: ["\0", "\\u0000"] } });
    const decoded = decode(nodeEvent, text);
    expect(decoded.ok && [decoded.value.message, decoded.value.data]).toEqual([
      "a\ufffd",
      { x: ["\ufffd", "\\u0000"] },
    ]);
  });

  it("leaves out what is undefined", () => {
    expect(encode(powerSet, { action: "On", reason: undefined })).toBe('{"action":"On"}');
  });
});

describe("check and compileAll", () => {
  it("check says of a value what decode says of its text", () => {
    expect(check(PowerSet, { action: "On" }, true)).toEqual({ ok: true, value: { action: "On" } });
    expect(check(PowerSet, { action: "On", x: 1 }, false).ok).toBe(true);
    expect(check(PowerSet, { action: "On", x: 1 }, true)).toMatchObject({
      refusal: { field: "x" },
    });
  });

  it("every contract compiles", () => {
    expect(() => compileAll(CATALOG)).not.toThrow();
    expect(site.maxBytes).toBe(65_536);
  });
});
