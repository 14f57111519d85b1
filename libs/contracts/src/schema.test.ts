import {
  Allow,
  IsDefined,
  IsEmail,
  IsNumber,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  Min,
  MinLength,
  Validate,
  ValidateIf,
  ValidateNested,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from "class-validator";
import { describe, expect, it } from "vitest";
import { check } from "./codec.js";
import {
  decoratorsAccept,
  Finite,
  Id,
  MapOf,
  Nested,
  NestedList,
  Optional,
  Text,
} from "./decorators.js";
import { jsonSchemaOf, opened, type PayloadClass } from "./schema.js";

@ValidatorConstraint({ name: "matches" })
class Odd implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return Number(value) % 2 === 1;
  }
}

/** A class with one property and this rule, beside one that has a translation. */
function having(...rules: PropertyDecorator[]): PayloadClass {
  class Having {
    value!: unknown;
  }
  for (const rule of rules) rule(Having.prototype, "value");
  Text(10)(Having.prototype, "other");
  return Having;
}

const UNTRANSLATABLE: readonly (readonly [string, PropertyDecorator])[] = [
  ["IsEmail", IsEmail()],
  ["IsDefined", IsDefined()],
  ["IsOptional, which lets null through", IsOptional()],
  ["Allow", Allow()],
  ["MinLength, which counts otherwise", MinLength(1)],
  ["MaxLength, which counts otherwise", MaxLength(1)],
  ["a condition", ValidateIf((object: { other?: string }) => object.other === "x")],
  ["a condition of one rule", Min(1, { validateIf: () => false })],
  ["a group", Min(1, { groups: ["x"] })],
  ["a class of rules, even under a known name", Validate(Odd)],
  ["a pattern with flags", Matches(/^a$/i)],
  ["a pattern with flags, as text", Matches("^a$", "i")],
  ["decimal places", IsNumber({ maxDecimalPlaces: 2 })],
  ["infinity", IsNumber({ allowInfinity: true })],
  ["not a number", IsNumber({ allowNaN: true })],
];

describe("a rule that has no translation", () => {
  it.each(UNTRANSLATABLE)("throws and names class and property: %s", (_, rule) => {
    expect(() => jsonSchemaOf(having(rule))).toThrow(/^Having\.value: .* has no JSON Schema/);
    expect(() => check(having(rule) as never, {}, true)).toThrow(TypeError);
  });

  it.each(UNTRANSLATABLE)(
    "throws inside a nested class, a list, a map, and a parent: %s",
    (_, rule) => {
      const inside = having(rule);
      class Child extends (inside as new () => object) {
        @Text(5) more!: string;
      }
      for (const outside of [
        having(Nested(() => inside)),
        having(NestedList(() => inside, 3)),
        having(MapOf(/^a$/, { nested: () => inside })),
        having(MapOf(/^a$/, { nestedList: () => inside, maxItems: 3 })),
      ]) {
        Object.defineProperty(outside, "name", { value: "Outside" });
        expect(() => jsonSchemaOf(outside)).toThrow(/^Having\.value: /);
      }
      expect(() => jsonSchemaOf(Child)).toThrow(/^Child\.value: /);
    },
  );

  it("does not throw for the words of decorators.ts", () => {
    expect(() => jsonSchemaOf(having(Optional(), Finite(0, 1)))).not.toThrow();
    expect(() => jsonSchemaOf(having(IsString(), Matches(/^a$/)))).not.toThrow();
  });

  it("throws for a class without any", () => {
    class Nothing {
      value = 1;
    }
    expect(() => jsonSchemaOf(Nothing)).toThrow("Nothing declares no rules");
    expect(() => jsonSchemaOf(having(ValidateNested()))).toThrow(TypeError);
  });
});

/** As two drivers may both have a class `Options`. */
const options = (limit: number): PayloadClass => {
  class Options {
    @Text(limit) text!: string;
  }
  return Options;
};
describe("classes of one name", () => {
  const [one, other] = [options(1), options(2)];

  it("have schemas of their own", () => {
    expect(jsonSchemaOf(one)).toMatchObject({ properties: { text: { maxLength: 1 } } });
    expect(jsonSchemaOf(other)).toMatchObject({ properties: { text: { maxLength: 2 } } });
  });

  it("cannot both stand inside one payload", () => {
    const both = having(Nested(() => one));
    Nested(() => other)(both.prototype as object, "second");
    expect(() => jsonSchemaOf(both)).toThrow("Having: two classes inside it are called Options");
  });
});

describe("a class that extends another", () => {
  class Inner {
    @Text(3) text!: string;
  }
  class Parent {
    @Id() id!: string;
    @Optional() @Nested(() => Inner) inner?: Inner;
  }
  class Child extends Parent {
    @Text(5) more!: string;
  }

  it("has the rules of both", () => {
    const schema = jsonSchemaOf(Child);
    expect(schema).toMatchObject({
      title: "Child",
      additionalProperties: false,
      definitions: { Inner: { additionalProperties: false } },
    });
    expect(new Set(schema["required"] as string[])).toEqual(new Set(["id", "more"]));
    for (const [value, verdict] of [
      [{ id: "a", more: "b" }, true],
      [{ id: "a", more: "b", inner: { text: "abc" } }, true],
      [{ id: "a", more: "b", inner: { text: "abcd" } }, false],
      [{ id: "a" }, false],
      [{ more: "b" }, false],
    ] as const) {
      expect(check(Child, value, true).ok).toBe(verdict);
      expect(decoratorsAccept(Child, value)).toBe(verdict);
    }
  });
});

describe("opened", () => {
  it("lets classes say more, and leaves maps and everything else as it was", () => {
    class Inside {
      @Text(1) text!: string;
    }
    class Outside {
      @Nested(() => Inside) inside!: Inside;
      @MapOf(/^[a-z]$/, { nested: () => Inside }) map!: Record<string, Inside>;
    }
    const closed = jsonSchemaOf(Outside);
    const open = opened(closed);
    expect(closed["additionalProperties"]).toBe(false);
    expect("additionalProperties" in open).toBe(false);
    expect(open).toMatchObject({
      properties: { map: { additionalProperties: false } },
      required: closed["required"],
    });
    expect(check(Outside, { inside: { text: "x", y: 1 }, map: {}, z: 1 }, false).ok).toBe(true);
    expect(check(Outside, { inside: { text: "x" }, map: { A: { text: "x" } } }, false).ok).toBe(
      false,
    );
    expect(check(Outside, { inside: { text: 1 }, map: {} }, false).ok).toBe(false);
  });
});
