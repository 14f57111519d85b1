import { expect, it } from "vitest";
import { abortedText } from "./transitions.js";

const NONE = {
  waiting: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  timedOut: 0,
  rejected: 0,
  canceled: 0,
  unknown: 0,
};

it("says what an abort leaves done, running and undone", () => {
  expect(abortedText({ ...NONE, succeeded: 13, running: 1, canceled: 37 })).toBe(
    "13 succeeded, 1 still running and will be finished, 37 canceled",
  );
  expect(abortedText({ ...NONE, failed: 1, timedOut: 2, canceled: 4 })).toBe(
    "0 succeeded, 3 not as asked, 4 canceled",
  );
});
