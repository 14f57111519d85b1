import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { DEFAULT_PORTS } from "./own-ports.js";
import { readAgain, readSite } from "./site-file.js";
import { SiteFileError } from "./site-problem.js";
import type { Reading, ReadingTask } from "./site-reading.js";
import type { Site } from "./site.js";

/** A text of this length is read in milliseconds. */
const SHORT = 50_000;
/** Far more than the largest file takes on the slowest machine. */
const DEADLINE_MS = 300_000;

/**
 * Reads a site file. A long one takes seconds, and is read in a thread of its own, so that nobody waits: all services
 * may share this one.
 * @param file how the file is called in messages
 * @param ports that Outrider itself listens on
 * @throws SiteFileError with every problem that can be seen without the agents' descriptions
 */
export async function readSiteAside(
  text: string,
  file: string,
  ports: ReadonlyMap<number, string> = DEFAULT_PORTS,
): Promise<Site> {
  if (text.length < SHORT) return readSite(text, file, ports);
  const worker = new Worker(new URL("./site-reading.js", import.meta.url), {
    workerData: { text, file, ports } satisfies ReadingTask,
  });
  try {
    const [reading] = (await once(worker, "message", {
      signal: AbortSignal.timeout(DEADLINE_MS),
    })) as [Reading];
    if ("problems" in reading) throw new SiteFileError(file, reading.problems);
    return readAgain({ text, ...reading }, file);
  } finally {
    await worker.terminate();
  }
}
