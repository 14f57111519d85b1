import { readFile, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import type { SecretReference } from "@outrider/contracts/secret";
import { PortError } from "@outrider/ports/port-error";

/** More is no password. */
const LONGEST_BYTES = 65_536;

/**
 * Resolves the secrets that options refer to, on this host and each time anew, so that a changed one counts at the next
 * opening. Only what lies where secrets belong can be named: a site file must not be able to send any other file away.
 */
export class SecretStore {
  /**
   * @param directories absolute; one that is not there holds nothing
   * @param own files that are the agent's or a service's own credentials: never to be had, wherever they lie
   */
  constructor(
    private readonly directories: readonly string[],
    private readonly environment: Readonly<Record<string, string | undefined>>,
    private readonly own: readonly string[],
  ) {}

  /** @throws PortError `invalid-options` that names the reference, never the secret */
  readonly resolve = async ({ file, env }: SecretReference): Promise<string> => {
    if (env !== undefined) {
      const secret = this.environment[env];
      if (secret !== undefined && secret !== "") return secret;
      throw invalid(
        `The variable ${env} is not set in the agent's environment. Set it and restart the agent.`,
      );
    }
    return this.#read(file ?? "");
  };

  async #read(file: string): Promise<string> {
    try {
      const real = await realpath(file);
      const places = await Promise.all(
        this.directories.map((one) => realpath(one).catch(() => one)),
      );
      if (!places.some((place) => real.startsWith(`${place}${sep}`))) {
        throw invalid(
          `The secret ${file} does not lie where secrets may: ${this.directories.join(", ")}. Move it there.`,
        );
      }
      if (await this.#isOwn(real)) {
        throw invalid(
          `The secret ${file} is a credential of Outrider itself, which no device gets. Name the device's own.`,
        );
      }
      const bytes = await readFile(real);
      if (bytes.length > LONGEST_BYTES) throw invalid(`The secret ${file} is longer than 64 KiB.`);
      const secret = bytes.toString("utf8").replace(/\r?\n$/, "");
      if (secret === "") throw invalid(`The secret ${file} is empty.`);
      return secret;
    } catch (error) {
      if (error instanceof PortError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      const advice =
        code === "EACCES"
          ? "The agent's user may not read it."
          : code === "ENOENT"
            ? "There is no such file on the agent's host. Put it there."
            : `It cannot be read (${code ?? "unknown"}).`;
      throw invalid(`The secret ${file}: ${advice}`);
    }
  }

  /** Also by another name: a hard link is the same file. */
  async #isOwn(file: string): Promise<boolean> {
    const { dev, ino } = await stat(file);
    const own = await Promise.all(this.own.map((one) => stat(one).catch(() => undefined)));
    return own.some((one) => one?.dev === dev && one.ino === ino);
  }
}

function invalid(message: string): PortError {
  return new PortError("invalid-options", message);
}

/**
 * Where an agent looks for secrets. Not in `/etc/outrider` itself, where credentials of Outrider and of its database lie
 * beside the configuration.
 */
export function secretDirectories(
  dataDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const credentials = environment["CREDENTIALS_DIRECTORY"];
  return [
    "/etc/outrider/secrets",
    `${dataDirectory}/secrets`,
    ...(credentials === undefined || credentials === "" ? [] : [credentials]),
  ];
}

/** The files that Outrider's own variables name, which may lie among systemd's credentials beside those of devices. */
export function ownFiles(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    /^OUTRIDER_[A-Z_]*_FILE$/.test(name) && value !== undefined && value !== "" ? [value] : [],
  );
}
