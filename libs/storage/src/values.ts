import { StorageError } from "./storage-error.js";

/** What a parameter may be. `undefined` is refused: say `null`. */
export type SqlInput = string | number | bigint | boolean | null | Uint8Array;
/** What a column gives back. An integer is a `number` where that is exact, else a `bigint`. A boolean comes back as 0 or 1. */
export type SqlOutput = string | number | bigint | null | Uint8Array;
export type Row = Record<string, SqlOutput>;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/**
 * A parameter as SQLite stores it: a whole number as INTEGER (the binding would make it REAL), a boolean as 0 or 1.
 * @throws StorageError `programming` for a value that would be stored as something else.
 */
export function bindValue(
  value: unknown,
  position: number,
): string | number | bigint | null | Uint8Array {
  if (value === null || typeof value === "string" || value instanceof Uint8Array) return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw refused(position, `${value}, which SQL has no value for`);
    return Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (typeof value === "bigint") {
    if (value > INT64_MAX || value < INT64_MIN) throw refused(position, "a bigint beyond 64 bits");
    return value;
  }
  const what = value === undefined ? "undefined (say null)" : typeof value;
  throw refused(position, `${what} (for JSON use toJson)`);
}

function refused(position: number, what: string): StorageError {
  return new StorageError("programming", `parameter ${position + 1} is ${what}`);
}

/** A column's integer as a `number` where that is exact. */
export function unbindValue(value: SqlOutput): SqlOutput {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A value as JSON text for a TEXT column. @throws StorageError `programming` for what JSON cannot say (undefined, cycles, bigint). */
export function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new StorageError("programming", "the value cannot be said in JSON", { cause });
  }
  if (text === undefined)
    throw new StorageError("programming", `${typeof value} cannot be said in JSON`);
  return text;
}

/** A TEXT column written with {@link toJson}. @throws StorageError `corrupt` when it holds no JSON. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it wrote
export function fromJson<T>(text: SqlOutput | undefined): T {
  try {
    if (typeof text === "string") return JSON.parse(text) as T;
  } catch (cause) {
    throw new StorageError(
      "corrupt",
      "a column that should hold JSON holds something else; was the database edited by hand?",
      { cause },
    );
  }
  throw new StorageError("programming", "fromJson was handed a column that is no text");
}
