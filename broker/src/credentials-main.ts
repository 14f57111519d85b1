#!/usr/bin/env node
import { resolve } from "node:path";
import { ROLES } from "@outrider/contracts/identity";
import { addCredential, secretPath } from "@outrider/identity/credentials";
import { CredentialsError } from "@outrider/identity/credentials-file";
import { IdentityError } from "@outrider/identity/identity-error";
import { KINDS } from "@outrider/identity/names";
import { openIdentity } from "@outrider/identity/open-identity";
import { StorageError } from "@outrider/storage/storage-error";

const USAGE = `usage: outrider-credentials add (${KINDS.join("|")}) NAME [${ROLES.join("|")}]
       outrider-credentials reset NAME
add: adds an identity to those in OUTRIDER_DATA (./data), or in OUTRIDER_DATABASE_URL, and prints where its secret is.
reset: gives a person a one-time password and prints it; it has to be changed at the next sign-in.`;

/** Changes identities; a running broker knows it at once. Exit code 2: wrong usage, or a store that cannot be used. */
async function main([verb, ...words]: readonly string[]): Promise<void> {
  const data = resolve(process.env["OUTRIDER_DATA"] || "./data");
  const databaseUrl = process.env["OUTRIDER_DATABASE_URL"] || undefined;
  if (verb === "add") process.stdout.write(await add(data, databaseUrl, words));
  else if (verb === "reset") process.stdout.write(await reset(data, databaseUrl, words));
  else throw new CredentialsError(USAGE);
}

async function add(
  data: string,
  databaseUrl: string | undefined,
  [kindWord, name, roleWord, ...rest]: readonly string[],
): Promise<string> {
  const kind = KINDS.find((one) => one === kindWord);
  const role = ROLES.find((one) => one === roleWord);
  const wrongRole = roleWord !== undefined && role === undefined;
  if (!kind || name === undefined || wrongRole || rest.length > 0) {
    throw new CredentialsError(USAGE);
  }
  const claim = { kind, name };
  const added = await addCredential(data, { ...claim, ...(role && { role }) }, databaseUrl);
  const where = secretPath(data, claim);
  return added ? `${kind}:${name} added; secret in ${where}\n` : `${kind}:${name} exists already\n`;
}

/** For whoever may read the data folder and has nobody left to ask. */
async function reset(
  data: string,
  databaseUrl: string | undefined,
  [name, ...rest]: readonly string[],
): Promise<string> {
  if (name === undefined || rest.length > 0) throw new CredentialsError(USAGE);
  await using identity = await openIdentity({ dataDirectory: data, databaseUrl });
  const password = await identity.store.people.resetPassword(name);
  return `one-time password of ${name}: ${password}\n`;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const expected =
    error instanceof CredentialsError ||
    error instanceof IdentityError ||
    error instanceof StorageError;
  if (!expected) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
});
