import { Ajv, type ErrorObject } from "ajv";
import { DURATION_PATTERN } from "@outrider/contracts/clock";
import { ID_PATTERN } from "@outrider/contracts/ids";
import { LABEL_PATTERN } from "@outrider/contracts/node";
import { jsonSchemaOf } from "@outrider/contracts/schema";
import { OFF } from "@outrider/contracts/site-alarms";
import {
  ARGUMENT_PATTERN,
  MAC_PATTERN,
  SERIAL_PATTERN,
  SIZE_PATTERN,
  SiteFile,
  WEBHOOK_PATTERN,
} from "@outrider/contracts/site-file";
import { MAIL_ADDRESS_PATTERN, SMTP_URL_PATTERN } from "@outrider/contracts/telemetry-policy";
import { QUANTITIES, QUANTITY_PATTERN } from "@outrider/contracts/reading";
import { SECRET_FILE, SECRET_VARIABLE } from "@outrider/contracts/secret";
import { isInReference, isReference, mayBeSecret, shown } from "./concealed.js";
import { rightShape } from "./right-shape.js";
import { pathText, quoted, type SitePath, type SiteProblem } from "./site-problem.js";
import type { SiteYaml } from "./site-yaml.js";

const ID_WORDS = "an id of lower-case letters, digits and inner hyphens, at most 63";

const DURATION_WORDS = "a duration such as 500ms, 2s, 1.5m or 1h";
const SIZE_WORDS =
  "a size such as 500GB or 1.5TiB, in kB, MB, GB, TB, PB (thousands) or KiB, MiB, GiB, TiB, PiB (1024)";

/** What stands in place of a secret. */
const REFERENCE = "{ file: … } or { env: … }, which say where the secret is";

/** What the patterns of the site file ask for, in words. */
const WORDS = new Map([
  [ID_PATTERN.source, ID_WORDS],
  [DURATION_PATTERN.source, DURATION_WORDS],
  [SIZE_PATTERN.source, SIZE_WORDS],
  [WEBHOOK_PATTERN.source, "a URL that begins with http:// or https://"],
  [SMTP_URL_PATTERN.source, "a server such as smtps://mail.example.org:465 or smtp://host:587"],
  [MAIL_ADDRESS_PATTERN.source, "an address such as ops@example.org"],
  [SECRET_FILE.source, "the absolute path of a file"],
  [SECRET_VARIABLE.source, "a variable such as OUTRIDER_SECRET_SMTP"],
  [QUANTITY_PATTERN.source, `one of ${Object.keys(QUANTITIES).join(", ")}`],
  [ARGUMENT_PATTERN.source, "text of 1 to 4096 characters"],
  [MAC_PATTERN.source, "an Ethernet address such as d8:3a:dd:00:00:01"],
  [
    SERIAL_PATTERN.source,
    "a serial number of letters, digits, dot, hyphen and underscore, at most 64",
  ],
  [
    LABEL_PATTERN.source,
    "a label of lower-case letters, digits, dot, slash, hyphen and underscore, at most 63",
  ],
]);

const ajv = new Ajv({
  allErrors: true,
  strict: true,
  strictRequired: false,
  verbose: true,
  unicodeRegExp: false,
});
const validate = ajv.compile(jsonSchemaOf(SiteFile));

interface Shape {
  readonly problems: readonly SiteProblem[];
  /** What has the right shape, so that it can be judged further. Undefined when nothing of the file has. */
  readonly right: SiteFile | undefined;
}

/** Checks keys, types and forms. All problems at once. */
export function shapeOf({ value, lineOf }: SiteYaml): Shape {
  if (value === null || value === undefined) {
    const message = "the file is empty; expected the keys site, agents and nodes";
    return { problems: [{ line: 1, path: "", message }], right: undefined };
  }
  if (validate(value)) return { problems: [], right: value as SiteFile };
  const problems = schemaProblems(validate.errors ?? [], [], lineOf);
  const standIns = { site: "unnamed", agents: {}, nodes: {} };
  const right = isMap(value) ? rightShape(value, validate, standIns) : undefined;
  return { problems, right: right as SiteFile | undefined };
}

/** What a JSON Schema says about a part of the file, in words. */
export function schemaProblems(
  errors: readonly ErrorObject[],
  within: SitePath,
  lineOf: SiteYaml["lineOf"],
): SiteProblem[] {
  // That a word is no step need not be said where it is said that it is no word.
  const chosen = new Set(errors.filter(isChoiceOfItem).map(({ instancePath }) => instancePath));
  return errors.flatMap((error) => {
    if (error.keyword === "type" && chosen.has(error.instancePath)) return [];
    const at = [...within, ...pointerSteps(error.instancePath)];
    // `{ hunter2 }` is a map with a key of that name.
    const extra = isReference(error.parentSchema) ? undefined : extraKey(error);
    const path = extra === undefined ? at : [...at, extra];
    const message = extra === undefined ? messageOf(error, at) : unknownKey(extra, error);
    return message === undefined ? [] : [{ line: lineOf(path), path: pathText(path), message }];
  });
}

