import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds } from "@outrider/contracts/clock";
import { describe, expect, it } from "vitest";
import { openCredentials } from "./credential-store.js";
import { addCredential, addCredentials, readSecret, removeCredential } from "./credentials.js";
import {
  CredentialsError,
  credentialsPath,
  readCredentials,
  writeCredentials,
} from "./credentials-file.js";
import { withFileLock } from "./file-lock.js";
import { openIdentity } from "./open-identity.js";
import { hashSecret, isHash, matchesHash, unmatchableHash } from "./scrypt-hash.js";
import { recordingLog, temporaryFolder } from "./testing/support.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const AGENT = { kind: "agent", name: "rack-a" } as const;
const POWER = { kind: "service", name: "power" } as const;
const VERA = { kind: "person", name: "vera", role: "viewer" } as const;

async function opened(data: string, options: Parameters<typeof openCredentials>[1] = {}) {
  const store = await openCredentials(data, options);
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

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
    await using under = await opened(folder.path);
    await addCredential(folder.path, AGENT);
    const secret = bytes(await readSecret(folder.path, AGENT));
    const reading = under.store.refresh();
    expect(await under.store.verify(AGENT, secret)).toEqual(AGENT);
    await reading;
  });

  it("are made once, are left as they are, and are known when they are added", async () => {
    await using folder = await temporaryFolder();
    await using first = await opened(folder.path);
    const secret = await readSecret(folder.path, POWER);
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    expect(await first.store.verify(AGENT, bytes("x"))).toBeUndefined();
    expect(await addCredential(folder.path, AGENT)).toBe(true);
    const agentSecret = await readSecret(folder.path, AGENT);
    expect(await addCredential(folder.path, AGENT)).toBe(false);
    await using again = await opened(folder.path);
    expect(await readSecret(folder.path, AGENT)).toBe(agentSecret);
    expect(await readSecret(folder.path, POWER)).toBe(secret);
    for (const { store } of [first, again]) {
      expect(await store.verify(AGENT, bytes(agentSecret))).toEqual(AGENT);
      expect(await store.verify(AGENT, bytes(agentSecret))).toEqual(AGENT);
      expect(await store.verify(AGENT, bytes(secret))).toBeUndefined();
      expect(await store.verify(POWER, bytes(secret))).toEqual(POWER);
      const person = { kind: "person", name: "rack-a" } as const;
      expect(await store.verify(person, bytes(agentSecret))).toBeUndefined();
    }
    expect(await readdir(join(folder.path, "secrets"))).toEqual([
      "agent-rack-a",
      "person-operator",
      "service-console",
      "service-gateway",
      "service-home-assistant",
      "service-inventory",
      "service-power",
      "service-telemetry",
    ]);
    expect((await stat(join(folder.path, "identity.sqlite"))).mode & 0o777).toBe(0o600);
  });

  it("are each made by one of many who ask at once", async () => {
    await using folder = await temporaryFolder();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => addCredentials(folder.path, [AGENT, VERA])),
    );
    for (const index of [0, 1]) {
      expect(answers.filter((one) => one[index])).toHaveLength(1);
    }
    await using under = await opened(folder.path);
    for (const claim of [AGENT, VERA]) {
      const secret = bytes(await readSecret(folder.path, claim));
      expect(await under.store.verify(claim, secret)).toMatchObject(claim);
    }
  });

  it("stand until they are removed or changed, and a changed one counts at once", async () => {
    await using folder = await temporaryFolder();
    await using under = await opened(folder.path);
    await addCredentials(folder.path, [VERA, AGENT]);
    const secret = bytes(await readSecret(folder.path, VERA));
    const vera = await under.store.verify(VERA, secret);
    const agent = await under.store.verify(AGENT, bytes(await readSecret(folder.path, AGENT)));
    expect(vera).toEqual({ kind: "person", name: "vera", role: "viewer", rights: ["read"] });
    if (!vera || !agent) throw new Error("not let in");
    await using identity = await openIdentity({ dataDirectory: folder.path });
    await identity.store.people.create({ name: "other", role: "viewer" });
    await under.store.refresh();
    expect(under.store.stillStands(vera)).toBe(true);
    await identity.store.people.change("vera", { rights: ["power"] });
    await under.store.refresh();
    expect(under.store.stillStands(vera)).toBe(false);
    expect(await under.store.verify(VERA, secret)).toMatchObject({ rights: ["read", "power"] });
    const once = await identity.store.people.resetPassword("vera");
    expect(await under.store.verify(VERA, secret)).toBeUndefined();
    expect(await under.store.verify(VERA, bytes(once))).toBeUndefined();
    await identity.store.people.changePassword("vera", once, "correct horse battery");
    expect(await under.store.verify(VERA, bytes("correct horse battery"))).toBeDefined();
    await identity.store.people.change("vera", { disabled: true });
    expect(await under.store.verify(VERA, bytes("correct horse battery"))).toBeUndefined();
    expect(under.store.stillStands(agent)).toBe(true);
    await removeCredential(identity.store, AGENT);
    await under.store.refresh();
    expect(under.store.stillStands(agent)).toBe(false);
  });

  it("of another site are none", async () => {
    await using folder = await temporaryFolder();
    await using _here = await opened(folder.path);
    await using elsewhere = await opened(folder.path, { site: "elsewhere" });
    const secret = bytes(await readSecret(folder.path, POWER));
    expect(await elsewhere.store.verify(POWER, secret)).toBeUndefined();
  });
});

