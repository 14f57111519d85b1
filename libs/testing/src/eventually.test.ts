import { expect, test } from "vitest";
import { eventually } from "./eventually.js";

test("resolves with the first true value, errors on the way forgiven", async () => {
  let count = 0;
  const value = await eventually("three", () => {
    if (++count < 2) throw new Error("not yet");
    return count === 3 ? "three" : undefined;
  });
  expect(value).toBe("three");
});

test("says what did not happen, and why not", async () => {
  const failing = eventually(
    "the moon is square",
    () => {
      throw new Error("it is round");
    },
    { withinMs: 20 },
  );
  await expect(failing).rejects.toThrow("not within 20 ms: the moon is square (last: it is round)");
});
