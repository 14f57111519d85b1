import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ROLES, type Role } from "@outrider/contracts/identity";
import { ID_PATTERN } from "@outrider/contracts/ids";
import { isName, KINDS, NAME_FORMS, type Claim } from "./names.js";
import { isHash } from "./scrypt-hash.js";

/** One identity and the hash of its secret. */
export interface Credential extends Claim {
  readonly hash: string;
  /** The site it is good for. */
  readonly site: string;
  /** Of a person; operator where it is left out. */
  readonly role?: Role;
}

/** The file cannot be used. The message says which file, where in it, and what was expected. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

const VERSION = 1;

export const credentialsPath = (data: string): string => join(data, "credentials.json");

/** Undefined when there is no file yet. @throws CredentialsError */
export async function readCredentials(path: string): Promise<readonly Credential[] | undefined> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new CredentialsError(
        `${path}: others on this host can read it (mode ${(mode & 0o777).toString(8)}); expected 600. Run: chmod 600 ${path}`,
      );
    }
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The parser's words may repeat a hash.
    throw new CredentialsError(`${path}: not JSON; restore it from a backup`, { cause: error });
  }
  return parse(path, value);
}

/** Replaces the file in one step, readable by its owner alone: after a crash it is the old or the new one. */
export async function writeCredentials(
  path: string,
  credentials: readonly Credential[],
): Promise<void> {
  await writePrivately(path, `${JSON.stringify({ version: VERSION, credentials }, null, 2)}\n`);
}

/** Writes a file of mode 600 in one step, on disk when this resolves. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  // The rename itself lasts only once the folder is on disk.
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function parse(path: string, value: unknown): readonly Credential[] {
  const root = object(path, "", value, ["version", "credentials"]);
  if (root["version"] !== VERSION) fail(path, "version", `${VERSION}`);
  const list = root["credentials"];
  if (!Array.isArray(list)) fail(path, "credentials", "a list");
  const seen = new Set<string>();
  return list.map((one: unknown, index) => {
    const at = `credentials[${index}]`;
    const entry = object(path, at, one, ["name", "kind", "hash", "site", "role"]);
    const kind = KINDS.find((word) => word === entry["kind"]);
    if (!kind) fail(path, `${at}.kind`, `one of ${KINDS.join(", ")}`);
    const { name, hash, site } = entry;
    if (typeof name !== "string" || !isName(kind, name)) {
      fail(path, `${at}.name`, NAME_FORMS[kind]);
    }
    if (seen.has(`${kind}:${name}`)) fail(path, at, `only one entry for ${kind}:${name}`);
    seen.add(`${kind}:${name}`);
    if (typeof hash !== "string" || !isHash(hash)) {
      fail(path, `${at}.hash`, "$scrypt$ln=…,r=…,p=…$<salt>$<key>");
    }
    if (typeof site !== "string" || !ID_PATTERN.test(site)) {
      fail(path, `${at}.site`, "lower-case letters, digits and inner hyphens, at most 63");
    }
    if (entry["role"] === undefined) return { name, kind, hash, site };
    const role = ROLES.find((word) => word === entry["role"]);
    if (!role || kind !== "person") {
      fail(path, `${at}.role`, `one of ${ROLES.join(", ")}, and only for a person`);
    }
    return { name, kind, hash, site, role };
  });
}

function object(
  path: string,
  at: string,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(path, at, "an object");
  }
  const stranger = Object.keys(value).find((key) => !known.includes(key));
  if (stranger !== undefined) {
    fail(path, at, `only the properties ${known.join(", ")}, not ${JSON.stringify(stranger)}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function fail(path: string, at: string, expected: string): never {
  throw new CredentialsError(`${path}${at === "" ? "" : ` at ${at}`}: expected ${expected}`);
}
