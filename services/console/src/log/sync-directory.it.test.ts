import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, it } from "vitest";
import { makeDirectory } from "./sync-directory.js";

it("makes a directory with all above it, also by a relative path, and minds none that is there", async () => {
  const root = await mkdtemp(join(tmpdir(), "make-directory-"));
  try {
    for (const path of [join(root, "a/b/c"), relative(process.cwd(), join(root, "d/e")), root]) {
      await makeDirectory(path);
      await makeDirectory(path);
      expect((await stat(path)).isDirectory()).toBe(true);
    }
  } finally {
    await rm(root, { recursive: true });
  }
});
