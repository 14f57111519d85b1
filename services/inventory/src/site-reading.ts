import { parentPort, workerData } from "node:worker_threads";
import { readSite } from "./site-file.js";
import { SiteFileError, type SiteProblem } from "./site-problem.js";

/** What a thread is asked to read. */
export interface ReadingTask {
  readonly text: string;
  readonly file: string;
  readonly ports: ReadonlyMap<number, string>;
}

/** What it found: what the file says, or what is wrong with it. */
export type Reading =
  | { readonly value: unknown; readonly warnings: readonly SiteProblem[] }
  | { readonly problems: readonly SiteProblem[] };

function read({ text, file, ports }: ReadingTask): Reading {
  try {
    const { value, warnings } = readSite(text, file, ports);
    return { value, warnings };
  } catch (error) {
    if (!(error instanceof SiteFileError)) throw error;
    return { problems: error.problems };
  }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
parentPort?.postMessage(read(workerData as ReadingTask));
