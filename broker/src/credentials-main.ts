#!/usr/bin/env node
import { resolve } from "node:path";
import { ROLES } from "@outrider/contracts/identity";
import { addCredential, secretPath } from "@outrider/identity/credentials";
import { CredentialsError } from "@outrider/identity/credentials-file";
import { KINDS } from "@outrider/identity/names";

const USAGE = `usage: outrider-credentials add (${KINDS.join("|")}) NAME [${ROLES.join("|")}]
Adds an identity to those in OUTRIDER_DATA (./data), or in OUTRIDER_DATABASE_URL, and prints where its secret is.`;

/** Adds an identity; a running broker knows it at once. Exit code 2: wrong usage or an unusable file. */
async function main(words: readonly string[]): Promise<void> {
  const [verb, kindWord, name, roleWord, ...rest] = words;
  const kind = KINDS.find((one) => one === kindWord);
  const role = ROLES.find((one) => one === roleWord);
  const wrongRole = roleWord !== undefined && role === undefined;
  if (verb !== "add" || !kind || name === undefined || wrongRole || rest.length > 0) {
    throw new CredentialsError(USAGE);
  }
  const data = resolve(process.env["OUTRIDER_DATA"] || "./data");
  const claim = { kind, name };
  const added = await addCredential(
    data,
    { ...claim, ...(role && { role }) },
    process.env["OUTRIDER_DATABASE_URL"] || undefined,
  );
  const where = secretPath(data, claim);
  process.stdout.write(
    added ? `${kind}:${name} added; secret in ${where}\n` : `${kind}:${name} exists already\n`,
  );
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof CredentialsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
});
