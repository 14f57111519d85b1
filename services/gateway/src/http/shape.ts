import { check } from "@outrider/contracts/codec";
import { jsonSchemaOf } from "@outrider/contracts/schema";
import { malformed } from "./problem.js";
import { Nothing } from "@outrider/contracts/service-plane";

type Class<T extends object> = new () => T;
type Property = { readonly type?: string; readonly [key: string]: unknown };

interface Shape {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

const shapes = new Map<Class<object>, Shape>();

function shapeOf(type: Class<object>): Shape {
  if (type === Nothing) return {};
  let known = shapes.get(type);
  if (!known) {
    known = jsonSchemaOf(type);
    shapes.set(type, known);
  }
  return known;
}

/** The properties of a class as its schema has them; none of {@link Nothing}. */
export function propertiesOf(type: Class<object>): Readonly<Record<string, Property>> {
  return shapeOf(type).properties ?? {};
}

/** Those of them that may not be left out. */
export function requiredOf(type: Class<object>): readonly string[] {
  return shapeOf(type).required ?? [];
}

/**
 * Reads parameters of a path or a query, which are all text, as what their class says that they are.
 * @throws HttpProblem 400 that names the parameter
 */
export function readParameters<T extends object>(type: Class<T>, given: object): T {
  const declared = propertiesOf(type);
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(given)) {
    const property = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (!property) {
      const known = Object.keys(declared).join(", ") || "none";
      throw malformed(`is not a known parameter; known are: ${known}`, printable(name));
    }
    if (typeof text !== "string") throw malformed("is given more than once", name);
    values[name] = valueOf(property, text, name);
  }
  return readBody(type, values);
}

/** @throws HttpProblem 400 that names the field */
export function readBody<T extends object>(type: Class<T>, value: unknown): T {
  if ((type as Class<object>) === Nothing) return {} as T;
  const read = check(type, value, true);
  if (!read.ok) throw malformed(read.refusal.message, read.refusal.field);
  return read.value;
}

function valueOf({ type }: Property, text: string, name: string): unknown {
  switch (type) {
    case "integer":
    case "number":
      if (!/^-?\d{1,16}$/.test(text)) throw malformed("must be a whole number", name);
      return Number(text);
    case "boolean":
      if (text !== "true" && text !== "false") throw malformed("must be true or false", name);
      return text === "true";
    default:
      if (!text.isWellFormed() || text.includes("\0")) throw malformed("is not text", name);
      return text;
  }
}

function printable(name: string): string {
  return /^[\w-]{1,40}$/.test(name) ? name : "?";
}
