/// <reference path="./class-transformer-storage.d.ts" />
import "reflect-metadata";
import { defaultMetadataStorage } from "class-transformer/cjs/storage.js";
import { getMetadataStorage } from "class-validator";
import { validationMetadatasToSchemas } from "class-validator-jsonschema";

export type JsonSchema = { readonly [key: string]: unknown };

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
  "minLength",
  "maxLength",
  "matches",
  "arrayMaxSize",
  "plainObject",
  "mapOf",
  "anyObject",
  "exactlyOne",
]);

/**
 * The closed JSON Schema (draft-07) of a payload class: no property that the class does not declare.
 * @throws TypeError when the class uses a rule that has no translation, so that schema and decorators cannot part.
 */
export function jsonSchemaOf(type: abstract new (...args: never[]) => object): JsonSchema {
  const reached = reachable(type);
  for (const one of reached) {
    for (const rule of getMetadataStorage().getTargetValidationMetadatas(one, "", false, false)) {
      if (rule.name && !TRANSLATED.has(rule.name)) {
        throw new TypeError(
          `${one.name}.${rule.propertyName}: the rule ${rule.name} has no JSON Schema`,
        );
      }
    }
  }
  const schemas = validationMetadatasToSchemas({
    classTransformerMetadataStorage: defaultMetadataStorage as never,
    refPointerPrefix: PREFIX,
    additionalConverters: { plainObject: {}, mapOf: {}, anyObject: {}, exactlyOne: {} },
  }) as Record<string, JsonSchema>;
  const definitions: Record<string, JsonSchema> = {};
  for (const name of referenced(schemas, type.name)) {
    definitions[name] = { ...schemas[name], additionalProperties: false, ...exactlyOneOf(name) };
  }
  const { [type.name]: root, ...rest } = definitions;
  if (!root) throw new TypeError(`${type.name} declares no rules`);
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

const exactlyOne = new Map<string, readonly string[]>();

/** Declares, for the schema, that exactly one of these properties is there. Called by the decorator. */
export function declareExactlyOne(className: string, properties: readonly string[]): void {
  exactlyOne.set(className, properties);
}

function exactlyOneOf(name: string): JsonSchema {
  const properties = exactlyOne.get(name);
  return properties ? { oneOf: properties.map((property) => ({ required: [property] })) } : {};
}

type Class = abstract new (...args: never[]) => object;

function reachable(type: Class, seen = new Set<Class>()): Set<Class> {
  if (seen.has(type)) return seen;
  seen.add(type);
  const nested = (
    defaultMetadataStorage as { getExposedProperties?: unknown } & {
      _typeMetadatas: Map<Class, Map<string, { typeFunction: () => Class }>>;
    }
  )._typeMetadatas.get(type);
  for (const { typeFunction } of nested?.values() ?? []) reachable(typeFunction(), seen);
  return seen;
}

function referenced(
  schemas: Record<string, JsonSchema>,
  name: string,
  seen = new Set<string>(),
): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const [, ref] of JSON.stringify(schemas[name] ?? {}).matchAll(
    /"#\/definitions\/([^"]+)"/g,
  )) {
    if (ref) referenced(schemas, ref, seen);
  }
  return seen;
}
