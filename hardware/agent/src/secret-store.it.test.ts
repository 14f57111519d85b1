import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SecretStore } from "./secret-store.js";

describe("the secrets of an agent (P18)", () => {
  let dir: TempDir;
  let store: SecretStore;

  beforeEach(async () => {
    dir = await tempDir();
    const place = join(dir.path, "secrets");
    await mkdir(place);
    await writeFile(join(place, "poe"), "c0mmunity\n");
    await writeFile(join(place, "empty"), "\n");
    await writeFile(join(dir.path, "elsewhere"), "not for devices");
    await symlink(join(dir.path, "elsewhere"), join(place, "way-out"));
    store = new SecretStore([place, join(dir.path, "absent")], {
      OUTRIDER_SECRET_PLUG: "hunter2",
      OUTRIDER_SECRET_NONE: "",
    });
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it("are read where they lie, without the line's end", async () => {
    await expect(store.resolve({ file: join(dir.path, "secrets/poe") })).resolves.toBe("c0mmunity");
    await expect(store.resolve({ env: "OUTRIDER_SECRET_PLUG" })).resolves.toBe("hunter2");
  });

  it.each([
    ["elsewhere", "does not lie where secrets may"],
    ["secrets/../elsewhere", "does not lie where secrets may"],
    ["secrets/way-out", "does not lie where secrets may"],
    ["secrets/none", "There is no such file on the agent's host."],
    ["secrets/empty", "is empty"],
  ])("are not to be had at %s", async (file, why) => {
    const refused = store.resolve({ file: join(dir.path, file) });
    await expect(refused).rejects.toMatchObject({ code: "invalid-options" });
    await expect(refused).rejects.toThrow(why);
    await expect(refused).rejects.not.toThrow("not for devices");
  });

  it("of the environment that are not set are named", async () => {
    await expect(store.resolve({ env: "OUTRIDER_SECRET_NONE" })).rejects.toThrow(
      "The variable OUTRIDER_SECRET_NONE is not set",
    );
  });
});
