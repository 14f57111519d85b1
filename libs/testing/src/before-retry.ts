import { beforeEach } from "vitest";

/**
 * For the tests of a suite that share something: runs before each further try of a test, never before its first one, and
 * puts right what the try that failed may have left. A test that is repeated is tried again, too.
 */
export function beforeRetry(mend: () => Promise<unknown>): void {
  beforeEach(async ({ task }) => {
    const { retryCount = 0, repeatCount = 0 } = task.result ?? {};
    if (retryCount + repeatCount > 0) await mend();
  });
}
