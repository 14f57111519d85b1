import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Where things are kept that tests install for themselves. */
export const CACHE = fileURLToPath(new URL("../../../node_modules/.cache", import.meta.url));
/** An installation may take so long. */
export const INSTALL_MS = 240_000;

/**
 * Makes the folder `home` by `install` unless it is there. Test files run at the same time: the first installs and the
 * others wait for it. What was interrupted is begun anew.
 */
export async function installOnce(home: string, install: () => Promise<void>): Promise<void> {
  const isReady = (): boolean => existsSync(join(home, "ready"));
  if (isReady()) return;
  await mkdir(dirname(home), { recursive: true });
  const lock = `${home}.lock`;
  for (const until = performance.now() + INSTALL_MS; ;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if (isReady()) return;
      // Whoever held it was killed.
      if (performance.now() > until) await rm(lock, { recursive: true, force: true });
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      await sleep(200);
    }
  }
  try {
    if (isReady()) return;
    await rm(home, { recursive: true, force: true });
    await install();
    // Last, so that an installation that was interrupted is not taken for one.
    await mkdir(join(home, "ready"));
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}
