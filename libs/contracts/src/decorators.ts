import "reflect-metadata";
import { Type } from "class-transformer";
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsNumber,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  validateSync,
} from "class-validator";
import { JSONSchema } from "class-validator-jsonschema";
import { ACTOR_PATTERN, COMMAND_ID_PATTERN, ENDPOINT_ID_PATTERN, ID_PATTERN } from "./ids.js";
import {
  declareExactlyOne,
  declareInside,
  declareOthers,
  isGiven,
  nestedIn,
  othersOf,
  rulesOf,
  type PayloadClass,
} from "./schema.js";

/**
 * The vocabulary of payload classes: each word says one thing to class-validator and the same
 * thing to the JSON Schema, so that neither knows a rule the other lacks.
 */

function all(...decorators: PropertyDecorator[]): PropertyDecorator {
  return (target, key) => {
    // Last first, as the compiler applies stacked decorators: the schema's later words win.
    for (const decorate of decorators.toReversed()) decorate(target, key);
  };
}

/** May be left out. Unlike class-validator's `IsOptional`, null is not "left out". */
export const Optional = (): PropertyDecorator => ValidateIf(isGiven);

/** One of a closed set of words. */
export const OneOf = (words: readonly string[]): PropertyDecorator => IsIn([...words]);

/**
 * Text for people: any characters, at most `maxLength` code points, as JSON Schema counts.
 * class-validator's own `MaxLength` counts a variation selector as nothing and would let longer text through.
 */
export const Text = (maxLength: number): PropertyDecorator =>
  all(
    ValidateBy({
      name: "text",
      validator: {
        validate: (value) => isText(value, maxLength),
        defaultMessage: () => `$property must be text of at most ${maxLength} characters`,
      },
    }),
    (target, key) => JSONSchema({ type: "string", maxLength })(target, String(key)),
  );

export const Id = (): PropertyDecorator => Matches(ID_PATTERN);
export const EndpointIdText = (): PropertyDecorator => Matches(ENDPOINT_ID_PATTERN);
export const CommandIdText = (): PropertyDecorator => Matches(COMMAND_ID_PATTERN);
export const ActorText = (): PropertyDecorator => Matches(ACTOR_PATTERN);

/** RFC 3339 in UTC with milliseconds: `2026-11-23T01:02:03.456Z`. */
export const TIMESTAMP_PATTERN =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
export const Timestamp = (): PropertyDecorator => Matches(TIMESTAMP_PATTERN);

/** An integer within bounds, both included. */
export const Integer = (min: number, max: number = Number.MAX_SAFE_INTEGER): PropertyDecorator =>
  all(IsInt(), Min(min), Max(max));

/** A finite number within bounds, both included. */
export const Finite = (min: number, max: number): PropertyDecorator =>
  all(IsNumber({ allowNaN: false, allowInfinity: false }), Min(min), Max(max));

/** A list of ids. */
export const ListOf = (pattern: RegExp, maxItems: number): PropertyDecorator =>
  all(IsArray(), ArrayMaxSize(maxItems), Matches(pattern, { each: true }));

/** A list of words of a closed set. */
export const WordList = (words: readonly string[], maxItems = words.length): PropertyDecorator =>
  all(IsArray(), ArrayMaxSize(maxItems), IsIn([...words], { each: true }));

/** An object of another payload class. */
export const Nested = (type: () => PayloadClass): PropertyDecorator =>
  all(
    ValidateNested(),
    Type(type),
    ValidateBy({
      name: "plainObject",
      validator: { validate: isPlainObject, defaultMessage: () => "$property must be an object" },
    }),
  );

/** A list of objects of another payload class. */
export const NestedList = (type: () => PayloadClass, maxItems: number): PropertyDecorator =>
  all(
    IsArray(),
    ArrayMaxSize(maxItems),
    ValidateNested({ each: true }),
    Type(type),
    ValidateBy(
      {
        name: "plainObject",
        validator: {
          validate: isPlainObject,
          defaultMessage: () => "each of $property must be an object",
        },
      },
      { each: true },
    ),
  );

/** A list of words of a closed set and of objects of a payload class that says at least one thing. */
export const WordsOrSteps = (
  words: readonly string[],
  step: () => PayloadClass,
  maxItems: number,
): PropertyDecorator =>
  all(
    IsArray(),
    ArrayMaxSize(maxItems),
    ValidateBy({
      name: "wordsOrSteps",
      validator: {
        validate: (list) =>
          Array.isArray(list) &&
          list.every((one) =>
            typeof one === "string"
              ? words.includes(one)
              : // A rule of a property that is not there is not asked, `ExactlyOne` included.
                decoratorsAccept(step(), one) && Object.keys(one as object).length > 0,
          ),
        defaultMessage: () => "each of $property must be a word that it knows, or a step",
      },
    }),
    (target) => declareInside(target.constructor, step),
    (target, key) =>
      JSONSchema((_, options) => ({
        type: "array",
        maxItems,
        items: {
          oneOf: [
            { type: "string", enum: [...words] },
            { $ref: (options.refPointerPrefix ?? "") + step().name },
          ],
        },
      }))(target, String(key)),
  );

/**
 * What a map's values are: a payload class or one of a few words in its place, a list of it, text up to a length, a
 * number, or a word of a closed set.
 */
export type MapValue =
  | { readonly nested: () => PayloadClass; readonly orWords?: readonly string[] }
  | { readonly nestedList: () => PayloadClass; readonly maxItems: number }
  | { readonly text: number }
  | { readonly integer: readonly [min: number, max: number] }
  | { readonly finite: readonly [min: number, max: number] }
  | { readonly words: readonly string[] };

