import { GUEST_ACTS, SlotError, type Faults, type GuestAct } from "./slot-api.js";

/** Readers of request bodies and queries: they take unknown input and give a value or throw `bad-request`. */

type Fields = Readonly<Record<string, unknown>>;

const DAY_MS = 86_400_000;

export function readSupply(body: unknown): { on: boolean } {
  const { on } = fields(body, ["on"]);
  if (typeof on !== "boolean") throw bad("on: expected true or false");
  return { on };
}

export function readButton(body: unknown): { holdMs: number } {
  const { holdMs } = fields(body ?? {}, ["holdMs"]);
  return { holdMs: optionalNumber("holdMs", holdMs) ?? 0 };
}

/** Longest break that is sent; the default is a quarter of a second. */
const BREAK_MS = { longest: 10_000, usual: 250 };

export function readBreak(body: unknown): { ms: number } {
  const { ms } = fields(body ?? {}, ["ms"]);
  const given = optionalNumber("ms", ms) ?? BREAK_MS.usual;
  if (given < 1 || given > BREAK_MS.longest)
    throw bad(`ms: expected a whole number from 1 to ${BREAK_MS.longest}`);
  return { ms: given };
}

export function readSay(body: unknown): Buffer {
  const { base64 } = fields(body, ["base64"]);
  if (typeof base64 !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    throw bad("base64: expected bytes in base64");
  return Buffer.from(base64, "base64");
}

export function readGuest(body: unknown): { act: GuestAct } {
  const { act } = fields(body, ["act"]);
  const known = GUEST_ACTS.find((name) => name === act);
  if (!known) throw bad(`act: expected one of ${GUEST_ACTS.join(", ")}`);
  return { act: known };
}

const FAULT_KEYS = [
  "refuseOn",
  "refuseOff",
  "stuckOn",
  "ignoreButton",
  "delayMs",
  "silent",
  "shutdownTakesMs",
] as const satisfies readonly (keyof Faults)[];

export function readFaults(body: unknown): Faults {
  const given = fields(body, FAULT_KEYS);
  for (const key of ["refuseOn", "refuseOff"] as const) {
    if (given[key] !== true) optionalNumber(key, given[key]);
  }
  for (const key of ["stuckOn", "ignoreButton"] as const) optionalBoolean(key, given[key]);
  if (given["silent"] !== "after-acting") optionalBoolean("silent", given["silent"]);
  for (const key of ["delayMs", "shutdownTakesMs"] as const) optionalNumber(key, given[key]);
  return given;
}

export interface EdgesQuery {
  readonly since: number;
  readonly slot: number | undefined;
  readonly waitMs: number;
}

export function readEdgesQuery(query: URLSearchParams): EdgesQuery {
  const given = fields(Object.fromEntries(query), ["since", "slot", "waitMs"]);
  const number = (key: string): number | undefined =>
    optionalNumber(key, given[key] === undefined ? undefined : Number(given[key]));
  return {
    since: number("since") ?? 0,
    slot: number("slot"),
    waitMs: Math.min(number("waitMs") ?? 0, 60_000),
  };
}

/** Which slots are asked for: `slots=1,4-9`. Undefined: all. */
export function readSlots(query: URLSearchParams): number[] | undefined {
  fields(Object.fromEntries(query), ["slots"]);
  const slots = query.get("slots");
  if (slots === null) return undefined;
  const wanted: number[] = [];
  for (const range of slots.split(",")) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? [];
    if (first === undefined) throw bad("slots: expected numbers and ranges, as in 1,4-9");
    for (let slot = Number(first); slot <= Number(last); slot++) wanted.push(slot);
  }
  return wanted;
}

function fields(body: unknown, allowed: readonly string[]): Fields {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw bad("body: expected a JSON object");
  for (const key of Object.keys(body)) {
    if (!allowed.includes(key)) throw bad(`unknown field; allowed are ${allowed.join(", ")}`);
  }
  return body as Fields;
}

function optionalNumber(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > DAY_MS) {
    throw bad(`${name}: expected a whole number from 0 to ${DAY_MS}`);
  }
  return value;
}

function optionalBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean")
    throw bad(`${name}: expected true or false`);
}

function bad(message: string): SlotError {
  return new SlotError("bad-request", message);
}
