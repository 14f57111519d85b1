import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { AuditEntry } from "@outrider/audit/audit-entry";
import { systemClock } from "@outrider/contracts/clock";
import type { IdentityStore } from "@outrider/identity/identity-store";
import { openIdentity } from "@outrider/identity/open-identity";
import { hashPassword } from "@outrider/identity/passwords";
import { silentLog } from "@outrider/messaging/log";
import { tempDir } from "@outrider/testing/temp-dir";
import { SignInDesk, type SignInDeskOptions } from "../ways/sign-in-desk.js";

const run = promisify(execFile);

export const PASSWORD = "correct-horse-7";

/**
 * A real store of people: ada types at all consoles, vic may look at none, eve has a one-time password, dan is
 * disabled. All have the same password.
 */
export interface PeopleUnderTest extends AsyncDisposable {
  readonly folder: string;
  readonly identity: IdentityStore;
  readonly desk: SignInDesk;
  readonly audited: AuditEntry[];
  /** Whether records can be written. */
  readonly audit: { fails: Error | undefined; tried: number };
  /** Makes a key with ssh-keygen and registers it. @returns the path of its private half */
  key(person: string, type?: string): Promise<string>;
  /** What a fingerprint is made of. @param key the path of its private half */
  publicBlob(this: void, key: string): Promise<Buffer>;
}

export async function peopleUnderTest(
  options: Pick<SignInDeskOptions, "anonymous"> = {},
): Promise<PeopleUnderTest> {
  const folder = await tempDir();
  const identity = await openIdentity({ dataDirectory: folder.path });
  const { people, keys } = identity.store;
  const hash = await hashPassword(PASSWORD);
  await people.insert({ name: "root", role: "administrator" }, hash, false);
  await people.insert({ name: "ada", role: "operator" }, hash, false);
  await people.insert({ name: "vic", role: "viewer" }, hash, false);
  await people.insert({ name: "eve", role: "operator" }, hash, true);
  await people.insert({ name: "dan", role: "operator" }, hash, false);
  await people.change("dan", { disabled: true });
  const audited: AuditEntry[] = [];
  const audit: PeopleUnderTest["audit"] = { fails: undefined, tried: 0 };
  const desk = new SignInDesk({
    ...options,
    identity: identity.store,
    clock: systemClock,
    log: silentLog,
    audit: async (entry) => {
      audit.tried += 1;
      if (audit.fails) throw audit.fails;
      audited.push(entry);
    },
  });
  desk.start();
  let made = 0;
  return {
    folder: folder.path,
    identity: identity.store,
    desk,
    audited,
    audit,
    key: async (person, type = "ed25519") => {
      const path = join(folder.path, `key-${++made}`);
      await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path]);
      await keys.add(person, { name: `key ${made}`, text: await readFile(`${path}.pub`, "utf8") });
      return path;
    },
    publicBlob: async (key) => {
      const [, blob = ""] = (await readFile(`${key}.pub`, "utf8")).split(" ");
      return Buffer.from(blob, "base64");
    },
    [Symbol.asyncDispose]: async () => {
      await desk.stop();
      await identity.close();
      await folder.remove();
    },
  };
}
