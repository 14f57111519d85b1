import * as fc from "fast-check";
import type { JsonSchema } from "../schema.js";

/**
 * Values that a payload's JSON Schema lets through, and changes to them that it may or may not: the corpus on which
 * schemas and decorators are compared. Knows the words that `schema.ts` writes and throws at any other.
 */

type Definitions = Readonly<Record<string, JsonSchema>>;
interface Seen {
  readonly all: Definitions;
  /** Changed inside already, in this value. */
  readonly seen: Set<string>;
}

/** Values that the schema accepts. */
export function validValues(root: JsonSchema): fc.Arbitrary<unknown> {
  return valuesOf(root, definitionsOf(root)).map(asParsed);
}

export interface Mutation {
  readonly label: string;
  readonly value: unknown;
}

/**
 * Every change, one at a time, at every place of a value: some leave it valid. A class that occurs at several places is
 * changed inside at the first of them; at the others it is enough that it is looked at at all.
 */
export function mutationsOf(root: JsonSchema, value: unknown): Iterable<Mutation> {
  return mutations(root, value, { all: definitionsOf(root), seen: new Set() });
}

/** Names that objects of JavaScript have without being asked. */
export const INHERITED_NAMES = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "isPrototypeOf",
  "toString",
  "valueOf",
  "__defineGetter__",
] as const;

const UNKNOWN_NAMES = ["unknown", "", "Action", ...INHERITED_NAMES];
const OTHER_TYPES = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1e21,
  Infinity,
  "",
  "On",
  [],
  [[]],
  [null],
  {},
  { a: 1 },
];

function valuesOf(schema: JsonSchema, definitions: Definitions): fc.Arbitrary<unknown> {
  const { $ref, enum: words, type, properties, patternProperties, oneOf } = schema as Words;
  if ($ref !== undefined) return valuesOf(resolve($ref, definitions), definitions);
  if (words) return fc.constantFrom(...words);
  switch (type) {
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number":
      return numbers(schema);
    case "string":
      return strings(schema);
    case "array": {
      const { items = {}, maxItems = 5 } = schema as Words;
      return fc.array(valuesOf(items, definitions), { maxLength: Math.min(maxItems, 3) });
    }
    case "object":
      if (properties)
        return objects(
          schema,
          definitions,
          oneOf?.map(({ required = [] }) => required[0] ?? ""),
        );
      if (patternProperties) return maps(schema, definitions);
      return fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
    case undefined:
      if (oneOf) return fc.oneof(...oneOf.map((one) => valuesOf(one, definitions)));
      throw new TypeError(`no values for ${JSON.stringify(schema)}`);
    default:
      throw new TypeError(`no values for ${JSON.stringify(schema)}`);
  }
}

function objects(
  schema: Words,
  definitions: Definitions,
  alternatives: readonly string[] = [],
): fc.Arbitrary<unknown> {
  const named = namedProperties(schema, definitions, alternatives);
  if (!schema.patternProperties) return named;
  const others = maps({ ...schema, maxProperties: 3 }, definitions);
  return fc.tuple(others, named).map(([one, other]) => ({ ...(one as object), ...other }));
}

function namedProperties(
  { properties = {}, required = [] }: Words,
  definitions: Definitions,
  alternatives: readonly string[],
): fc.Arbitrary<object> {
  const shared = Object.entries(properties).filter(([name]) => !alternatives.includes(name));
  const record = fc.record(
    Object.fromEntries(shared.map(([name, one]) => [name, valuesOf(one, definitions)])),
    { requiredKeys: [...required] },
  );
  if (alternatives.length === 0) return record;
  const alternative = fc.oneof(
    ...alternatives.map((name) =>
      valuesOf(properties[name] ?? {}, definitions).map((value) => ({ [name]: value })),
    ),
  );
  return fc.tuple(record, alternative).map(([one, other]) => ({ ...one, ...other }));
}

function maps(
  { patternProperties = {}, maxProperties = 3 }: Words,
  definitions: Definitions,
): fc.Arbitrary<unknown> {
  const [[pattern, value] = ["", {}]] = Object.entries(patternProperties);
  return fc.dictionary(namesOf(pattern), valuesOf(value, definitions), {
    maxKeys: Math.min(maxProperties, 3),
  });
}

