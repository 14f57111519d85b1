import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, timestamp, type Clock } from "@outrider/contracts/clock";
import { storageFor, type StoragePlace } from "@outrider/storage/storage-for";
import type { Statement, Storage } from "@outrider/storage/storage";
import { toJson } from "@outrider/storage/values";
import { credentialsPath, readCredentials, type Credential } from "./credentials-file.js";
import { withFileLock } from "./file-lock.js";
import { IDENTITY_MIGRATIONS } from "./identity-migrations.js";
import { IdentityStore } from "./identity-store.js";
import { silentLog, type Log } from "./log.js";

export interface OpenIdentity extends AsyncDisposable {
  readonly store: IdentityStore;
  close(): Promise<void>;
}

/**
 * Opens the people and machines of a deployment: `identity.sqlite` in its data folder, readable by its owner alone, or
 * the one database. What an earlier release kept in `credentials.json` is taken over once; the file stays as
 * `credentials.json.imported`.
 * @throws StorageError · CredentialsError when the old file cannot be used
 */
export async function openIdentity(
  place: StoragePlace,
  options: { readonly clock?: Clock; readonly log?: Log } = {},
): Promise<OpenIdentity> {
  const { clock = systemClock, log = silentLog } = options;
  if (place.databaseUrl === undefined) await makePrivate(place.dataDirectory);
  const storage = await storageFor(place, IDENTITY_MIGRATIONS);
  const close = (): Promise<void> => storage.close();
  try {
    await endRestoredSessions(storage, log);
    const store = await IdentityStore.open(storage, clock);
    await importCredentialsFile(place.dataDirectory, store, log);
    return { store, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Who has signed out since the backup was made stays signed out: no browser's session outlives a restore. */
async function endRestoredSessions(storage: Storage, log: Log): Promise<void> {
  const restored = await storage.restored("identity");
  if (!restored) return;
  try {
    await storage.write([{ sql: "DELETE FROM identity_session" }, restored.settled]);
  } catch (error) {
    // Another process that opened it at the same moment has done it.
    if ((await storage.restored("identity"))?.id === restored.id) throw error;
    return;
  }
  log.info({ backupAt: restored.backupAt }, "everybody has to sign in anew after the restore");
}

/** SQLite makes its other files as private as the first. */
async function makePrivate(data: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 });
  const file = await open(join(data, "identity.sqlite"), "a", 0o600);
  await file.close();
}

async function importCredentialsFile(data: string, store: IdentityStore, log: Log): Promise<void> {
  const path = credentialsPath(data);
  if ((await readCredentials(path)) === undefined) return;
  await withFileLock(`${path}.lock`, async () => {
    const held = await readCredentials(path);
    if (!held) return;
    const at = timestamp(store.clock);
    // Whoever is there already stays: after a crash in here it is done again.
    await store.change([
      ...held.map((one) => imported(one, at)),
      {
        sql: "INSERT INTO identity_import (source, imported_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        params: ["credentials.json", at],
      },
    ]);
    await rename(path, `${path}.imported`);
    log.info({ path, identities: held.length }, "the credentials file was taken over");
  });
}

function imported(one: Credential, at: string): Statement {
  return one.kind === "person"
    ? {
        sql: `INSERT INTO identity_person
          (name, display_name, role, rights, nodes, disabled, must_change, hash, created_at)
          VALUES (?, ?, ?, ?, NULL, 0, 0, ?, ?) ON CONFLICT DO NOTHING`,
        params: [one.name, one.name, one.role ?? "operator", toJson([]), one.hash, at],
      }
    : {
        sql: "INSERT INTO identity_machine (kind, name, hash, site) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        params: [one.kind, one.name, one.hash, one.site],
      };
}
