import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readConsoleConfig } from "./config.js";

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConsoleConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

describe("the configuration of the console service", () => {
  it("listens on this machine only unless told otherwise", () => {
    expect(readConsoleConfig({})).toMatchObject({
      bind: "127.0.0.1",
      linkPort: 7420,
      sshPort: 2222,
      linkTls: undefined,
      openBind: undefined,
      logBytes: undefined,
    });
  });

  it("crosses no network in the clear unless told so in so many words", () => {
    const beyond = { OUTRIDER_BIND: "192.0.2.1" };
    expect(problemsOf(beyond)[0]).toContain("OUTRIDER_CONSOLE_LINK_PLAINTEXT=yes");
    expect(problemsOf({ ...beyond, OUTRIDER_CONSOLE_LINK_PLAINTEXT: "yes" })).toEqual([]);
  });

  it("says what is wrong with a value, all at once", () => {
    const wrong = { OUTRIDER_SSH_PORT: "ssh", OUTRIDER_CONSOLE_LOG_BYTES: "many" };
    expect(problemsOf(wrong)).toHaveLength(2);
    expect(problemsOf({ OUTRIDER_CONSOLE_LINK_CERT_FILE: "/x" })[0]).toContain("both or none");
    const missing = {
      OUTRIDER_CONSOLE_LINK_CERT_FILE: "/nowhere/cert",
      OUTRIDER_CONSOLE_LINK_KEY_FILE: "/nowhere/key",
    };
    expect(problemsOf(missing)[0]).toContain("OUTRIDER_CONSOLE_LINK_CERT_FILE");
  });

  it("takes sizes as people write them", () => {
    expect(readConsoleConfig({ OUTRIDER_CONSOLE_LOG_BYTES: "20GB" }).logBytes).toBe(20e9);
    expect(readConsoleConfig({ OUTRIDER_CONSOLE_LOG_BYTES: "5000000" }).logBytes).toBe(5e6);
    expect(problemsOf({ OUTRIDER_CONSOLE_LOG_BYTES: "10" })).toHaveLength(1);
  });
});