/** Names that a pattern allows, which may begin with those that it leaves out. */
function namesOf(pattern: string): fc.Arbitrary<string> {
  const names = new RegExp(pattern);
  const without = pattern.replace(/^\^\(\?!\([^)]*\)\$\)/, "^");
  return fc.stringMatching(new RegExp(without)).filter((name) => names.test(name));
}

function numbers({ type, minimum = -1e6, maximum = 1e6 }: Words): fc.Arbitrary<number> {
  const bounds = fc.constantFrom(minimum, maximum);
  return type === "integer"
    ? fc.oneof(bounds, fc.integer({ min: minimum, max: maximum }))
    : fc.oneof(bounds, fc.double({ min: minimum, max: maximum, noNaN: true }));
}

function strings({ pattern, maxLength = 100 }: Words): fc.Arbitrary<string> {
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.oneof(fc.string({ unit: "binary", maxLength }), fc.constantFrom(...longest(maxLength)));
}

/** As long as may be, in characters that are counted differently here and there. */
function longest(length: number): string[] {
  return ["x", "é", "😀", "\ufe0f", "\ud800"].map((unit) => unit.repeat(length));
}

function* mutations(schema: JsonSchema, value: unknown, definitions: Seen): Generator<Mutation> {
  const words = schema as Words;
  if (words.$ref !== undefined) {
    const inside = resolve(words.$ref, definitions.all);
    if (definitions.seen.has(words.$ref)) return yield* atAll(value);
    definitions.seen.add(words.$ref);
    yield* mutations(inside, value, definitions);
    return;
  }
  if (words.oneOf && !words.properties) {
    const word = typeof value === "string";
    const own = words.oneOf.find((one) => "enum" in one === word) ?? {};
    yield* mutations(own, value, definitions);
    return;
  }
  for (const other of OTHER_TYPES) yield { label: ` = ${JSON.stringify(other)}`, value: other };
  if (typeof value === "number") yield* ofNumber(words);
  if (typeof value === "string") yield* ofString(words, value);
  if (Array.isArray(value)) yield* ofArray(words, value as unknown[], definitions);
  else if (typeof value === "object" && value !== null) {
    const object = value as Record<string, unknown>;
    if (words.properties) {
      yield* ofObject(words, object, definitions);
      if (words.patternProperties) yield* ofOthers(words, object, definitions);
    } else if (words.patternProperties) yield* ofMap(words, object, definitions);
    else
      for (const name of UNKNOWN_NAMES)
        yield { label: ` has ${name}`, value: having(object, name, { x: 1 }) };
  }
}

/** Whether an object is looked into here. */
function* atAll(value: unknown): Generator<Mutation> {
  for (const other of OTHER_TYPES) yield { label: ` = ${JSON.stringify(other)}`, value: other };
  yield { label: " has unknown", value: having(value as object, "unknown", 1) };
}

function* ofNumber({ minimum = 0, maximum = 0 }: Words): Generator<Mutation> {
  for (const other of [
    minimum,
    minimum - 1,
    minimum + 0.5,
    maximum,
    maximum + 1,
    maximum * 2,
    -maximum,
  ]) {
    yield { label: ` = ${other}`, value: other };
  }
}

function* ofString({ enum: allowed = [], maxLength }: Words, value: string): Generator<Mutation> {
  const others = [
    ...allowed,
    value.toLowerCase(),
    `${value}\n`,
    ` ${value}`,
    `${value}\0`,
    value + value,
  ];
  for (const other of others) yield { label: ` = ${JSON.stringify(other)}`, value: other };
  if (maxLength === undefined) return;
  for (const other of longest(maxLength)) {
    yield { label: ` = ${JSON.stringify(other[0])} × ${maxLength}`, value: other };
    yield { label: ` = ${JSON.stringify(other[0])} × ${maxLength} and one`, value: `${other}x` };
  }
}

function* ofArray(
  { items = {}, maxItems = 0 }: Words,
  value: unknown[],
  definitions: Seen,
): Generator<Mutation> {
  const item: unknown =
    value[0] ?? fc.sample(valuesOf(items, definitions.all), { numRuns: 1, seed: 1 })[0];
  yield { label: " is empty", value: [] };
  for (const length of [maxItems, maxItems + 1]) {
    yield { label: ` has ${length} items`, value: Array.from({ length }, () => item) };
  }
  for (const { label, value: other } of mutations(items, item, definitions)) {
    yield { label: `[]${label}`, value: [...value, other] };
  }
}

