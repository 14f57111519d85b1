import { plainToInstance } from "class-transformer";
import { validateSync } from "class-validator";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CATALOG } from "./catalog.js";
import { check, decode } from "./codec.js";
import { decoratorsAccept } from "./decorators.js";
import { jsonSchemaOf, othersOf, rulesOf, type Others } from "./schema.js";
import { SiteFile } from "./site-file.js";
import {
  INHERITED_NAMES,
  mutationsOf,
  validValues,
  type Mutation,
} from "./testing/schema-samples.js";

type Payload = new () => object;

const isHuge = (value: unknown): boolean => (JSON.stringify(value) ?? "").length > 300_000;

const PAYLOADS: readonly Payload[] = [
  ...new Set<Payload>([...CATALOG.map(({ payload }) => payload), SiteFile]),
];

const schemaAccepts = (type: Payload, value: unknown): boolean => check(type, value, true).ok;

/** What class-validator says when used as its manual has it. It falls over a `constructor` that is none. */
function textbookAccepts(type: Payload, value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const others = othersOf(type);
  if (others) return textbookAcceptsWithOthers(type, others, value as Record<string, unknown>);
  return textbookAcceptsNamed(type, value);
}

/** Properties without a name of their own are nothing that the manual knows: the textbook judges each by itself. */
function textbookAcceptsWithOthers(
  type: Payload,
  { names, inside, atMost }: Others,
  value: Record<string, unknown>,
): boolean {
  const declared = rulesOf(type);
  const isOther = (name: string): boolean => !declared.has(name) && names.test(name);
  const others = Object.entries(value).filter(([name]) => isOther(name));
  return (
    Object.keys(value).length <= declared.size + atMost &&
    others.every(([, one]) => textbookAccepts(inside() as Payload, one)) &&
    textbookAcceptsNamed(
      type,
      Object.fromEntries(Object.entries(value).filter(([name]) => !isOther(name))),
    )
  );
}

function textbookAcceptsNamed(type: Payload, value: object): boolean {
  try {
    const instance = plainToInstance(type, value);
    return validateSync(instance, { whitelist: true, forbidNonWhitelisted: true }).length === 0;
  } catch {
    return false;
  }
}

describe.each(PAYLOADS.map((type) => [type.name, type] as const))("%s", (_, type) => {
  const schema = jsonSchemaOf(type);

  it("schema and decorators accept what the schema describes", () => {
    fc.assert(
      fc.property(validValues(schema), (value) => {
        expect(check(type, value, true)).toEqual({ ok: true, value });
        expect(check(type, value, false)).toEqual({ ok: true, value });
        expect(decoratorsAccept(type, value)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("schema and decorators give one verdict on every change of a value", () => {
    const verdicts = { accepted: 0, refused: 0 };
    const disagreements: string[] = [];
    const values = fc.sample(validValues(schema), { numRuns: 5, seed: 42 });
    for (const [turn, value] of values.entries()) {
      // Of a large document, whose every change is judged as a whole, each value has its share of the changes.
      const shares = JSON.stringify(value).length > 10_000 ? values.length : 1;
      let at = turn;
      for (const mutation of mutationsOf(schema, value)) {
        if (at++ % shares !== 0) continue;
        // One entry too many of thousands says the same of each value, and takes a while.
        if (turn > 0 && isHuge(mutation.value)) continue;
        const verdict = schemaAccepts(type, mutation.value);
        verdicts[verdict ? "accepted" : "refused"]++;
        if (decoratorsAccept(type, mutation.value) !== verdict) {
          disagreements.push(told(mutation, verdict));
        }
        if (verdict !== textbookAccepts(type, mutation.value) && !INHERITED.test(mutation.label)) {
          disagreements.push(`textbook: ${told(mutation, verdict)}`);
        }
      }
    }
    expect(disagreements).toEqual([]);
    // A corpus that only one of the two verdicts was ever given on would prove nothing.
    expect(verdicts.refused).toBeGreaterThan(50);
    expect(verdicts.accepted).toBeGreaterThan(0);
  }, 120_000);

  it("an open reader lets through what is valid and says more", () => {
    fc.assert(
      fc.property(validValues(schema), (value) => {
        const more = { ...(value as object), later: { deeper: [1] } };
        expect(check(type, more, false).ok).toBe(true);
        expect(check(type, more, true).ok).toBe(false);
      }),
      { numRuns: 20 },
    );
  }, 120_000);
});

describe("both verdicts together", () => {
  it("are what decode gives for text, __proto__ included", () => {
    for (const contract of CATALOG) {
      const asked = {
        ...contract,
        kind: "ask",
        bareWord: undefined,
        maxBytes: 16_777_216,
      } as const;
      const schema = jsonSchemaOf(contract.payload);
      const [value] = fc.sample(validValues(schema), { numRuns: 1, seed: 7 });
      for (const { label, value: changed } of mutationsOf(schema, value)) {
        const text = JSON.stringify(changed);
        // What JSON cannot say, or no reader of ours keeps, has tests of its own.
        if (text.includes("null") || /\\u(0000|d8)/.test(text)) continue;
        const parsed = JSON.parse(text) as unknown;
        const forbidden = /"__proto__"/.test(text);
        expect({ label, accepted: decode(asked, text).ok }).toEqual({
          label,
          accepted: !forbidden && decoratorsAccept(contract.payload, parsed),
        });
      }
    }
  }, 120_000);
});

/** The one thing on which the textbook is no judge: names that it never looks at, or falls over. */
const INHERITED = new RegExp(` has (wrong )?"?(${INHERITED_NAMES.join("|")})"?$`);

function told({ label, value }: Mutation, schemaSays: boolean): string {
  const text = JSON.stringify(value).slice(0, 500);
  return `${label}: the schema ${schemaSays ? "accepts" : "refuses"} it, the decorators do not agree: ${text}`;
}
