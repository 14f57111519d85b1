import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cliReference } from "./reference.js";

it("is what the program does: `npm run reference` writes it anew", () => {
  const file = new URL("../../../docs/reference/cli.md", import.meta.url);
  expect(readFileSync(file, "utf8")).toBe(cliReference());
});
