import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { CACHE, INSTALL_MS, installOnce } from "@outrider/simulators/install-once";

/**
 * The `bin` of an environment of its own below `node_modules/.cache` that has these packages of PyPI and nothing else.
 * Undefined, said aloud, where they cannot be had.
 * @param name what the environment is called; with the versions in it
 * @param packages each with its exact version: `sushy-tools==2.2.0`
 * @throws Error in CI, where a skip would be a lie
 */
export async function pypiPeer(
  name: string,
  packages: readonly string[],
): Promise<string | undefined> {
  const home = join(CACHE, name);
  try {
    await installOnce(home, () => install(home, packages));
    return join(home, "bin");
  } catch (error) {
    const message = `${packages.join(" ")} cannot be had from PyPI, so nothing is tried against it: ${String(error)}`;
    if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"]) {
      throw new Error(message, { cause: error });
    }
    process.stderr.write(`\nSKIPPED: ${message}\n`);
    return undefined;
  }
}

async function install(home: string, packages: readonly string[]): Promise<void> {
  const run = promisify(execFile);
  await run("python3", ["-m", "venv", home], { timeout: INSTALL_MS });
  await run(join(home, "bin", "pip"), ["install", "-q", ...packages], { timeout: INSTALL_MS });
}
