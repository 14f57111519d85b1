import { afterEach, expect, test, vi } from "vitest";
import { findProgram, MissingPeerError, requirePeer } from "./peers.js";

afterEach(() => vi.unstubAllEnvs());

test("finds programs, the ones outside of PATH too", () => {
  vi.stubEnv("PATH", "/nowhere");
  expect(findProgram("no-such-program-anywhere")).toBeUndefined();
  vi.stubEnv("PATH", "/nowhere:/bin");
  expect(findProgram("sh")).toBe("/bin/sh");
});

test("a missing peer is a skip that says how to mend it, and a failure where nothing may be skipped", () => {
  vi.stubEnv("CI", "");
  vi.stubEnv("OUTRIDER_REQUIRE_PEERS", "");
  expect(requirePeer("no-such-program-anywhere", "apt-get install it")).toBe(false);
  for (const name of ["CI", "OUTRIDER_REQUIRE_PEERS"]) {
    vi.stubEnv(name, "1");
    expect(() => requirePeer("no-such-program-anywhere", "apt-get install it")).toThrow(
      MissingPeerError,
    );
    expect(() => requirePeer("no-such-program-anywhere", "apt-get install it")).toThrow(
      /apt-get install it/,
    );
    vi.stubEnv(name, "");
  }
  expect(requirePeer("sh", "a miracle")).toBe(true);
});
