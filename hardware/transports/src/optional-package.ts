import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { PortError } from "@outrider/ports/port-error";

/** Packages that need a compiler: whoever wants one installs it, as nothing else needs it. */
export const OPTIONAL_PACKAGES = { "i2c-bus": "5.2.3", onoff: "6.0.3" } as const;
export type OptionalPackage = keyof typeof OPTIONAL_PACKAGES;

/**
 * What a person types in the folder of Outrider to have a package: built for the Node that this process runs on, which
 * need not be npm's.
 * @param node the program of that Node
 */
export function installCommand(name: OptionalPackage, node = process.execPath): string {
  const home = dirname(dirname(node));
  const headers = existsSync(join(home, "include/node/node_version.h")) ? ` --nodedir=${home}` : "";
  return `npm install --no-save --ignore-scripts=false${headers} ${name}@${OPTIONAL_PACKAGES[name]}`;
}

/**
 * A package that only some hosts have.
 * @param what cannot be used without it, for the message
 * @param load only tests have another
 * @throws PortError `unsupported`, with the command that installs it
 */
export async function optionalPackage<T>(
  name: OptionalPackage,
  what: string,
  otherwise: string,
  load: (name: string) => Promise<unknown> = (one) => import(one),
): Promise<T> {
  try {
    // All of them are CommonJS.
    return ((await load(name)) as { default: T }).default;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === "ERR_MODULE_NOT_FOUND"
        ? "is not installed"
        : "does not load, perhaps because it was built for another Node";
    throw new PortError(
      "unsupported",
      `${what} needs the package ${name}, which ${why}. On the agent's host, in the folder of Outrider: ${installCommand(name)} (it needs a compiler, and again after each update), or ${otherwise}.`,
      { cause },
    );
  }
}
