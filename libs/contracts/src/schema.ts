import "reflect-metadata";
import { defaultMetadataStorage } from "class-transformer/cjs/storage.js";
import { getMetadataStorage, ValidationTypes, type IsNumberOptions } from "class-validator";
import { targetConstructorToSchema } from "class-validator-jsonschema";

export type JsonSchema = { readonly [key: string]: unknown };

/** A payload class, or a class that stands inside one. */
export type PayloadClass = abstract new (...args: never[]) => object;

const PREFIX = "#/definitions/";

/** What the decorators of `decorators.ts` use. Anything else would be dropped from the schema in silence. */
const TRANSLATED = new Set([
  "isString",
  "isBoolean",
  "isInt",
  "isNumber",
  "isIn",
  "isArray",
  "min",
  "max",
  "matches",
  "arrayMaxSize",
  "text",
  "plainObject",
  "mapOf",
  "anyObject",
  "exactlyOne",
  "wordsOrSteps",
]);

/** Rules that say it all in a `JSONSchema` of their own, or that stand on the class. */
const OWN_WORDS = {
  text: {},
  plainObject: {},
  mapOf: {},
  anyObject: {},
  exactlyOne: {},
  wordsOrSteps: {},
};

type Rule = ReturnType<
  ReturnType<typeof getMetadataStorage>["getTargetValidationMetadatas"]
>[number];

/**
 * The closed JSON Schema (draft-07) of a payload class: no property that the class does not declare.
 * @throws TypeError when the class, or one inside it, uses a rule that has no translation, so that schema and
 * decorators cannot part, and when two classes inside it have one name.
 */
export function jsonSchemaOf(type: PayloadClass): JsonSchema {
  const definitions: Record<string, JsonSchema> = {};
  for (const one of reachable(type)) {
    if (one.name in definitions) {
      throw new TypeError(`${type.name}: two classes inside it are called ${one.name}`);
    }
    definitions[one.name] = definitionOf(one);
  }
  const { [type.name]: root, ...rest } = definitions;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: type.name,
    ...root,
    definitions: rest,
  };
}

/** The same schema with unknown properties let through, for readers of states, events and reports. */
export function opened(schema: JsonSchema): JsonSchema {
  const open = (one: JsonSchema): JsonSchema => {
    if (!("properties" in one)) return one;
    const { additionalProperties: _, ...rest } = one;
    return rest;
  };
  const definitions = Object.fromEntries(
    Object.entries(schema["definitions"] as Record<string, JsonSchema>).map(([name, one]) => [
      name,
      open(one),
    ]),
  );
  return { ...open(schema), definitions };
}

const alternatives = new WeakMap<object, readonly string[]>();
const mapped = new WeakMap<object, (() => PayloadClass)[]>();
const others = new WeakMap<object, Others>();

/** What the properties of a class are that it does not name: a pattern of their names, and the class of their values. */
export interface Others {
  readonly names: RegExp;
  readonly inside: () => PayloadClass;
  readonly atMost: number;
}

/** Declares, for the schema, that exactly one of these properties is there. Called by the decorator. */
export function declareExactlyOne(type: object, properties: readonly string[]): void {
  alternatives.set(type, properties);
}

/** Declares a class that stands inside a map of `type`, where class-transformer does not see it. Called by the decorator. */
export function declareInside(type: object, inside: () => PayloadClass): void {
  mapped.set(type, [...(mapped.get(type) ?? []), inside]);
}

/** Declares what the properties of a class are that it does not name. Called by the decorator. */
export function declareOthers(type: object, declared: Others): void {
  others.set(type, declared);
}

/** What the properties of a class are that it does not name; undefined: it has none. */
export function othersOf(type: object): Others | undefined {
  return others.get(type);
}

/** What may be left out: the one condition that the schema knows (`required`). */
export function isGiven(_: unknown, value: unknown): boolean {
  return value !== undefined;
}

/** The rules of a class and of those it extends, by property. */
export function rulesOf(type: PayloadClass): ReadonlyMap<string, readonly Rule[]> {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, "", true, false);
  return Map.groupBy(rules, (rule) => rule.propertyName);
}