function pointerSteps(pointer: string): SitePath {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function extraKey(error: ErrorObject): string | undefined {
  return error.keyword === "additionalProperties"
    ? String(error.params["additionalProperty"])
    : undefined;
}

function unknownKey(key: string, error: ErrorObject): string {
  const schema = error.parentSchema as
    | { properties?: object; patternProperties?: object }
    | undefined;
  const [pattern] = Object.keys(schema?.patternProperties ?? {});
  if (pattern !== undefined) return `unknown key ${quoted(key)}; expected ${wordsOf(pattern)}`;
  const known = Object.keys(schema?.properties ?? {});
  return `unknown key ${quoted(key)}; expected ${known.length > 0 ? `one of ${known.join(", ")}` : "none"}`;
}

function messageOf(error: ErrorObject, path: SitePath): string | undefined {
  const { keyword, params, data, message, schema, parentSchema, schemaPath } = error;
  // What the alternatives of a oneOf say one by one is said by the oneOf as a whole.
  if (schemaPath.includes("/oneOf/")) return undefined;
  const { allowedValues, missingProperty, pattern, type } = params as Record<string, unknown>;
  if (keyword === "additionalProperties")
    return `has a key that is not known; expected ${REFERENCE}`;
  const concealed = mayBeSecret(path) || isInReference(parentSchema);
  const given = shown(data, concealed, keyword);
  switch (keyword) {
    case "required":
      return `${String(missingProperty)} is missing`;
    case "enum":
      return `${concealed ? `${given} is no known value` : `unknown value ${given}`}; expected one of ${(allowedValues as unknown[]).join(", ")}`;
    case "pattern":
      return `${given} does not fit; expected ${wordsOf(String(pattern))}`;
    case "type":
      if (isReference(parentSchema))
        return data === null
          ? `is empty; expected ${REFERENCE}`
          : `${shown(data, true, keyword)} is not ${REFERENCE}`;
      return numberMessage(data, parentSchema) ?? typeMessage(String(type), data, given);
    case "oneOf":
      if (isChoiceOfItem({ keyword, schema })) return choiceMessage(schema, data, given);
      // That it is no map at all is said already.
      if (!isMap(data)) return undefined;
      return `must have ${alternatives(schema)}`;
    default:
      return `${given} ${message ?? "does not fit"}`;
  }
}

/** A number where its unit is missing; undefined where something else is wrong. */
function numberMessage(
  data: unknown,
  parentSchema: ErrorObject["parentSchema"],
): string | undefined {
  const pattern: unknown = parentSchema?.["pattern"];
  if (typeof data !== "number") return undefined;
  if (pattern === DURATION_PATTERN.source) {
    return `'${data}' has no unit; expected ${DURATION_WORDS}: '${data}s' are seconds, '${data}m' minutes`;
  }
  if (pattern === SIZE_PATTERN.source) return `'${data}' has no unit; expected ${SIZE_WORDS}`;
  return undefined;
}

/** Whether an entry of a list is one of several kinds: a word, or a map with steps. */
function isChoiceOfItem({ keyword, schema }: Pick<ErrorObject, "keyword" | "schema">): boolean {
  return keyword === "oneOf" && (schema as readonly object[]).some((one) => "enum" in one);
}

/** What is wrong inside a map is said where it is wrong. */
function choiceMessage(schema: unknown, data: unknown, given: string): string | undefined {
  if (isMap(data)) return undefined;
  const words = (schema as readonly { readonly enum?: readonly string[] }[]).flatMap(
    (one) => one.enum ?? [],
  );
  const example = words.includes(OFF)
    ? "{ upper: { warning: 70 } }"
    : "{ sysrq: [sync] } or { power: PowerCycle }";
  return `unknown value ${given}; expected ${words.join(", ")}, or a map such as ${example}`;
}

function isMap(data: unknown): data is object {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}

function alternatives(schema: unknown): string {
  const names = (schema as { required?: string[] }[]).flatMap(({ required = [] }) => required);
  return names.length > 0
    ? `exactly one of ${names.join(", ")}`
    : "exactly one of its alternatives";
}

function typeMessage(type: string, data: unknown, given: string): string {
  const names: Record<string, string> = {
    object: "a map",
    array: "a list",
    string: "text",
    integer: "a whole number",
    number: "a number",
    boolean: "true or false",
  };
  const expected = names[type] ?? type;
  if (data === null)
    return `is empty; expected ${expected}${type === "object" ? " ({} for an empty one)" : ""}`;
  if (type === "string" && (typeof data === "number" || typeof data === "boolean")) {
    return `${given} is not text; put it in quotes`;
  }
  return `${given} is not ${expected}`;
}

function wordsOf(pattern: string): string {
  return WORDS.get(pattern) ?? `what matches ${pattern}`;
}
