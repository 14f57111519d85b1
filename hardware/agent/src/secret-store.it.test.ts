import { link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readAgentConfig } from "./config.js";
import { SecretStore, secretDirectories } from "./secret-store.js";

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
    store = new SecretStore(
      [place, join(dir.path, "absent")],
      {
        OUTRIDER_SECRET_PLUG: "hunter2",
        OUTRIDER_SECRET_NONE: "",
      },
      [],
    );
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

  it("lie in a directory of their own, never beside Outrider's credentials and configuration", () => {
    const environment = { CREDENTIALS_DIRECTORY: "/run/credentials/outrider.service" };
    expect(secretDirectories("/data/agent-a", environment)).toEqual([
      "/etc/outrider/secrets",
      "/data/agent-a/secrets",
      "/run/credentials/outrider.service",
    ]);
    expect(secretDirectories("/data/agent-a", {})).toHaveLength(2);
  });

  it("are never the agent's own credential or another of Outrider's, by any name", async () => {
    const credentials = join(dir.path, "credentials");
    const [own, key] = [join(credentials, "secret"), join(credentials, "manager.key")];
    await mkdir(credentials);
    await writeFile(own, "who the agent is");
    await writeFile(key, "who the manager is");
    await writeFile(join(credentials, "poe"), "c0mmunity");
    await symlink(own, join(credentials, "alias"));
    await link(own, join(credentials, "twin"));
    const { secrets } = readAgentConfig({
      OUTRIDER_AGENT: "rack-a",
      OUTRIDER_DATA: dir.path,
      OUTRIDER_AGENT_SECRET_FILE: own,
      OUTRIDER_CONSOLE_LINK_KEY_FILE: key,
      CREDENTIALS_DIRECTORY: credentials,
    });
    await expect(secrets.resolve({ file: join(credentials, "poe") })).resolves.toBe("c0mmunity");
    for (const name of ["secret", "manager.key", "alias", "twin"]) {
      const refused = secrets.resolve({ file: join(credentials, name) });
      await expect(refused, name).rejects.toMatchObject({ code: "invalid-options" });
      await expect(refused, name).rejects.toThrow("is a credential of Outrider itself");
      await expect(refused, name).rejects.not.toThrow("who the");
    }
  });
});
