import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { PortError } from "@outrider/ports/port-error";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/;
/** Group and all others may write. */
const OTHERS_WRITE = 0o022;
const ROOT = 0;

/**
 * Finds the programs that options name. Only what whoever administers the host has put in place can be run: a site file
 * is written by people who may have no business on every agent's host. What is not safe is refused, never passed over
 * for one of the same name elsewhere.
 */
export class ProgramStore {
  /**
   * @param directories absolute, the first that has the name counts; one that is not there holds nothing
   * @param uid whose programs may be run, beside those of root: the agent's user
   */
  constructor(
    private readonly directories: readonly string[],
    private readonly uid: number,
  ) {}

  /** @returns the absolute path, free of links @throws PortError `invalid-options` that names the program */
  readonly resolve = async (name: string): Promise<string> => {
    if (!NAME.test(name)) {
      throw invalid(
        `A program is named by its file name, without a path: it lies in ${this.#places}.`,
      );
    }
    for (const directory of this.directories) {
      try {
        return await this.#find(name, directory);
      } catch (error) {
        if (error instanceof PortError) throw error;
        const code = (error as NodeJS.ErrnoException).code ?? "unknown";
        if (code !== "ENOENT" && code !== "ENOTDIR") {
          throw invalid(
            `The program ${join(directory, name)} cannot be run by the agent's user (${code}). Look at its rights, and at those of the directory.`,
          );
        }
      }
    }
    throw invalid(
      `There is no program ${name} in ${this.#places} of the agent's host. Whoever administers the host has to put it there.`,
    );
  };

  get #places(): string {
    return this.directories.join(" or ");
  }

  async #find(name: string, directory: string): Promise<string> {
    const file = join(directory, name);
    const [place, real] = [await realpath(directory), await realpath(file)];
    if (!real.startsWith(`${place}${sep}`)) {
      throw invalid(
        `The program ${file} is a link that leads out of ${directory}. Put there the program, or a script that runs it.`,
      );
    }
    await this.#demandOwned(place);
    const { isFile } = await this.#demandOwned(real);
    if (!isFile) throw invalid(`${file} is no program. Put one there, or name another.`);
    await access(real, constants.X_OK);
    return real;
  }

  /** Whoever may write it could have anything run. */
  async #demandOwned(path: string): Promise<{ isFile: boolean }> {
    const found = await stat(path);
    const { uid, mode } = found;
    if (uid !== ROOT && uid !== this.uid) {
      throw invalid(
        `${path} belongs neither to root nor to the agent's user. Run: chown root ${path}`,
      );
    }
    if ((mode & OTHERS_WRITE) !== 0) {
      throw invalid(`${path} may be written by others than its owner. Run: chmod go-w ${path}`);
    }
    return { isFile: found.isFile() };
  }
}

function invalid(message: string): PortError {
  return new PortError("invalid-options", message);
}

/** Where an agent looks for programs. */
export function programDirectories(dataDirectory: string): string[] {
  return ["/etc/outrider/commands", join(dataDirectory, "commands")];
}
