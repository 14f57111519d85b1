import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { jsonSchemaOf, type JsonSchema, type PayloadClass } from "@outrider/contracts/schema";

/** What comments say of the properties of a class. */
interface ClassWords {
  readonly parent: string | undefined;
  readonly words: ReadonlyMap<string, string>;
}
/** By name; names of classes of options are used once. */
export type OptionWords = ReadonlyMap<string, ClassWords>;

const CLASS =
  /^export declare (?:abstract )?class (\w+)(?: extends (\w+))?[^{\n]*\{\n([\s\S]*?)^\}/gm;
const PROPERTY = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:readonly )?(\w+)\??:/g;

/** What the comments in a declaration file say. Pure. */
export function wordsIn(declarations: string): OptionWords {
  const found = new Map<string, ClassWords>();
  for (const [, name = "", parent, body = ""] of declarations.matchAll(CLASS)) {
    const words = [...body.matchAll(PROPERTY)].map(
      ([, comment = "", property = ""]) => [property, sentenceOf(comment)] as const,
    );
    found.set(name, { parent, words: new Map(words) });
  }
  return found;
}

/**
 * The comments of all classes of this package, from the declaration files that lie beside the compiled ones: they are
 * the one place where an option is explained. Empty where the files were left out: then options are listed all the same.
 */
export async function readOptionWords(
  root: URL = new URL(".", import.meta.url),
): Promise<OptionWords> {
  const names = await readdir(root, { recursive: true });
  const files = names.filter((name) => name.endsWith(".d.ts") && !name.startsWith("testing/"));
  const secret = fileURLToPath(import.meta.resolve("@outrider/contracts/secret"));
  const texts = await Promise.all([
    ...files.map((name) => readFile(new URL(name, root), "utf8")),
    readFile(secret.replace(/\.js$/, ".d.ts"), "utf8").catch(() => ""),
  ]);
  return new Map(texts.flatMap((text) => [...wordsIn(text)]));
}

/** The JSON Schema of a driver's options, with what the comments say as `description`. */
export function describedSchema(options: PayloadClass, all: OptionWords): JsonSchema {
  const schema = jsonSchemaOf(options);
  const definitions = (schema["definitions"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  return {
    ...withWords(schema, options.name, all),
    definitions: Object.fromEntries(
      Object.entries(definitions).map(([name, one]) => [name, withWords(one, name, all)]),
    ),
  };
}

function withWords(schema: JsonSchema, name: string, all: OptionWords): JsonSchema {
  const { properties } = schema as { readonly properties?: Readonly<Record<string, JsonSchema>> };
  if (!properties) return schema;
  return {
    ...schema,
    properties: Object.fromEntries(
      Object.entries(properties).map(([property, one]) => {
        const words = wordsOf(name, property, all);
        return [property, words === undefined ? one : { ...one, description: words }];
      }),
    ),
  };
}

/** Its own word, or that of the class it extends. */
function wordsOf(name: string, property: string, all: OptionWords): string | undefined {
  const seen = new Set<string>();
  for (let at: string | undefined = name; at !== undefined && !seen.has(at);) {
    seen.add(at);
    const known: ClassWords | undefined = all.get(at);
    const words = known?.words.get(property);
    if (words !== undefined) return words;
    at = known?.parent;
  }
  return undefined;
}

function sentenceOf(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trim())
    .join(" ")
    .trim();
}
