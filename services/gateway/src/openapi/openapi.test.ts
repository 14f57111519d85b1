import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ROUTES } from "../routes/table.js";
import { OPENAPI_FILE, openApiText } from "./openapi-text.js";

interface Described {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId: string }>>>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const described = JSON.parse(openApiText()) as Described;

describe("the description of the API", () => {
  it("is what the repository has: `node services/gateway/dist/openapi/write-openapi.js` writes it", async () => {
    expect(await readFile(OPENAPI_FILE, "utf8")).toBe(openApiText());
  });

  it("names every operation once", () => {
    const ids = Object.values(described.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toEqual(expect.arrayContaining(ROUTES.map(({ id }) => id)));
  });

  it("refers to nothing that it does not have", () => {
    const missing = [...openApiText().matchAll(/"\$ref": "#\/components\/schemas\/(\w+)"/g)]
      .map(([, name]) => name ?? "")
      .filter((name) => !(name in described.components.schemas));
    expect(missing).toEqual([]);
  });

  it("has every parameter of a path in the path, and no other", () => {
    for (const { path, params } of ROUTES) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const operations = described.paths[`/api/v1${path}`] as unknown as Record<
        string,
        { readonly parameters: readonly { readonly in: string; readonly name: string }[] }
      >;
      for (const { parameters } of Object.values(operations)) {
        const inPath = parameters.filter((one) => one.in === "path").map(({ name }) => name);
        expect({ path, params: params.name, inPath }).toEqual({
          path,
          params: params.name,
          inPath: expect.arrayContaining(names) as string[],
        });
        expect(inPath).toHaveLength(names.length);
      }
    }
  });
});
