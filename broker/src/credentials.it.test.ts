import { chmod, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds } from "@outrider/contracts/clock";
import { describe, expect, it } from "vitest";
import { addCredential, openCredentials, readSecret } from "./credentials.js";
import {
  CredentialsError,
  credentialsPath,
  readCredentials,
  writeCredentials,
} from "./credentials-file.js";
import { withFileLock } from "./file-lock.js";
import { hashSecret, isHash, matchesHash, unmatchableHash } from "./secret-hash.js";
import { recordingLog, temporaryFolder } from "./testing/support.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const AGENT = { kind: "agent", name: "rack-a" } as const;

describe("the hash of a secret", () => {
  it.each(["person", "agent"] as const)(
    "matches its secret alone, and says its cost (%s)",
    async (kind) => {
      const hash = await hashSecret(kind, "secret");
      expect(hash).toMatch(/^\$scrypt\$ln=1[25],r=8,p=1\$/);
      expect(await hashSecret(kind, "secret")).not.toBe(hash);
      expect(await matchesHash(hash, bytes("secret"))).toBe(true);
      expect(await matchesHash(hash, bytes("Secret"))).toBe(false);
      expect(await matchesHash(hash, bytes(""))).toBe(false);
    },
  );

  it("of nobody costs the same and matches nothing", async () => {
    const real = await hashSecret("person", "secret");
    const nobody = unmatchableHash("person");
    expect(nobody.split("$")[2]).toBe(real.split("$")[2]);
    expect(await matchesHash(nobody, bytes(""))).toBe(false);
  });

  it.each([
    "",
    "$scrypt$ln=12,r=8,p=1$$",
    "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U",
    "plain",
  ])("is not %j", async (text) => {
    expect(isHash(text)).toBe(false);
    await expect(matchesHash(text, bytes("x"))).rejects.toThrow(TypeError);
  });
});

