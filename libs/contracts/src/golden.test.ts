import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { actorOf, mayPublish, type Identity } from "./acl.js";
import { CATALOG } from "./catalog.js";
import { decode, encode } from "./codec.js";
import { matchTopic, type AnyContract } from "./contract.js";
import { jsonSchemaOf } from "./schema.js";

/** See golden/README.md: when a test fails here, the code is wrong and never the sample. */
interface Sample {
  readonly contract: string;
  readonly from: string;
  readonly topic: string;
  readonly payload?: string;
  readonly payloadBase64?: string;
  readonly later?: true;
  readonly field?: string;
}

const folder = new URL("../golden/v1/", import.meta.url);

function samplesIn(path: string): (readonly [name: string, sample: Sample])[] {
  const files = readdirSync(new URL(path, folder)).filter((name) => name.endsWith(".json"));
  return files.map((name) => [
    name,
    JSON.parse(readFileSync(new URL(path + name, folder), "utf8")) as Sample,
  ]);
}

const accepted = samplesIn("./");
const refused = samplesIn("./refused/");

function contractOf({ contract }: Sample): AnyContract {
  const found = CATALOG.find(({ template }) => template === contract);
  if (!found) throw new Error(`no contract for ${contract}: a topic was renamed or taken away`);
  return found;
}

function bytesOf({ payload, payloadBase64 }: Sample): Buffer {
  return payload === undefined
    ? Buffer.from(payloadBase64 ?? "", "base64")
    : Buffer.from(payload, "utf8");
}

function identityOf({ from }: Sample): Identity {
  const [kind, name] = from.split(":");
  const identity = { kind, name } as Identity;
  if (actorOf(identity) !== from) throw new Error(`${from} is no actor`);
  return identity;
}

const isJson = ({ payload }: Sample): boolean => payload?.trim().startsWith("{") ?? false;

describe.each(accepted)("%s", (_, sample) => {
  const contract = contractOf(sample);

  it("is where its contract has it, from somebody who may", () => {
    expect(matchTopic(contract, sample.topic)).toBeDefined();
    expect(mayPublish(identityOf(sample), sample.topic)).toBe(true);
  });

  it("is read, to the value that its bytes spell", () => {
    const value: unknown = isJson(sample)
      ? JSON.parse(sample.payload ?? "")
      : { [String(contract.bareWord)]: sample.payload?.trim() };
    expect(decode(contract, bytesOf(sample))).toEqual({ ok: true, value });
  });
});

it.each(accepted.filter(([, sample]) => isJson(sample) && !sample.later))(
  "%s is written again to the same bytes",
  (_, sample) => {
    const decoded = decode(contractOf(sample), bytesOf(sample));
    expect(decoded.ok && encode(contractOf(sample), decoded.value)).toBe(sample.payload);
  },
);

it.each(accepted.filter(([, { later }]) => later))(
  "%s says what this version would not write",
  (_, sample) => {
    const value = JSON.parse(sample.payload ?? "") as object;
    expect(() => encode(contractOf(sample), value)).toThrow("is not a known property");
  },
);

describe.each(refused)("refused/%s", (_, sample) => {
  it("is refused, and the field is named", () => {
    const decoded = decode(contractOf(sample), bytesOf(sample));
    expect(decoded.ok ? "accepted" : decoded.refusal.field).toBe(sample.field);
  });

  it("is where its contract has it, so that nothing but the payload is wrong", () => {
    expect(matchTopic(contractOf(sample), sample.topic)).toBeDefined();
    expect(mayPublish(identityOf(sample), sample.topic)).toBe(true);
  });
});

describe("the samples", () => {
  it.each(CATALOG.map(({ template }) => template))(
    "have one of %s, and one that is refused",
    (template) => {
      expect(accepted.some(([, { contract }]) => contract === template)).toBe(true);
      expect(refused.some(([, { contract }]) => contract === template)).toBe(true);
    },
  );

  it("say every property of every payload at least once", () => {
    for (const contract of CATALOG) {
      const said = new Set(
        accepted
          .filter(([, sample]) => sample.contract === contract.template)
          .flatMap(([, sample]) => {
            const decoded = decode(contract, bytesOf(sample));
            return decoded.ok ? Object.keys(decoded.value) : [];
          }),
      );
      const schema = propertiesOf(contract);
      expect(schema.filter((property) => !said.has(property))).toEqual([]);
    }
  });
});

function propertiesOf({ payload }: AnyContract): string[] {
  const { properties } = jsonSchemaOf(payload) as { properties: object };
  return Object.keys(properties);
}
