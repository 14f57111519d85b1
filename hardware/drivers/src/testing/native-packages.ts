import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { mustSkip } from "@outrider/simulators/peers";
import { OPTIONAL_PACKAGES } from "@outrider/transports/optional-package";
import { CACHE, INSTALL_MS, installOnce } from "@outrider/simulators/install-once";

const COMPILER = { "g++": "g++", make: "make", python3: "python3" };

export interface NativePackages {
  /** The folder whose `node_modules` has them; missing where they cannot be built here. */
  readonly folder?: string;
  readonly problem?: string;
}

let built: Promise<NativePackages> | undefined;

/** The packages that a person may install, built for this Node in a folder of their own. */
export function nativePackages(): Promise<NativePackages> {
  return (built ??= build());
}

/** Whether the tests that need them have to be left out here, said loudly. */
export async function lacksNativePackages(tests: string): Promise<boolean> {
  if (mustSkip(tests, COMPILER)) return true;
  return mustSkip(tests, {}, await nativePackages());
}

async function build(): Promise<NativePackages> {
  const named = Object.entries(OPTIONAL_PACKAGES).map(([name, version]) => `${name}@${version}`);
  const folder = join(CACHE, [...named, process.versions.modules, process.arch].join("_"));
  try {
    await installOnce(folder, () => install(folder, named));
    return { folder };
  } catch (error) {
    const { stderr = String(error) } = error as { stderr?: string };
    const problem = `${named.join(" and ")} cannot be built here: ${stderr.slice(-500)}`;
    return { problem };
  }
}

async function install(folder: string, named: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const home = dirname(dirname(process.execPath));
  const headers = existsSync(join(home, "include/node")) ? { npm_config_nodedir: home } : {};
  // This Node comes first, so that npm compiles for it.
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  await promisify(execFile)(
    "npm",
    ["install", "--prefix", folder, "--ignore-scripts=false", "--loglevel=error", ...named],
    { cwd: folder, env: { ...process.env, ...headers, PATH: path }, timeout: INSTALL_MS },
  );
}
