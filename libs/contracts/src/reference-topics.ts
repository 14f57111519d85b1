import { TOPIC_ROOT, type AnyContract } from "./contract.js";
import { TIMESTAMP_PATTERN } from "./decorators.js";
import { ACTOR_PATTERN, COMMAND_ID_PATTERN, ENDPOINT_ID_PATTERN, ID_PATTERN } from "./ids.js";
import { anchor, table } from "./markdown.js";
import { REASON_CODES } from "./reasons.js";
import { jsonSchemaOf, type JsonSchema } from "./schema.js";

/** Every topic with its facts, and every payload with its properties, as a Markdown page. */
export function topicReference(catalog: readonly AnyContract[]): string {
  return `# Topics

Every topic starts with \`${TOPIC_ROOT}\`; \`v1\` is the protocol's major version. Times are RFC 3339 in UTC with
milliseconds. What **asks** is closed: an unknown property is refused. What **reports** is closed when written and open
when read: readers ignore properties that they do not know. JSON Schemas are in [schemas](schemas).

## Public topics

For people, scripts, Home Assistant and dashboards.

${topicTable(catalog.filter(({ audience }) => audience === "public"))}

## Private topics

Between services and agents. They may change with any version.

${topicTable(catalog.filter(({ audience }) => audience === "private"))}

## Forms

${table(
  ["Form", "Pattern"],
  [...FORMS].map(([pattern, name]) => [name, `\`${pattern}\``]),
)}

## Payloads

${[...payloads(catalog)].map(([name, schema]) => payload(name, schema)).join("\n\n")}`;
}

/** Patterns with a name, by source. */
const FORMS: ReadonlyMap<string, string> = new Map([
  [TIMESTAMP_PATTERN.source, "time"],
  [ID_PATTERN.source, "id"],
  [ENDPOINT_ID_PATTERN.source, "endpoint id"],
  [COMMAND_ID_PATTERN.source, "command id"],
  [ACTOR_PATTERN.source, "actor"],
]);

function topicTable(contracts: readonly AnyContract[]): string {
  return table(
    ["Topic", "QoS", "Retained", "Writer", "Kind", "Payload", "At most", "What it says"],
    contracts.map((one) => [
      `\`${one.template}\``,
      String(one.qos),
      one.retain ? (one.will ? "yes, will" : "yes") : "never",
      one.writers.join(", "),
      one.kind,
      anchor(one.payload.name),
      `${one.maxBytes.toLocaleString("en")} bytes`,
      one.bareWord === undefined
        ? one.summary
        : `${one.summary} A bare word is the value of \`${one.bareWord}\`.`,
    ]),
  );
}

/** Payload classes and those inside them, by name, once each. */
function payloads(catalog: readonly AnyContract[]): ReadonlyMap<string, JsonSchema> {
  const found = new Map<string, JsonSchema>();
  for (const { payload: type } of catalog) {
    const { definitions, ...root } = jsonSchemaOf(type);
    found.set(type.name, root);
    for (const [name, one] of Object.entries(definitions as Record<string, JsonSchema>)) {
      if (!found.has(name)) found.set(name, one);
    }
  }
  return found;
}

interface Words {
  readonly $ref?: string;
  readonly enum?: readonly string[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly { readonly required: readonly string[] }[];
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

function payload(name: string, schema: JsonSchema): string {
  const { properties = {}, patternProperties = {}, required = [], oneOf } = schema as Words;
  const rows = Object.entries(properties).map(([property, one]) => [
    `\`${property}\``,
    typeOf(one),
    boundsOf(one).join("; "),
    required.includes(property) ? "yes" : "no",
  ]);
  for (const [names, one] of Object.entries(patternProperties)) {
    rows.push(["any other", typeOf(one), `names \`${names}\``, "no"]);
  }
  const alternatives = oneOf
    ?.flatMap((one) => one.required.map((word) => `\`${word}\``))
    .join(", ");
  return [
    `### ${name}`,
    ...(alternatives === undefined ? [] : [`Exactly one of ${alternatives} is there.`]),
    table(["Property", "Type", "Bounds", "Required"], rows),
  ].join("\n\n");
}

/** @throws TypeError for a schema that it has no words for, rather than leave a gap on the page */
function typeOf(schema: JsonSchema): string {
  const { $ref, enum: words, type, items, patternProperties, pattern = "" } = schema as Words;
  if ($ref !== undefined) return anchor($ref.replace("#/definitions/", ""));
  if (words) return isReason(words) ? "[reason code](reason-codes.md)" : "word";
  switch (type) {
    case "array":
      return `list of ${typeOf(items ?? {})}`;
    case "object":
      return patternProperties
        ? `map to ${typeOf(Object.values(patternProperties)[0] ?? {})}`
        : "any object";
    case "string":
      return FORMS.has(pattern) ? `[${FORMS.get(pattern)}](#forms)` : "text";
    case "boolean":
    case "integer":
    case "number":
      return type;
    case undefined:
    default:
      throw new TypeError(`no words for ${JSON.stringify(schema)}`);
  }
}

function isReason(words: readonly string[]): boolean {
  return words.join() === REASON_CODES.join();
}

function boundsOf(schema: JsonSchema): string[] {
  const one = schema as Words;
  const bounds: string[] = [];
  if (one.enum && !isReason(one.enum))
    bounds.push(one.enum.map((word) => `\`${word}\``).join(", "));
  if (one.pattern !== undefined && !FORMS.has(one.pattern)) bounds.push(`\`${one.pattern}\``);
  if (one.maxLength !== undefined) bounds.push(`at most ${one.maxLength} characters`);
  if (one.minimum !== undefined && one.maximum !== undefined) {
    const open = one.maximum === Number.MAX_SAFE_INTEGER;
    bounds.push(open ? `at least ${one.minimum}` : `${one.minimum} to ${one.maximum}`);
  }
  if (one.maxItems !== undefined) bounds.push(`at most ${one.maxItems}`);
  if (one.maxProperties !== undefined) bounds.push(`at most ${one.maxProperties}`);
  if (one.items) bounds.push(...boundsOf(one.items).map((text) => `each ${text}`));
  for (const [keys, value] of Object.entries(one.patternProperties ?? {})) {
    const form = FORMS.get(keys);
    bounds.push(
      form === undefined ? `keys \`${keys}\`` : `keys: ${form}`,
      ...boundsOf(value).map((text) => `values ${text}`),
    );
  }
  return bounds;
}
