import { beforeRetry } from "@outrider/testing/before-retry";
import { afterEach, beforeEach, expect } from "vitest";
import type { Deployment } from "./deployment.js";

/**
 * For every test of the suite: edges, results and events count afresh; each command that was answered has exactly one
 * terminal result in the end; when a test fails, what all parts said is shown, and before it is tried again everything is
 * put to work.
 */
export function watched(deployment: () => Deployment): void {
  beforeRetry(() => deployment().recover());
  beforeEach(async ({ onTestFailed }) => {
    onTestFailed(() => {
      process.stderr.write(`${deployment().lastWords()}\n`);
    });
    await deployment().mark();
  });
  afterEach(() => {
    for (const node of deployment().nodes) {
      const wrong = Object.entries(node.terminals()).filter(([, count]) => count !== 1);
      expect(wrong, `terminal results by id of ${node.id}`).toEqual([]);
    }
  });
}