describe("credentials", () => {
  it("that were just added are known also to somebody who comes while they are being read", async () => {
    await using folder = await temporaryFolder();
    const store = await openCredentials(folder.path);
    await addCredential(folder.path, AGENT);
    const secret = bytes(await readSecret(folder.path, AGENT));
    const reading = store.refresh();
    // Let it learn that there is a new version, and begin to read it.
    await stat(credentialsPath(folder.path));
    await stat(credentialsPath(folder.path));
    expect(await store.verify(AGENT, secret)).toEqual(AGENT);
    await reading;
  });

  it("are made once, are left as they are, and are known when they are added", async () => {
    await using folder = await temporaryFolder();
    const store = await openCredentials(folder.path);
    const secret = await readSecret(folder.path, { kind: "service", name: "power" });
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    expect(await store.verify(AGENT, bytes("x"))).toBeUndefined();
    expect(await addCredential(folder.path, AGENT)).toBe(true);
    const agentSecret = await readSecret(folder.path, AGENT);
    const before = await readFile(credentialsPath(folder.path), "utf8");
    expect(await addCredential(folder.path, AGENT)).toBe(false);
    const again = await openCredentials(folder.path);
    expect(await readFile(credentialsPath(folder.path), "utf8")).toBe(before);
    for (const one of [store, again]) {
      expect(await one.verify(AGENT, bytes(agentSecret))).toEqual(AGENT);
      expect(await one.verify(AGENT, bytes(agentSecret))).toEqual(AGENT);
      expect(await one.verify(AGENT, bytes(secret))).toBeUndefined();
      expect(await one.verify({ kind: "service", name: "power" }, bytes(secret))).toBeDefined();
      expect(
        await one.verify({ kind: "person", name: "rack-a" }, bytes(agentSecret)),
      ).toBeUndefined();
    }
    expect(await readdir(folder.path)).toEqual(["credentials.json", "secrets"]);
  });

  it("stand until they are removed or changed, and a changed secret counts at once", async () => {
    await using folder = await temporaryFolder();
    const store = await openCredentials(folder.path);
    await addCredential(folder.path, { kind: "person", name: "vera", role: "viewer" });
    const secret = await readSecret(folder.path, { kind: "person", name: "vera" });
    const vera = await store.verify({ kind: "person", name: "vera" }, bytes(secret));
    expect(vera).toEqual({ kind: "person", name: "vera", role: "viewer" });
    if (!vera) throw new Error("not let in");
    await addCredential(folder.path, AGENT);
    await store.refresh();
    expect(store.stillStands(vera)).toBe(true);
    const path = credentialsPath(folder.path);
    const held = (await readCredentials(path)) ?? [];
    const hash = await hashSecret("person", "new");
    await writeCredentials(
      path,
      held.map((one) => (one.name === "vera" ? { ...one, hash } : one)),
    );
    expect(await store.verify(vera, bytes(secret))).toBeUndefined();
    expect(await store.verify(vera, bytes("new"))).toEqual(vera);
    expect(store.stillStands(vera)).toBe(false);
  });

  it("of another site are none", async () => {
    await using folder = await temporaryFolder();
    await openCredentials(folder.path);
    const store = await openCredentials(folder.path, { site: "elsewhere" });
    const claim = { kind: "service", name: "power" } as const;
    expect(await store.verify(claim, bytes(await readSecret(folder.path, claim)))).toBeUndefined();
  });

  it("count on when the file becomes unusable or goes away, which is said", async () => {
    await using folder = await temporaryFolder();
    const log = recordingLog();
    const store = await openCredentials(folder.path, { log });
    const claim = { kind: "service", name: "power" } as const;
    const secret = bytes(await readSecret(folder.path, claim));
    const path = credentialsPath(folder.path);
    await writeFile(path, "{ damaged");
    expect(await store.verify(claim, secret)).toBeDefined();
    expect(await store.verify(claim, secret)).toBeDefined();
    await rm(path);
    expect(await store.verify(claim, secret)).toBeDefined();
    expect(log.lines.filter((one) => one.level === "error").map((one) => one["problem"])).toEqual([
      expect.stringContaining("not JSON"),
      expect.stringContaining("is gone"),
    ]);
  });

  it("that others on the host can read are not used", async () => {
    await using folder = await temporaryFolder();
    await openCredentials(folder.path);
    await chmod(credentialsPath(folder.path), 0o644);
    await expect(openCredentials(folder.path)).rejects.toThrow(/mode 644.*chmod 600/);
  });

  const good = { name: "rack-a", kind: "agent", hash: unmatchableHash("agent"), site: "local" };
  it.each([
    ["[]", /expected an object/],
    [{ version: 2, credentials: [] }, /at version: expected 1/],
    [{ version: 1, credentials: {} }, /at credentials: expected a list/],
    [{ version: 1, credentials: [], more: 1 }, /not "more"/],
    [
      { version: 1, credentials: [{ ...good, secret: "x" }] },
      /credentials\[0\]: expected only.*not "secret"/,
    ],
    [
      { version: 1, credentials: [good, good] },
      /credentials\[1\]: expected only one entry for agent:rack-a/,
    ],
    [{ version: 1, credentials: [{ ...good, name: "A" }] }, /credentials\[0\]\.name/],
    [{ version: 1, credentials: [{ ...good, hash: "x" }] }, /credentials\[0\]\.hash/],
    [{ version: 1, credentials: [{ ...good, site: "/" }] }, /credentials\[0\]\.site/],
    [
      { version: 1, credentials: [{ ...good, role: "viewer" }] },
      /credentials\[0\]\.role.*only for a person/,
    ],
  ])("are refused with the place that is wrong: %j", async (content, message) => {
    await using folder = await temporaryFolder();
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const path = join(folder.path, "credentials.json");
    await writeFile(path, text, { mode: 0o600 });
    const failure = await readCredentials(path).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CredentialsError);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).toContain(path);
  });
});

describe("a lock", () => {
  it("lets one in at a time", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "lock");
    let inside = 0;
    const most: number[] = [];
    const work = (): Promise<number> =>
      withFileLock(path, async () => {
        most.push(++inside);
        await readdir(folder.path);
        return inside--;
      });
    await Promise.all(Array.from({ length: 5 }, work));
    expect(most).toEqual([1, 1, 1, 1, 1]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each([
    ["a process that is gone", "4194304"],
    ["a process that was killed and whose number we bear now", String(process.pid)],
  ])("of %s is taken over", async (_, holder) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "lock");
    await writeFile(path, holder);
    expect(await withFileLock(path, async () => "in")).toBe("in");
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("that somebody holds is named with its holder in the end", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "lock");
    await writeFile(path, "1");
    await expect(withFileLock(path, async () => {}, milliseconds(50))).rejects.toThrow(
      /held by process 1/,
    );
  });
});
