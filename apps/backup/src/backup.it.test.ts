import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openStorage } from "@outrider/storage/open-storage";
import { tempDir } from "@outrider/testing/temp-dir";
import { describe, expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../bin/outrider-backup.mjs", import.meta.url));
const MIGRATIONS = {
  namespace: "demo",
  steps: [{ id: 1, name: "first", sql: "CREATE TABLE demo_row (id INTEGER PRIMARY KEY)" }],
};

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("outrider-backup", () => {
  it("makes, shows and puts back an archive, and says what it will not do", async () => {
    await using folder = await tempDir();
    const [from, to] = [join(folder.path, "from"), join(folder.path, "to")];
    const file = join(folder.path, "a.tar.gz");
    await using storage = await openStorage({
      file: join(from, "demo.sqlite"),
      migrations: MIGRATIONS,
    });
    await storage.write([{ sql: "INSERT INTO demo_row (id) VALUES (7)" }]);
    const made = run("backup", "--data", from, file);
    expect(made).toMatchObject({ status: 0, stderr: "" });
    expect(made.stdout).toMatch(/ {2}demo: schema 1 \(first\)/);
    expect(run("show", file).stdout).toBe(made.stdout);
    expect(run("restore", "--data", to, file)).toMatchObject({ status: 0, stderr: "" });
    await using restored = await openStorage({
      file: join(to, "demo.sqlite"),
      migrations: MIGRATIONS,
    });
    expect(await restored.get("SELECT id FROM demo_row")).toEqual({ id: 7 });
    expect(run("restore", "--data", to, file)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/--replace.*nothing was changed/) as string,
    });
    expect(run("restore", "--data", to, join(folder.path, "none"))).toMatchObject({ status: 1 });
    expect(run("backup", "--data", join(folder.path, "empty"), file)).toMatchObject({ status: 1 });
    expect(existsSync(file)).toBe(true);
    expect(run("make", file)).toMatchObject({ status: 2 });
    const cut = join(folder.path, "cut.tar.gz");
    const whole = await readFile(file);
    for (const bytes of [0, 20, whole.length >> 1, whole.length - 4]) {
      await writeFile(cut, whole.subarray(0, bytes));
      const { status, stderr } = run("show", cut);
      expect([status, stderr.split("\n")]).toEqual([
        1,
        [expect.stringMatching(/^outrider-backup: .*; nothing was changed$/), ""],
      ]);
    }
    expect(run("show", join(folder.path, "none"))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^outrider-backup: ENOENT.*nothing was changed\n$/) as string,
    });
  });
});
