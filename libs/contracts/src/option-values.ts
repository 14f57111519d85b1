/** A property of a JSON Schema of options, as far as people are told of it. */
export interface OptionSchema {
  readonly type?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: OptionSchema;
}

/** One option of a driver, for a list of them. */
export interface OptionRow {
  readonly name: string;
  readonly needed: boolean;
  /** `1 to 48`, `on | off`, `text`. */
  readonly values: string;
  /** What its comment says; empty where it says nothing. */
  readonly meaning: string;
}

/** The options of a driver by its JSON Schema, those that are needed first. */
export function optionRows(schema: Readonly<Record<string, unknown>>): OptionRow[] {
  const { properties = {}, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, OptionSchema>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties)
    .map(([name, property]) => ({
      name,
      needed: required.includes(name),
      values: valuesOf(property),
      meaning: property.description ?? "",
    }))
    .toSorted((a, b) => Number(b.needed) - Number(a.needed));
}

function valuesOf({ type, $ref, enum: words, minimum, maximum, items }: OptionSchema): string {
  if ($ref?.endsWith("/SecretReference")) return "{ file: … } or { env: … }";
  if (words) return words.map(String).join(" | ");
  if (type === "array" && items) return `list: ${valuesOf(items)}`;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `from ${minimum}`;
  if (type === "string") return "text";
  if (type === "boolean") return "true | false";
  return type === undefined || type === "object" ? "map" : type;
}
