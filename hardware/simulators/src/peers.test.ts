import { afterEach, expect, test, vi } from "vitest";
import { mustSkip } from "./peers.js";

const ABSENT = { "no-such-program-anywhere": "some-package", sh: "dash" };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test("tests without their peers are left out aloud, with the package to install", () => {
  vi.stubEnv("CI", "");
  vi.stubEnv("OUTRIDER_REQUIRE_PEERS", "");
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  expect(mustSkip("these tests", ABSENT)).toBe(true);
  expect(warn.mock.calls.flat().join()).toMatch(/these tests: not run.* some-package$/);
  expect(mustSkip("these tests", { sh: "dash" })).toBe(false);
  expect(mustSkip("these tests", {}, { problem: "No mirror." })).toBe(true);
  expect(warn.mock.lastCall).toEqual(["SKIPPED these tests: not run. No mirror."]);
});

test.each(["CI", "OUTRIDER_REQUIRE_PEERS"])("where %s is set, leaving out is a failure", (name) => {
  vi.stubEnv(name, "true");
  expect(() => mustSkip("these tests", ABSENT)).toThrow(/some-package/);
});
