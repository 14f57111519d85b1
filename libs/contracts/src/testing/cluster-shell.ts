import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const VERSION = "1.10.1";
const CACHE = fileURLToPath(new URL("../../../../node_modules/.cache", import.meta.url));
const INSTALL_MS = 120_000;

/** Answers one line of JSON for each line: the set as ClusterShell folds it, and its names in its order. */
const PROGRAM = `
import json, sys
from ClusterShell.NodeSet import NodeSet
for line in sys.stdin:
    try:
        found = NodeSet(json.loads(line))
        print(json.dumps({"folded": str(found), "names": list(found)}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
`;

export interface ClusterShellSet {
  readonly folded: string;
  readonly names: readonly string[];
}

/** ClusterShell itself, in one Python process that is asked line by line. */
export interface ClusterShell extends Disposable {
  /** @throws Error with what ClusterShell says */
  read(text: string): Promise<ClusterShellSet>;
}

/**
 * Starts ClusterShell of PyPI, which it puts into an environment of its own below `node_modules/.cache`. Undefined, said
 * aloud, where it cannot be had.
 * @throws Error in CI, where a skip would be a lie
 */
export async function startClusterShell(): Promise<ClusterShell | undefined> {
  const home = join(CACHE, `clustershell-${VERSION}`);
  const python = join(home, "bin", "python");
  try {
    if (!existsSync(join(home, "ready"))) await install(home);
  } catch (error) {
    const message = `ClusterShell ${VERSION} cannot be had from PyPI, so node sets are not compared with it: ${String(error)}`;
    if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"]) {
      throw new Error(message, { cause: error });
    }
    process.stderr.write(`\nSKIPPED: ${message}\n`);
    return undefined;
  }
  const child = spawn(python, ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    read: async (text) => {
      child.stdin.write(`${JSON.stringify(text)}\n`);
      const { value } = await answers.next();
      const answer = JSON.parse(String(value)) as ClusterShellSet & { readonly error?: string };
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

async function install(home: string): Promise<void> {
  const run = promisify(execFile);
  await mkdir(CACHE, { recursive: true });
  await rm(home, { recursive: true, force: true });
  await run("python3", ["-m", "venv", home], { timeout: INSTALL_MS });
  await run(join(home, "bin", "pip"), ["install", "-q", `ClusterShell==${VERSION}`], {
    timeout: INSTALL_MS,
  });
  // Last, so that an installation that was interrupted is not taken for one.
  await mkdir(join(home, "ready"));
}
