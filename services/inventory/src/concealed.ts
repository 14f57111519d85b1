import { SECRET_FILE, SECRET_VARIABLE } from "@outrider/contracts/secret";
import { quoted, withoutLogin, type SitePath } from "./site-problem.js";

/** What a driver is given. Somebody may have written a secret there that should have been a reference. */
const GIVEN_TO_DRIVERS: SitePath = ["options", "needs"];
/** Options of drivers that are references to secrets. */
const SECRET_KEYS = /^(community|key|authKey|privKey|password|secret|token)$/i;
/** What a schema says of numbers; what it is said of is no secret. */
const OF_NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

/** Whether a value at the path may be a secret, so that no message repeats it. */
export function mayBeSecret(path: SitePath): boolean {
  return path[0] === "nodes" && path.slice(2).some((step) => GIVEN_TO_DRIVERS.includes(step));
}

/** Whether a schema is that of a reference to a secret: `{ file: … }` or `{ env: … }`. */
export function isReference(schema: unknown): boolean {
  const { properties } = (schema ?? {}) as { readonly properties?: object };
  const names = Object.keys(properties ?? {});
  return names.length === 2 && names.includes("file") && names.includes("env");
}

/** Whether a schema is that of what stands in such a reference. */
export function isInReference(schema: unknown): boolean {
  const { pattern } = (schema ?? {}) as { readonly pattern?: unknown };
  return pattern === SECRET_FILE.source || pattern === SECRET_VARIABLE.source;
}

/** A value in a message: itself, or what kind of value it is where it may be a secret. */
export function shown(data: unknown, concealed: boolean, keyword: string): string {
  if (!concealed || (typeof data === "number" && OF_NUMBERS.includes(keyword))) return quoted(data);
  return kindOf(data);
}

function kindOf(data: unknown): string {
  if (data === null) return "nothing";
  if (Array.isArray(data)) return "this list";
  if (typeof data === "object") return "this map";
  return typeof data === "string" ? "this text" : `this ${typeof data}`;
}

/**
 * A value of a site as it may be shown: no name and password in a URL, and no text where a driver takes a reference.
 * An agent never yet seen has not said which options those are, so they are known by name.
 */
export function withoutSecrets(value: unknown, path: SitePath): unknown {
  const plainly = typeof value === "string" || typeof value === "number";
  if (plainly && mayBeSecret(path) && SECRET_KEYS.test(String(path.at(-1)))) return "(not shown)";
  if (typeof value === "string") return withoutLogin(value);
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, path));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, withoutSecrets(one, [...path, key])]),
  );
}
