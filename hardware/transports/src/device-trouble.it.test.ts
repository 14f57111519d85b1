import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { whoHas } from "./device-trouble.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "or-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("finds nobody where there is nobody but itself, and never fails", async () => {
  const path = join(folder, "ttyY");
  writeFileSync(path, "");
  await using _mine = await open(path);
  expect(await whoHas(path)).toBeUndefined();
  expect(await whoHas(join(folder, "nothing"))).toBeUndefined();
});