/** The class that a property of a class holds, or holds a list of. */
export function nestedIn(type: PayloadClass, property: string): PayloadClass | undefined {
  const storage = defaultMetadataStorage as {
    findTypeMetadata(
      type: PayloadClass,
      property: string,
    ): { typeFunction: () => PayloadClass } | undefined;
  };
  return storage.findTypeMetadata(type, property)?.typeFunction();
}

function definitionOf(type: PayloadClass): JsonSchema {
  const rules = rulesOf(type);
  if (rules.size === 0) {
    // A class that forgot its rules must not be taken for one that has nothing to say.
    if (!("hasNoProperties" in type)) throw new TypeError(`${type.name} declares no rules`);
    return { type: "object", properties: {}, additionalProperties: false };
  }
  for (const rule of [...rules.values()].flat()) {
    const untranslated = untranslatable(rule, rules.get(rule.propertyName) ?? []);
    if (untranslated === undefined) continue;
    throw new TypeError(
      `${type.name}.${rule.propertyName}: ${untranslated} has no JSON Schema; use the words of decorators.ts`,
    );
  }
  const schema = targetConstructorToSchema(type, {
    classTransformerMetadataStorage: defaultMetadataStorage as never,
    refPointerPrefix: PREFIX,
    additionalConverters: OWN_WORDS,
  });
  const oneOf = alternatives.get(type)?.map((property) => ({ required: [property] }));
  return {
    ...schema,
    ...otherProperties(type, [...rules.keys()]),
    additionalProperties: false,
    ...(oneOf ? { oneOf } : {}),
  };
}

/** The properties that a class does not name, under a pattern that leaves out those that it names. */
function otherProperties(type: PayloadClass, named: readonly string[]): object {
  const declared = others.get(type);
  if (!declared) return {};
  const { names, inside, atMost } = declared;
  return {
    patternProperties: {
      [`^(?!(${named.join("|")})$)${names.source.slice(1)}`]: { $ref: PREFIX + inside().name },
    },
    maxProperties: named.length + atMost,
  };
}

/** What of a rule would be lost in the schema; undefined when nothing is. */
function untranslatable(rule: Rule, beside: readonly Rule[]): string | undefined {
  // The library's types do not say so, but a rule without options has no groups at all.
  const groups = rule.groups as string[] | undefined;
  if ((groups?.length ?? 0) > 0 || rule.validateIf) return "a condition";
  switch (rule.type) {
    case ValidationTypes.NESTED_VALIDATION:
      // Alone it takes a list for an object, and the other way round.
      return beside.some(({ name }) => name === "plainObject") ? undefined : "ValidateNested alone";
    case ValidationTypes.CONDITIONAL_VALIDATION:
      return rule.constraints[0] === isGiven ? undefined : "a condition";
    case ValidationTypes.CUSTOM_VALIDATION:
      if (rule.name === undefined || !TRANSLATED.has(rule.name)) {
        return `the rule ${rule.name ?? "without a name"}`;
      }
      if (rule.name === "matches" && (rule.constraints[0] as RegExp).flags !== "") {
        return "a pattern with flags";
      }
      if (rule.name === "isNumber" && !isFiniteNumber(rule)) return "an option of isNumber";
      return undefined;
    default:
      return `the rule ${rule.type}`;
  }
}

function isFiniteNumber({ constraints }: Rule): boolean {
  const options = (constraints?.[0] ?? {}) as IsNumberOptions;
  return !options.allowNaN && !options.allowInfinity && options.maxDecimalPlaces === undefined;
}

/** `type` and every class inside it, once each. */
function reachable(type: PayloadClass, seen = new Set<PayloadClass>()): Set<PayloadClass> {
  if (seen.has(type)) return seen;
  seen.add(type);
  for (const property of rulesOf(type).keys()) {
    const inside = nestedIn(type, property);
    if (inside) reachable(inside, seen);
  }
  for (const inside of mapped.get(type) ?? []) reachable(inside(), seen);
  const other = others.get(type);
  if (other) reachable(other.inside(), seen);
  return seen;
}
