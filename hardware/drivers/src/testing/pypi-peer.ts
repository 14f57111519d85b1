import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CACHE = fileURLToPath(new URL("../../../../node_modules/.cache", import.meta.url));
const INSTALL_MS = 240_000;

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
    if (!existsSync(join(home, "ready"))) await install(home, packages);
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

/** Test files run at the same time; the first installs and the others wait for it. */
async function install(home: string, packages: readonly string[]): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const lock = `${home}.lock`;
  for (const until = performance.now() + INSTALL_MS; ;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if (existsSync(join(home, "ready"))) return;
      // Whoever held it was killed.
      if (performance.now() > until) await rm(lock, { recursive: true, force: true });
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      await sleep(200);
    }
  }
  try {
    if (!existsSync(join(home, "ready"))) await installLocked(home, packages);
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function installLocked(home: string, packages: readonly string[]): Promise<void> {
  const run = promisify(execFile);
  await rm(home, { recursive: true, force: true });
  await run("python3", ["-m", "venv", home], { timeout: INSTALL_MS });
  await run(join(home, "bin", "pip"), ["install", "-q", ...packages], { timeout: INSTALL_MS });
  // Last, so that an installation that was interrupted is not taken for one.
  await mkdir(join(home, "ready"));
}
