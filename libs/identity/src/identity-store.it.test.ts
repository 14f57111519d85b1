import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { argon2Hash, isOutdated, matchesArgon2 } from "./argon2-hash.js";
import { ensureAdministrator } from "./first-run.js";
import { openIdentity } from "./open-identity.js";
import { SESSION_IDLE_MS, SESSION_LONGEST_MS } from "./sessions.js";
import { storeUnderTest } from "./testing/support.js";

const PASSWORD = "correct horse battery";
const HERE = "192.0.2.1";
const hour = 3_600_000;
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe("passwords", () => {
  it("are hashed by argon2id at OWASP's cost, each with a salt of its own", async () => {
    const hash = await argon2Hash("secret");
    expect(hash).toMatch(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
    expect(await argon2Hash("secret")).not.toBe(hash);
    expect(await matchesArgon2(hash, Buffer.from("secret"))).toBe(true);
    expect(await matchesArgon2(hash, Buffer.from("Secret"))).toBe(false);
  });

  it.each([
    // Made by argon2-cffi, which wraps the reference implementation.
    [
      "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$gduXp+Z6iReEolmbyHn5V8s1EtJzmEvZfYoY/Fn/AeI",
      false,
    ],
    [
      "$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$H5mZn8QsFFwntPktdbjGNtqB+DDJ+nixq94uJAZoqIk",
      true,
    ],
  ])("hashed by others are understood: %s, outdated: %s", async (hash, outdated) => {
    expect(await matchesArgon2(hash, Buffer.from("password"))).toBe(true);
    expect(await matchesArgon2(hash, Buffer.from("passwore"))).toBe(false);
    expect(isOutdated(hash)).toBe(outdated);
  });

  it("at a cost that this process could not bear are none", async () => {
    const hash =
      "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$H5mZn8QsFFwntPktdbjGNtqB+DDJ+nixq94uJAZoqIk";
    await expect(matchesArgon2(hash, Buffer.from("password"))).rejects.toThrow(TypeError);
  });
});

describe("the first administrator", () => {
  it("is made once, with a password that must be changed", async () => {
    await using under = await storeUnderTest();
    const { store } = under;
    const made = await ensureAdministrator(store);
    expect(made).toEqual({
      name: "admin",
      password: expect.stringMatching(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/) as string,
    });
    expect(await ensureAdministrator(store)).toBeUndefined();
    await using other = await openIdentity({ dataDirectory: under.path });
    expect(await ensureAdministrator(other.store)).toBeUndefined();
    const { person } = await store.signIns.check("admin", made?.password ?? "", HERE);
    expect(person).toMatchObject({ role: "administrator", mustChangePassword: true });
    await store.people.changePassword("admin", made?.password ?? "", PASSWORD);
    expect((await store.signIns.check("admin", PASSWORD, HERE)).person.mustChangePassword).toBe(
      false,
    );
  });

  it("cannot be the last one and go", async () => {
    await using under = await storeUnderTest();
    const { people } = under.store;
    await ensureAdministrator(under.store);
    for (const change of [{ role: "viewer" }, { disabled: true }, { nodes: "n1" }] as const) {
      await expect(people.change("admin", change)).rejects.toThrow(code("conflict"));
    }
    await expect(people.remove("admin")).rejects.toThrow(code("conflict"));
    await people.create({ name: "eve", role: "administrator" });
    await people.change("admin", { role: "viewer" });
    await expect(people.remove("eve")).rejects.toThrow(code("conflict"));
  });
});

describe("people", () => {
  it("are listed as they are, with their nodes folded", async () => {
    await using under = await storeUnderTest();
    const { people } = under.store;
    const { person } = await people.create({
      name: "paul",
      displayName: "Paul, night shift",
      role: "operator",
      rights: ["audit", "read"],
      nodes: "n3,n1,n2,n10",
    });
    expect(person).toEqual({
      name: "paul",
      displayName: "Paul, night shift",
      role: "operator",
      rights: ["read", "audit"],
      nodes: "n[1-3,10]",
      disabled: false,
      mustChangePassword: true,
    });
    expect(await people.list()).toEqual([person]);
    expect(await people.change("paul", { nodes: null, rights: [] })).not.toHaveProperty("nodes");
    expect(await people.get("paul")).toMatchObject({
      rights: [],
      displayName: "Paul, night shift",
    });
    await expect(people.create({ name: "paul", role: "viewer" })).rejects.toThrow(code("conflict"));
    await expect(people.get("nobody")).rejects.toThrow(code("not-found"));
    await expect(people.change("nobody", {})).rejects.toThrow(code("not-found"));
  });

  it.each([
    [{ name: "a b" }, /^name: expected/],
    [{ name: "anonymous" }, /^name: expected/],
    [{ role: "god" as never }, /^role: expected one of viewer/],
    [{ rights: ["fly" as never] }, /^rights: expected some of read/],
    [{ nodes: "@storage" }, /^nodes: expected names and ranges/],
    [{ nodes: "" }, /^nodes: expected/],
    [{ displayName: "a\u001b[2J" }, /^displayName: expected/],
  ])("are refused as %j", async (wrong, message) => {
    await using under = await storeUnderTest();
    const asked = { name: "paul", role: "viewer", ...wrong } as const;
    await expect(under.store.people.create(asked)).rejects.toThrow(message);
  });

  it.each(["short", "aaaaaaaaaaaa", "paulpaulpaul!?", "x".repeat(300)])(
    "may not choose the password %j",
    async (password) => {
      await using under = await storeUnderTest();
      const { people } = under.store;
      const { password: once } = await people.create({ name: "paul", role: "viewer" });
      await expect(people.changePassword("paul", once, password)).rejects.toThrow(code("invalid"));
      await expect(people.changePassword("paul", once, once)).rejects.toThrow(code("invalid"));
      await expect(people.changePassword("paul", "wrong", PASSWORD)).rejects.toThrow(
        code("sign-in-failed"),
      );
    },
  );

  it("whom another process made, changed or removed just now are changed as they are now", async () => {
    await using under = await storeUnderTest();
    await using other = await openIdentity({ dataDirectory: under.path }, { clock: under.clock });
    const { people, tokens } = other.store;
    await under.store.people.create({ name: "root", role: "administrator" });
    await under.store.people.create({ name: "paul", role: "administrator" });
    await people.change("root", { role: "operator" });
    // Another process still holds two administrators.
    await expect(under.store.people.change("paul", { role: "viewer" })).rejects.toThrow(
      code("conflict"),
    );
    const { token } = await under.store.tokens.create("root", { name: "ci", rights: ["read"] });
    await tokens.revoke("root", token.id);
    await under.store.people.remove("root");
    await expect(people.change("root", { disabled: true })).rejects.toThrow(code("not-found"));
  });

  it("who are changed are changed for other processes within a second", async () => {
    await using under = await storeUnderTest();
    await using other = await openIdentity({ dataDirectory: under.path }, { clock: under.clock });
    const roles = async () =>
      Object.fromEntries((await other.store.people.list()).map(({ name, role }) => [name, role]));
    await under.store.people.create({ name: "paul", role: "operator" });
    under.clock.advance(1000);
    expect(await roles()).toEqual({ paul: "operator" });
    await under.store.people.change("paul", { role: "viewer" });
    under.clock.advance(1000);
    expect(await roles()).toEqual({ paul: "viewer" });
    await under.store.people.create({ name: "root", role: "administrator" });
    await under.store.people.remove("paul");
    under.clock.advance(1000);
    expect(await roles()).toEqual({ root: "administrator" });
  });
});

describe("signing in", () => {
  it("says the same of an unknown name, a wrong password and a disabled person", async () => {
    await using under = await storeUnderTest();
    const { people, signIns } = under.store;
    const { password } = await people.create({ name: "paul", role: "viewer" });
    await people.change("paul", { disabled: true });
    const answers = new Set<string>();
    for (const [name, given] of [
      ["paul", password],
      ["paul", "wrong"],
      ["nobody", "wrong"],
      ["", ""],
      ["__proto__", "x".repeat(5000)],
    ] as const) {
      const error = await signIns.check(name, given, HERE).catch((one: Error) => one);
      answers.add(error instanceof Error ? `${error.name}: ${error.message}` : "let in");
    }
    expect([...answers]).toEqual(["IdentityError: unknown name or wrong password"]);
  });

  it("is slower after failures, refused where they come from, and never for good", async () => {
    await using under = await storeUnderTest();
    const { people, signIns } = under.store;
    const { password } = await people.create({ name: "paul", role: "viewer" });
    for (let attempt = 0; attempt < 10; attempt++) {
      await expect(signIns.check("paul", "wrong", HERE)).rejects.toThrow(code("sign-in-failed"));
    }
    await expect(signIns.check("paul", password, HERE)).rejects.toMatchObject({
      code: "too-many",
      retryAfterMs: 250,
    });
    expect((await signIns.check("paul", password, "198.51.100.7")).person.name).toBe("paul");
    expect(Math.max(...under.clock.slept)).toBe(1000);
    under.clock.advance(5000);
    expect((await signIns.check("paul", password, HERE)).person.name).toBe("paul");
  });
});

describe("sessions", () => {
  it("end when they are idle, when they are old, when they are ended, and with the password", async () => {
    await using under = await storeUnderTest();
    const { people, sessions } = under.store;
    const { password } = await people.create({ name: "paul", role: "viewer" });
    const begin = () => sessions.begin("paul", HERE);
    const idle = await begin();
    under.clock.advance(SESSION_IDLE_MS - 1);
    const used = await begin();
    under.clock.advance(2);
    expect(await sessions.find(idle.secret)).toBeUndefined();
    for (let passed = 2; passed < SESSION_LONGEST_MS - hour; passed += hour) {
      expect((await sessions.find(used.secret))?.person.name).toBe("paul");
      under.clock.advance(hour);
    }
    under.clock.advance(hour);
    expect(await sessions.find(used.secret)).toBeUndefined();
    expect(await sessions.list("paul")).toEqual([]);

    const [one, two, three] = [await begin(), await begin(), await begin()];
    await sessions.end(one.secret);
    expect(await sessions.find(one.secret)).toBeUndefined();
    const id = (await sessions.find(two.secret))?.session.id ?? "";
    await expect(sessions.revoke("eve", id)).rejects.toThrow(code("not-found"));
    await sessions.revoke("paul", id);
    expect(await sessions.find(two.secret)).toBeUndefined();
    expect(await sessions.list("paul")).toMatchObject([{ address: HERE }]);
    await people.changePassword("paul", password, PASSWORD);
    expect(await sessions.find(three.secret)).toBeUndefined();
    const four = await begin();
    await people.change("paul", { disabled: true });
    expect(await sessions.find(four.secret)).toBeUndefined();
    expect(await sessions.find("x")).toBeUndefined();
  });
});

describe("API tokens", () => {
  it("have what person and token have in common, until either loses it", async () => {
    await using under = await storeUnderTest();
    const { people, tokens } = under.store;
    await people.create({ name: "paul", role: "operator", nodes: "n[1-2]" });
    await expect(tokens.create("paul", { name: "ci", rights: ["site"] })).rejects.toThrow(
      /^rights: expected some of those of paul: read, power/,
    );
    await expect(tokens.create("paul", { name: "ci", rights: [] })).rejects.toThrow(
      code("invalid"),
    );
    const { token, secret } = await tokens.create("paul", {
      name: "ci",
      rights: ["power", "read"],
    });
    expect(secret).toMatch(/^ort_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    expect(await tokens.subjectOf(secret)).toEqual({
      kind: "person",
      name: "paul",
      role: "operator",
      rights: ["read", "power"],
      nodes: ["n1", "n2"],
    });
    expect(await tokens.list("paul")).toMatchObject([
      { id: token.id, name: "ci", lastUsedAt: under.clock.now().toISOString() },
    ]);
    await people.change("paul", { role: "viewer" });
    expect((await tokens.subjectOf(secret))?.rights).toEqual(["read"]);
    await people.change("paul", { disabled: true });
    expect(await tokens.subjectOf(secret)).toBeUndefined();
    await people.change("paul", { disabled: false });
    const last = secret.at(-2) === "A" ? "B" : "A";
    expect(await tokens.subjectOf(secret.slice(0, -2) + last + secret.slice(-1))).toBeUndefined();
    expect(await tokens.subjectOf(secret)).toBeDefined();
    await expect(tokens.revoke("eve", token.id)).rejects.toThrow(code("not-found"));
    await tokens.revoke("paul", token.id);
    expect(await tokens.subjectOf(secret)).toBeUndefined();
  });

  it("end when they were meant to", async () => {
    await using under = await storeUnderTest();
    const { people, tokens } = under.store;
    await people.create({ name: "paul", role: "operator" });
    const at = (ms: number) => new Date(under.clock.now().getTime() + ms).toISOString();
    const asked = { name: "ci", rights: ["read"] } as const;
    await expect(tokens.create("paul", { ...asked, expiresAt: at(0) })).rejects.toThrow(
      code("invalid"),
    );
    const { secret } = await tokens.create("paul", { ...asked, expiresAt: at(1000) });
    under.clock.advance(999);
    expect(await tokens.subjectOf(secret)).toBeDefined();
    under.clock.advance(1);
    expect(await tokens.subjectOf(secret)).toBeUndefined();
  });
});

describe("SSH keys", () => {
  const text =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMU4mdtBeBOQ3AcXb3aX4YXKeWZYgCH82NHxClS+Z6ul me";

  it("have one owner, who is found by them while let in at all", async () => {
    await using under = await storeUnderTest();
    const { people, keys } = under.store;
    for (const name of ["paul", "eve"]) await people.create({ name, role: "operator" });
    const key = await keys.add("paul", { name: "laptop", text });
    await expect(keys.add("eve", { name: "mine", text })).rejects.toThrow(code("conflict"));
    expect(await keys.list("paul")).toEqual([key]);
    expect(await keys.ownerOf(key.fingerprint)).toBe("paul");
    await people.change("paul", { disabled: true });
    expect(await keys.ownerOf(key.fingerprint)).toBeUndefined();
    expect(await keys.registeredTo(key.fingerprint)).toBe("paul");
    await expect(keys.remove("eve", key.id)).rejects.toThrow(code("not-found"));
    await keys.remove("paul", key.id);
    expect(await keys.ownerOf(key.fingerprint)).toBeUndefined();
    expect(await keys.registeredTo(key.fingerprint)).toBeUndefined();
    await keys.add("eve", { name: "mine", text });
  });
});

describe("what is secret", () => {
  it("is in one answer, and neither in any other nor in the files (P18)", async () => {
    await using under = await storeUnderTest();
    const { store } = under;
    const { people, tokens, sessions, signIns } = store;
    const { password: once } = await people.create({ name: "paul", role: "operator" });
    await people.changePassword("paul", once, PASSWORD);
    const { secret: token } = await tokens.create("paul", { name: "ci", rights: ["read"] });
    const { secret: cookie } = await sessions.begin("paul", HERE);
    const answers = JSON.stringify([
      await people.list(),
      await people.get("paul"),
      await people.change("paul", { displayName: "Paul" }),
      await tokens.list("paul"),
      await tokens.subjectOf(token),
      await sessions.list("paul"),
      await sessions.find(cookie),
      await signIns.check("paul", PASSWORD, HERE),
    ]);
    const held = store.held.people.get("paul")?.hash ?? "";
    const hashes = [held, ...[...store.held.tokens.values()].map(({ hash }) => hash)];
    const files = await Promise.all(
      ["identity.sqlite", "identity.sqlite-wal"].map((file) =>
        readFile(join(under.path, file), "latin1"),
      ),
    );
    expect(files.join("")).toContain(held);
    for (const canary of [once, PASSWORD, token, token.slice(17), cookie]) {
      expect(answers).not.toContain(canary);
      expect(files.join("")).not.toContain(canary);
    }
    for (const hash of hashes) expect(answers).not.toContain(hash);
  });
});
