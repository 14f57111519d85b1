import { posix } from "node:path";
import { canonical } from "./canonical.js";

const URL_PATTERN = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * What tells one wire from another: agent, driver and options, with absolute paths and URLs in their normal form. Links
 * and host names are not looked up, and every option counts, because only the driver knows which of them address.
 */
export function wireOf(
  agent: string,
  driver: string,
  options: Readonly<Record<string, unknown>>,
): string {
  return canonical([agent, driver, normal(options)]);
}

/** How bytes are put on a serial wire, which is no other wire for being faster. */
const LINE_SETTINGS = ["baudRate", "dataBits", "parity", "stopBits", "flowControl"];

/** The options of a console that may tell its wire from another. */
export function withoutLineSettings(
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => !LINE_SETTINGS.includes(name)),
  );
}

/** A value in its normal form: absolute paths and URLs have one. */
export function normal(value: unknown): unknown {
  if (typeof value === "string") return normalText(value);
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, normal(entry)]));
}

function normalText(text: string): string {
  if (text.startsWith("/")) return withoutSlash(posix.normalize(text).replace(/^\/+/, "/"));
  if (URL_PATTERN.test(text) && URL.canParse(text)) return withoutSlash(new URL(text).href);
  return text;
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, "");
}
