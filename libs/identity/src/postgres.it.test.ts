import { hasPostgres, startPostgres } from "@outrider/testing/postgres";
import { describe, expect, it } from "vitest";
import { openCredentials } from "./credential-store.js";
import { addCredentials, readSecret } from "./credentials.js";
import { openIdentity } from "./open-identity.js";
import { SteppingClock, recordingLog, temporaryFolder } from "./testing/support.js";

const AGENT = { kind: "agent", name: "rack-a" } as const;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMU4mdtBeBOQ3AcXb3aX4YXKeWZYgCH82NHxClS+Z6ul";

describe.skipIf(!hasPostgres())("people and machines in PostgreSQL", () => {
  it("are kept as in SQLite, and count on while the server is away", async () => {
    await using server = await startPostgres();
    await using folder = await temporaryFolder();
    const databaseUrl = await server.database();
    const log = recordingLog();
    const credentials = await openCredentials(folder.path, { databaseUrl, log });
    expect(await addCredentials(folder.path, [AGENT], databaseUrl)).toEqual([true]);
    const secret = Buffer.from(await readSecret(folder.path, AGENT));
    const agent = await credentials.verify(AGENT, secret);
    expect(agent).toEqual(AGENT);

    const clock = new SteppingClock();
    const place = { dataDirectory: folder.path, databaseUrl };
    const { store, close } = await openIdentity(place, { clock });
    const { people, tokens, sessions, keys, signIns } = store;
    const { person, password } = await people.create({
      name: "paul",
      role: "operator",
      nodes: "n[1-3]",
    });
    expect(await people.list()).toContainEqual(person);
    await expect(people.create({ name: "paul", role: "viewer" })).rejects.toMatchObject({
      code: "conflict",
    });
    expect((await signIns.check("paul", password, "192.0.2.1")).person).toEqual(person);
    const { secret: token } = await tokens.create("paul", { name: "ci", rights: ["read"] });
    expect(await tokens.subjectOf(token)).toMatchObject({
      rights: ["read"],
      nodes: ["n1", "n2", "n3"],
    });
    const { secret: cookie } = await sessions.begin("paul", "192.0.2.1");
    expect((await sessions.find(cookie))?.person).toEqual(person);
    const key = await keys.add("paul", { name: "laptop", text: KEY });
    await expect(keys.add("paul", { name: "again", text: KEY })).rejects.toMatchObject({
      code: "conflict",
    });
    expect(await keys.ownerOf(key.fingerprint)).toBe("paul");
    await people.change("paul", { disabled: true });
    expect(await sessions.find(cookie)).toBeUndefined();
    expect(await tokens.subjectOf(token)).toBeUndefined();
    await people.remove("paul");
    expect((await people.list()).map(({ name }) => name)).toEqual(["operator"]);
    await close();

    await server.stop();
    expect(await credentials.verify(AGENT, secret)).toEqual(AGENT);
    if (agent) expect(credentials.stillStands(agent)).toBe(true);
    expect(log.lines).toContainEqual(expect.objectContaining({ level: "error" }));
    await server.start();
    await credentials.close();
  });
});
