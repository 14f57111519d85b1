import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { AnyContract, Contract } from "./contract.js";
import { isDeeper, readJson, textOf, writeJson } from "./json-text.js";
import { jsonSchemaOf, opened } from "./schema.js";

/** Deeper JSON than this is refused before it is parsed (P19). */
export const MAX_DEPTH = 16;

/** Why a payload was refused. Names the field and never repeats what stood in it. */
export interface Refusal {
  /** JSON Pointer-like path, `ttlMs` or `supply.value`; empty for the payload as a whole. */
  readonly field: string;
  readonly message: string;
}

export type Decoded<P> =
  | { readonly ok: true; readonly value: P }
  | { readonly ok: false; readonly refusal: Refusal };

/** A payload of ours that breaks its own contract: a defect, never a condition. */
export class ContractError extends Error {
  override readonly name = "ContractError";
}

const ajv = new Ajv({
  allErrors: false,
  strict: true,
  strictRequired: false,
  allowUnionTypes: true,
  unicodeRegExp: false,
});
/** Made when they are first used: most processes only write a class, or only read it, and use few of all. */
const compiled = {
  closed: new Map<new () => object, ValidateFunction>(),
  open: new Map<new () => object, ValidateFunction>(),
};

function validatorOf(type: new () => object, closed: boolean): ValidateFunction {
  const made = closed ? compiled.closed : compiled.open;
  let validate = made.get(type);
  if (!validate) {
    const schema = jsonSchemaOf(type);
    validate = ajv.compile(closed ? schema : opened(schema));
    made.set(type, validate);
  }
  return validate;
}

/**
 * Checks a value against a payload class.
 * @param closed whether properties that the class does not declare are refused
 */
export function check<P extends object>(
  type: new () => P,
  value: unknown,
  closed: boolean,
): Decoded<P> {
  const validate = validatorOf(type, closed);
  if (validate(value)) return { ok: true, value: value as P };
  return { ok: false, refusal: refusalOf(validate.errors?.at(-1), validate.schema) };
}

/**
 * Reads a payload from the wire: size, UTF-8, depth, JSON, what no database would keep, schema, in that order.
 * Never throws. The work grows with the size of the payload and no faster, whatever stands in it (P19).
 */
export function decode<P extends object>(
  contract: Contract<string, P>,
  bytes: Uint8Array | string,
): Decoded<P> {
  const length = typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.byteLength;
  if (length > contract.maxBytes) {
    return refuse("", `the payload has ${length} bytes; at most ${contract.maxBytes} are read`);
  }
  const text = textOf(bytes);
  if (text === undefined) return refuse("", "the payload is not valid UTF-8");
  const trimmed = text.trim();
  if (contract.bareWord !== undefined && !trimmed.startsWith("{")) {
    return check(contract.payload, { [contract.bareWord]: trimmed }, true);
  }
  const json = readJson(trimmed, MAX_DEPTH);
  if ("problem" in json) return refuse("", json.problem);
  return check(contract.payload, json.value, contract.kind === "ask");
}

/**
 * Writes a payload for the wire, checked against the closed schema. Where text was cut through a character, or has a
 * NUL in it, U+FFFD takes the place of what no reader would accept.
 * @throws ContractError when the value breaks its contract
 */
export function encode<P extends object>(contract: Contract<string, P>, value: P): string {
  const result = check(contract.payload, value, true);
  if (!result.ok) {
    throw new ContractError(
      `${contract.template}: ${result.refusal.field} ${result.refusal.message}`,
    );
  }
  const text = writeJson(value);
  if (Buffer.byteLength(text) > contract.maxBytes) {
    throw new ContractError(
      `${contract.template}: the payload has more than ${contract.maxBytes} bytes`,
    );
  }
  if (isDeeper(text, MAX_DEPTH)) {
    throw new ContractError(
      `${contract.template}: the payload is nested deeper than ${MAX_DEPTH} levels`,
    );
  }
  return text;
}

/** Compiles every contract's validators now, so that the first message does not pay for it. */
export function compileAll(contracts: readonly AnyContract[]): void {
  for (const { payload } of contracts) {
    for (const closed of [true, false]) validatorOf(payload, closed);
  }
}

function refuse(field: string, message: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { field, message } };
}

function refusalOf(error: ErrorObject | undefined, schema: unknown): Refusal {
  if (!error) return { field: "", message: "does not fit" };
  const at = error.instancePath
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");
  const parameters = error.params as Record<string, unknown>;
  const within = (name: unknown): string => (at === "" ? String(name) : `${at}.${String(name)}`);
  switch (error.keyword) {
    case "required":
      return { field: within(parameters["missingProperty"]), message: "is missing" };
    case "additionalProperties":
      // The name comes from outside: it is shown only where it is harmless.
      return {
        field: within(
          /^\w{1,40}$/.test(String(parameters["additionalProperty"]))
            ? parameters["additionalProperty"]
            : "?",
        ),
        message: "is not a known property",
      };
    case "enum":
      return {
        field: at,
        message: `must be one of ${(parameters["allowedValues"] as string[]).join(", ")}`,
      };
    case "pattern":
      return { field: at, message: `must match ${String(parameters["pattern"])}` };
    case "oneOf":
      return { field: at, message: `must have exactly one of ${alternativesOf(schema)}` };
    default:
      return { field: at, message: error.message ?? "does not fit" };
  }
}

/** The properties of the root that exclude each other, where it has such. */
function alternativesOf(schema: unknown): string {
  const { oneOf = [] } = schema as { readonly oneOf?: readonly { readonly required: string[] }[] };
  return oneOf.flatMap(({ required }) => required).join(", ");
}
