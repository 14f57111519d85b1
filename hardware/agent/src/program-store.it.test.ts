import { chmod, chown, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProgramStore } from "./program-store.js";

const SCRIPT = "#!/bin/sh\n";
const uid = process.getuid?.() ?? 0;

describe("the programs of an agent's host", () => {
  let dir: TempDir;
  let store: ProgramStore;
  let first: string;
  let second: string;

  const put = async (file: string, mode = 0o755): Promise<void> => {
    await writeFile(file, SCRIPT);
    await chmod(file, mode);
  };

  beforeEach(async () => {
    dir = await tempDir();
    first = join(dir.path, "commands");
    second = join(dir.path, "own");
    for (const place of [first, second]) {
      await mkdir(place);
      await chmod(place, 0o755);
    }
    store = new ProgramStore([join(dir.path, "absent"), first, second], uid);
    await put(join(first, "outlet"));
    await put(join(second, "own-outlet"));
    await put(join(dir.path, "elsewhere"));
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it("are found by name in either place, and are what a link within it leads to", async () => {
    await expect(store.resolve("outlet")).resolves.toBe(join(first, "outlet"));
    await expect(store.resolve("own-outlet")).resolves.toBe(join(second, "own-outlet"));
    await symlink("outlet", join(first, "link"));
    await expect(store.resolve("link")).resolves.toBe(join(first, "outlet"));
  });

  it.each(["/bin/sh", "../elsewhere", "sub/outlet", "..", "", "-c", "a b", "outlet\0"])(
    "are not to be had as %j, which is no file name",
    async (name) => {
      const refused = store.resolve(name);
      await expect(refused).rejects.toMatchObject({ code: "invalid-options" });
      await expect(refused).rejects.toThrow("named by its file name");
    },
  );

  it.each<[string, () => Promise<void>, string]>([
    ["none", async () => {}, "There is no program none"],
    [
      "way-out",
      () => symlink(join(dir.path, "elsewhere"), join(first, "way-out")),
      "a link that leads out",
    ],
    ["open", () => put(join(first, "open"), 0o757), "may be written by others"],
    ["group", () => put(join(first, "group"), 0o775), "may be written by others"],
    ["plain", () => put(join(first, "plain"), 0o644), "cannot be run by the agent's user (EACCES)"],
    ["folder", () => mkdir(join(first, "folder")), "is no program"],
    ["outlet", () => chmod(first, 0o777), "commands may be written by others"],
  ])("are refused for what could be anybody's: %s", async (name, prepare, why) => {
    await prepare();
    // What is unsafe in the first place must not be looked for in the second.
    if (name !== "none") await put(join(second, name));
    const refused = store.resolve(name);
    await expect(refused).rejects.toMatchObject({ code: "invalid-options" });
    await expect(refused).rejects.toThrow(why);
  });

  it.skipIf(uid !== 0)("are refused when somebody else owns them, or their place", async () => {
    await chown(join(first, "outlet"), 65_534, 65_534);
    await expect(store.resolve("outlet")).rejects.toThrow("belongs neither to root nor");
    await expect(new ProgramStore([first], 65_534).resolve("outlet")).resolves.toBe(
      join(first, "outlet"),
    );
    await chown(second, 65_534, 65_534);
    await expect(store.resolve("own-outlet")).rejects.toThrow("belongs neither to root nor");
  });
});