describe("the file of an earlier release", () => {
  const old = async (data: string): Promise<void> =>
    writeCredentials(credentialsPath(data), [
      {
        kind: "agent",
        name: "rack-a",
        site: "local",
        hash: await hashSecret("agent", "of rack-a"),
      },
      {
        kind: "person",
        name: "vera",
        site: "local",
        role: "viewer",
        hash: await hashSecret("person", "of vera"),
      },
      { kind: "person", name: "olaf", site: "local", hash: await hashSecret("person", "of olaf") },
    ]);

  it("is taken over once; its secrets stay good, and what was changed since stays changed", async () => {
    await using folder = await temporaryFolder();
    await old(folder.path);
    const text = await readFile(credentialsPath(folder.path), "utf8");
    const log = recordingLog();
    await using under = await opened(folder.path, { log });
    expect(await under.store.verify(AGENT, bytes("of rack-a"))).toEqual(AGENT);
    expect(await under.store.verify(VERA, bytes("of vera"))).toMatchObject({ role: "viewer" });
    const olaf = { kind: "person", name: "olaf" } as const;
    expect(await under.store.verify(olaf, bytes("of olaf"))).toMatchObject({ role: "operator" });
    expect(await readFile(`${credentialsPath(folder.path)}.imported`, "utf8")).toBe(text);
    expect(log.lines).toContainEqual(expect.objectContaining({ identities: 3 }));
    await using identity = await openIdentity({ dataDirectory: folder.path });
    // A weaker hash is replaced when the password is next shown.
    await identity.store.signIns.check("vera", "of vera", "192.0.2.1");
    expect(identity.store.held.people.get("vera")?.hash).toMatch(/^\$argon2id\$/);
    await identity.store.people.change("vera", { role: "operator" });
    // As if it had been killed between the import and the renaming.
    await writeFile(credentialsPath(folder.path), text, { mode: 0o600 });
    await using _again = await openIdentity({ dataDirectory: folder.path });
    expect((await identity.store.people.get("vera")).role).toBe("operator");
    expect(await identity.store.people.list()).toHaveLength(2);
  });

  it("that others on the host can read is not used", async () => {
    await using folder = await temporaryFolder();
    await old(folder.path);
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
  ])("is refused with the place that is wrong: %j", async (content, message) => {
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
