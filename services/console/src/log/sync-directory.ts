import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** Makes names that were made, changed or removed in a directory outlast a loss of power. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory and those that it lies in, where they are missing, so that they outlast a loss of power too. */
export async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o750 });
  if (made === undefined) return;
  const above = dirname(resolve(made));
  for (let at = resolve(directory); at !== above; at = dirname(at)) {
    await syncDirectory(dirname(at));
  }
}