function* ofObject(
  { properties = {} }: Words,
  value: Record<string, unknown>,
  definitions: Seen,
): Generator<Mutation> {
  for (const name of UNKNOWN_NAMES) {
    for (const inside of [1, {}])
      yield { label: ` has ${name}`, value: having(value, name, inside) };
  }
  for (const [name, schema] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name)) {
      for (const given of fc.sample(valuesOf(schema, definitions.all), { numRuns: 2, seed: 1 })) {
        yield { label: ` has ${name}`, value: having(value, name, asParsed(given)) };
      }
      continue;
    }
    const { [name]: inside, ...rest } = value;
    yield { label: ` without ${name}`, value: rest };
    for (const { label, value: other } of mutations(schema, inside, definitions)) {
      yield { label: `.${name}${label}`, value: having(value, name, other) };
    }
  }
}

/** Changes of the properties that an object does not name. */
function* ofOthers(
  words: Words,
  value: Record<string, unknown>,
  definitions: Seen,
): Generator<Mutation> {
  const { properties = {} } = words;
  const [named, others] = [true, false].map((isNamed) =>
    Object.fromEntries(
      Object.entries(value).filter(([name]) => Object.hasOwn(properties, name) === isNamed),
    ),
  );
  const { maxProperties = 0 } = words;
  const room = { ...words, maxProperties: maxProperties - Object.keys(named ?? {}).length };
  for (const { label, value: changed } of ofMap(room, others ?? {}, definitions)) {
    if (typeof changed !== "object" || changed === null) continue;
    yield { label, value: together(changed, named ?? {}) };
  }
}

function* ofMap(
  { patternProperties = {}, maxProperties = 0 }: Words,
  value: Record<string, unknown>,
  definitions: Seen,
): Generator<Mutation> {
  const [[pattern, schema] = ["", {}]] = Object.entries(patternProperties);
  const key =
    Object.keys(value)[0] ?? fc.sample(namesOf(pattern), { numRuns: 1, seed: 1 })[0] ?? "";
  const inside: unknown =
    value[key] ??
    asParsed(fc.sample(valuesOf(schema, definitions.all), { numRuns: 1, seed: 1 })[0]);
  yield { label: " is empty", value: {} };
  for (const name of [
    ...UNKNOWN_NAMES,
    `${key}\n`,
    key.toUpperCase(),
    "x".repeat(64),
    "power",
    "n1",
  ]) {
    yield { label: ` has ${JSON.stringify(name)}`, value: having(value, name, inside) };
    yield { label: ` has wrong ${JSON.stringify(name)}`, value: having(value, name, null) };
  }
  // The bound is the same word for every map; ten thousand classes would take the decorators seconds.
  const sizes = "$ref" in schema && maxProperties > 1000 ? [] : [maxProperties, maxProperties + 1];
  for (const size of sizes) {
    const many = Object.fromEntries(Array.from({ length: size }, (_, at) => [`k${at}`, inside]));
    yield { label: ` has ${size} entries`, value: many };
  }
  for (const { label, value: other } of mutations(schema, inside, definitions)) {
    yield { label: `.${key}${label}`, value: having(value, key, other) };
  }
}

interface Words {
  readonly $ref?: string;
  readonly enum?: readonly string[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly (JsonSchema & { readonly required?: readonly string[] })[];
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

function definitionsOf(root: JsonSchema): Definitions {
  return root["definitions"] as Definitions;
}

function resolve($ref: string, definitions: Definitions): JsonSchema {
  const found = definitions[$ref.replace("#/definitions/", "")];
  if (!found) throw new TypeError(`no definition for ${$ref}`);
  return found;
}

/** A copy with one property more, or another value for it; `__proto__` becomes a property like any other. */
function having(object: object, name: string, value: unknown): object {
  const copy = { ...object };
  Object.defineProperty(copy, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return copy;
}

/** The properties of two objects; `__proto__` is one like any other. */
function together(one: object, other: object): object {
  let all = {};
  for (const [name, value] of [...Object.entries(one), ...Object.entries(other)]) {
    all = having(all, name, value);
  }
  return all;
}

function asParsed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
