import { beforeEach } from "vitest";
import type { Deployment } from "./deployment.js";

/** Counts edges, results and events afresh before each test, and shows what all parts said when one fails. */
export function watched(deployment: () => Deployment): void {
  beforeEach(async ({ onTestFailed }) => {
    onTestFailed(() => {
      process.stderr.write(`${deployment().lastWords()}\n`);
    });
    await deployment().mark();
  });
}
