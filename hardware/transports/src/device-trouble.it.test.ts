import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { whoHas, whoMayOpen } from "./device-trouble.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "or-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("names the group that a user has to be in, as the host calls it", async () => {
  const path = join(folder, "ttyX");
  writeFileSync(path, "");
  chmodSync(path, 0o660);
  const group = execFileSync("stat", ["-c", "%G", path]).toString().trim();
  expect(await whoMayOpen(path)).toContain(`usermod -aG ${group} `);
  chmodSync(path, 0o600);
  expect(await whoMayOpen(path)).toContain("udev rule");
  expect(await whoMayOpen(join(folder, "nothing"))).toContain("dialout");
});

it("finds nobody where there is nobody but itself, and never fails", async () => {
  const path = join(folder, "ttyY");
  writeFileSync(path, "");
  await using _mine = await open(path);
  expect(await whoHas(path)).toBeUndefined();
  expect(await whoHas(join(folder, "nothing"))).toBeUndefined();
});
