import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findProgram, MissingPeerError } from "@outrider/testing/peers";

const run = promisify(execFile);

const VERSION = "4.32.5";
const CACHE = fileURLToPath(new URL("../../../../node_modules/.cache", import.meta.url));
const INSTALL_MS = 180_000;

/**
 * The program `schemathesis` of PyPI in an environment of its own below `node_modules/.cache`, made when it is not there.
 * Undefined, said aloud, where it cannot be had.
 * @throws MissingPeerError in CI
 */
export async function schemathesisProgram(): Promise<string | undefined> {
  const home = join(CACHE, `schemathesis-${VERSION}`);
  const program = join(home, "bin", "schemathesis");
  if (existsSync(program)) return program;
  const python = findProgram("python3");
  try {
    if (python === undefined) throw new Error("there is no python3");
    await mkdir(CACHE, { recursive: true });
    await rm(home, { recursive: true, force: true });
    await run(python, ["-m", "venv", home], { timeout: INSTALL_MS });
    await run(join(home, "bin", "pip"), ["install", "-q", `schemathesis==${VERSION}`], {
      timeout: INSTALL_MS,
    });
    return program;
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    const message = `schemathesis ${VERSION} cannot be had from PyPI, so the API is not tested with it: ${String(error)}`;
    if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"]) {
      throw new MissingPeerError(message, { cause: error });
    }
    process.stderr.write(`\nSKIPPED: ${message}\n`);
    return undefined;
  }
}

/** Runs it to its end. @returns its exit code and all that it said */
export function runSchemathesis(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { signal, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    }
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, said }));
  });
}
