import { jsonSchemaOf, opened, type JsonSchema } from "@outrider/contracts/schema";

type Class = new () => object;

const OURS = "#/definitions/";
const THEIRS = "#/components/schemas/";

/** Collects the schemas of bodies, which are closed, and of replies, which clients read openly. */
export class Schemas {
  readonly #inputs = new Map<string, JsonSchema>();
  readonly #replies = new Map<string, JsonSchema>();

  /** @returns a reference to the schema of what a client sends */
  input(type: Class): JsonSchema {
    this.#take(this.#inputs, jsonSchemaOf(type));
    return { $ref: `${THEIRS}${type.name}Input` };
  }

  /** @returns a reference to the schema of what a client reads */
  reply(type: Class): JsonSchema {
    this.#take(this.#replies, opened(jsonSchemaOf(type)));
    return { $ref: THEIRS + type.name };
  }

  /** By name, sorted. */
  components(): Record<string, JsonSchema> {
    const all = [
      ...[...this.#inputs].map(
        ([name, schema]) => [`${name}Input`, moved(schema, "Input")] as const,
      ),
      ...[...this.#replies].map(([name, schema]) => [name, moved(schema, "")] as const),
    ];
    return Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** @throws TypeError when two classes of one name differ */
  #take(into: Map<string, JsonSchema>, whole: JsonSchema): void {
    const {
      $schema: _,
      title,
      definitions,
      ...root
    } = whole as {
      readonly $schema: string;
      readonly title: string;
      readonly definitions: Readonly<Record<string, JsonSchema>>;
    };
    for (const [name, schema] of [...Object.entries(definitions), [title, root] as const]) {
      const known = into.get(name);
      if (known && JSON.stringify(known) !== JSON.stringify(schema)) {
        throw new TypeError(`two classes of the API are called ${name}`);
      }
      into.set(name, schema);
    }
  }
}

/** The schema with its references where OpenAPI has them. */
function moved(schema: JsonSchema, suffix: string): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === "$ref" && typeof value === "string" && value.startsWith(OURS)
      ? THEIRS + value.slice(OURS.length) + suffix
      : value,
  ) as JsonSchema;
}
