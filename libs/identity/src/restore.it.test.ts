import { join } from "node:path";
import { makeBackup } from "@outrider/storage/backup/make-backup";
import { restoreBackup } from "@outrider/storage/backup/restore-backup";
import { expect, it } from "vitest";
import { openIdentity } from "./open-identity.js";
import { recordingLog, storeUnderTest, temporaryFolder } from "./testing/support.js";

const HERE = "192.0.2.1";

it("a restore signs nobody in again, and what begins after it stays", async () => {
  await using under = await storeUnderTest();
  await using folder = await temporaryFolder();
  const to = join(folder.path, "restored");
  const file = join(folder.path, "backup.tar.gz");
  await under.store.people.create({ name: "anna", role: "operator" });
  const { secret } = await under.store.sessions.begin("anna", HERE);
  await makeBackup({ dataDirectory: under.path, file, version: "1.2.3" });
  await under.store.sessions.end(secret);
  await restoreBackup({ dataDirectory: to, file, replace: false });

  const { clock } = under;
  const log = recordingLog();
  let later: string;
  {
    // Several processes open it at the same time.
    const open = () => openIdentity({ dataDirectory: to }, { clock, log });
    const [one, other] = await Promise.all([open(), open()]);
    await using first = one;
    await using _other = other;
    expect(await first.store.sessions.find(secret)).toBeUndefined();
    expect(await first.store.people.get("anna")).toMatchObject({ name: "anna" });
    later = (await first.store.sessions.begin("anna", HERE)).secret;
  }
  await using again = await openIdentity({ dataDirectory: to }, { clock });
  expect(await again.store.sessions.find(later)).toBeDefined();
  expect(log.lines).toHaveLength(1);
});