/** An object used as a map: keys by pattern, values of one kind. */
export const MapOf = (keys: RegExp, value: MapValue, maxEntries = 10_000): PropertyDecorator =>
  all(
    ValidateBy({
      name: "mapOf",
      validator: {
        validate: (map) =>
          isPlainObject(map) &&
          Object.keys(map).length <= maxEntries &&
          Object.entries(map).every(
            ([key, entry]) => keys.test(key) && mapValueHolds(value, entry),
          ),
        defaultMessage: () => "$property must map ids to entries",
      },
    }),
    (target) => {
      if ("nested" in value) declareInside(target.constructor, value.nested);
      if ("nestedList" in value) declareInside(target.constructor, value.nestedList);
    },
    // The schema takes $refs as functions of the definition prefix; see schema.ts.
    (target, key) =>
      JSONSchema((_, options) => ({
        type: "object",
        maxProperties: maxEntries,
        patternProperties: {
          [keys.source]: mapValueSchema(value, options.refPointerPrefix),
        },
        additionalProperties: false,
      }))(target, String(key)),
  );

/**
 * On a class: properties that it does not name are of another payload class, where their names fit.
 * @param names anchored at both ends; what the class names itself is left out of it
 */
export const OthersOf =
  (names: RegExp, inside: () => PayloadClass, atMost: number): ClassDecorator =>
  (type) =>
    declareOthers(type, { names, inside, atMost });

/** Any JSON object; what is inside is checked elsewhere (a driver's options). */
export const AnyObject = (): PropertyDecorator =>
  all(
    ValidateBy({
      name: "anyObject",
      validator: { validate: isPlainObject, defaultMessage: () => "$property must be an object" },
    }),
    (target, key) => JSONSchema({ type: "object" })(target, String(key)),
  );

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === "string" && [...value].length <= maxLength;
}

/**
 * What the decorators alone say of a value. At run time the compiled schemas decide (`codec.ts`);
 * this is how maps reach the classes inside them, and how a test proves that both agree.
 */
export function decoratorsAccept(type: PayloadClass, value: unknown): boolean {
  const instance = isPlainObject(value) ? instanceOf(type, value) : undefined;
  if (!instance) return false;
  return validateSync(instance, { whitelist: true, forbidNonWhitelisted: true }).length === 0;
}

/**
 * An instance with every property that is there, in the place of class-transformer's `plainToInstance`, which drops
 * `__proto__` and `constructor` before anybody looks, or falls over them. Undefined when the class, or one inside it,
 * does not declare a property: class-validator's whitelist takes the names of `Object.prototype` for declared.
 */
function instanceOf(type: PayloadClass, value: Record<string, unknown>): object | undefined {
  const declared = rulesOf(type);
  const others = othersOf(type);
  if (others && Object.keys(value).length > declared.size + others.atMost) return undefined;
  const instance: Record<string, unknown> = new (type as new () => never)();
  for (const [property, inside] of Object.entries(value)) {
    if (!declared.has(property)) {
      if (!others?.names.test(property)) return undefined;
      if (!decoratorsAccept(others.inside(), inside)) return undefined;
      // Looked at; class-validator would refuse what the class does not name.
      continue;
    }
    const nested = nestedIn(type, property);
    // Null, which no rule takes for an object, where one inside has something undeclared.
    const one = (plain: unknown): unknown =>
      nested && isPlainObject(plain) ? (instanceOf(nested, plain) ?? null) : plain;
    instance[property] = Array.isArray(inside) ? inside.map(one) : one(inside);
  }
  return instance;
}

function mapValueHolds(value: MapValue, entry: unknown): boolean {
  if ("nested" in value) {
    if (typeof entry === "string") return value.orWords?.includes(entry) ?? false;
    return decoratorsAccept(value.nested(), entry);
  }
  if ("text" in value) return isText(entry, value.text);
  if ("integer" in value) {
    const [min, max] = value.integer;
    return Number.isInteger(entry) && (entry as number) >= min && (entry as number) <= max;
  }
  if ("finite" in value) {
    const [min, max] = value.finite;
    return Number.isFinite(entry) && (entry as number) >= min && (entry as number) <= max;
  }
  if ("words" in value) return value.words.includes(entry as string);
  return (
    Array.isArray(entry) &&
    entry.length <= value.maxItems &&
    entry.every((one) => decoratorsAccept(value.nestedList(), one))
  );
}

function mapValueSchema(value: MapValue, prefix: string): object {
  if ("nested" in value) {
    const inside = { $ref: prefix + value.nested().name };
    if (!value.orWords) return inside;
    return { oneOf: [{ type: "string", enum: [...value.orWords] }, inside] };
  }
  if ("text" in value) return { type: "string", maxLength: value.text };
  if ("integer" in value)
    return { type: "integer", minimum: value.integer[0], maximum: value.integer[1] };
  if ("finite" in value)
    return { type: "number", minimum: value.finite[0], maximum: value.finite[1] };
  if ("words" in value) return { type: "string", enum: [...value.words] };
  return {
    type: "array",
    maxItems: value.maxItems,
    items: { $ref: prefix + value.nestedList().name },
  };
}

/** On one property of a class: exactly one of these properties is there. */
export function ExactlyOne(...properties: readonly string[]): PropertyDecorator {
  return (target, key) => {
    declareExactlyOne(target.constructor, properties);
    ValidateBy({
      name: "exactlyOne",
      validator: {
        validate: (_, args) =>
          properties.filter(
            (name) => (args?.object as Record<string, unknown> | undefined)?.[name] !== undefined,
          ).length === 1,
        defaultMessage: () => `exactly one of ${properties.join(", ")}`,
      },
    })(target, key);
  };
}
