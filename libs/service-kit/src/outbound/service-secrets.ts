import { readFile, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";

/** More is no password. */
const LONGEST_BYTES = 65_536;

/** Where a secret is: exactly one of the two. */
export interface SecretPlace {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

export type FoundSecret =
  | { readonly ok: true; readonly secret: string }
  /** A sentence that names the place, never the secret. */
  | { readonly ok: false; readonly detail: string };

/**
 * Finds the secrets that a site file refers to, on a service's host and each time anew. Only what lies where secrets
 * belong can be named: a site file must not be able to send any other file away.
 */
export class ServiceSecrets {
  /** @param directories absolute; one that is not there holds nothing */
  constructor(
    private readonly directories: readonly string[],
    private readonly environment: Readonly<Record<string, string | undefined>>,
  ) {}

  async find({ file, env }: SecretPlace): Promise<FoundSecret> {
    if (env !== undefined) {
      const secret = /^OUTRIDER_SECRET_[A-Z0-9_]+$/.test(env) ? this.environment[env] : undefined;
      if (secret !== undefined && secret !== "") return { ok: true, secret };
      return failed(`the variable ${env} is not set in the service's environment`);
    }
    try {
      return await this.#read(file ?? "");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why =
        code === "EACCES"
          ? "the service's user may not read it"
          : `it cannot be read (${code ?? "unknown"})`;
      return failed(`the secret ${file}: ${why}`);
    }
  }

  async #read(file: string): Promise<FoundSecret> {
    const real = await realpath(file);
    const places = await Promise.all(this.directories.map((one) => realpath(one).catch(() => one)));
    if (!places.some((place) => real.startsWith(`${place}${sep}`))) {
      return failed(
        `the secret ${file} does not lie where secrets may: ${this.directories.join(", ")}`,
      );
    }
    if (await this.#isOwn(real))
      return failed(`the secret ${file} is a credential of Outrider itself`);
    const bytes = await readFile(real);
    if (bytes.length > LONGEST_BYTES) return failed(`the secret ${file} is longer than 64 KiB`);
    const secret = bytes.toString("utf8").replace(/\r?\n$/, "");
    // oxlint-disable-next-line no-control-regex -- it becomes a header, or a word of a protocol of lines
    if (secret === "" || /[\u0000-\u001f\u007f]/.test(secret)) {
      return failed(`the secret ${file} is not one line of text`);
    }
    return { ok: true, secret };
  }

  /** Also by another name: a hard link is the same file. */
  async #isOwn(file: string): Promise<boolean> {
    const { dev, ino } = await stat(file);
    const named = Object.entries(this.environment).flatMap(([name, value]) =>
      /^OUTRIDER_[A-Z_]*_FILE$/.test(name) && value ? [value] : [],
    );
    const own = await Promise.all(named.map((one) => stat(one).catch(() => undefined)));
    return own.some((one) => one?.dev === dev && one.ino === ino);
  }
}

/**
 * Where a service looks for the secrets of others. Not in `secrets` of the deployment's data, where credentials of
 * Outrider itself are.
 * @param ownDirectory the service's own folder
 */
export function serviceSecretDirectories(
  ownDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const credentials = environment["CREDENTIALS_DIRECTORY"];
  return [
    "/etc/outrider/secrets",
    `${ownDirectory}/secrets`,
    ...(credentials ? [credentials] : []),
  ];
}

function failed(detail: string): FoundSecret {
  return { ok: false, detail };
}
