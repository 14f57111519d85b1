import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSshKey } from "./ssh-key.js";

const BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIMU4mdtBeBOQ3AcXb3aX4YXKeWZYgCH82NHxClS+Z6ul";
const hasOpenSsh = spawnSync("ssh-keygen", ["-?"]).error === undefined;

/** A key as OpenSSH makes it, and the fingerprint that it shows. */
function generated(...type: string[]): { readonly line: string; readonly fingerprint: string } {
  const dir = mkdtempSync(join(tmpdir(), "outrider-keys-"));
  try {
    const file = join(dir, "key");
    const made = spawnSync("ssh-keygen", ["-q", "-N", "", "-C", "a b", "-f", file, "-t", ...type]);
    expect(made.status).toBe(0);
    const shown = spawnSync("ssh-keygen", ["-lf", `${file}.pub`], { encoding: "utf8" });
    return {
      line: readFileSync(`${file}.pub`, "utf8"),
      fingerprint: shown.stdout.split(" ")[1] ?? "",
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe("a public key", () => {
  it("is kept without its comment, under the fingerprint that ssh-keygen shows", () => {
    expect(readSshKey(`ssh-ed25519 ${BLOB} alice@laptop\n`)).toEqual({
      type: "ssh-ed25519",
      fingerprint: "SHA256:OIjEro4b7USG4TRGGci6X8i78RMfuwJEiKUTAZZzB8o",
      text: `ssh-ed25519 ${BLOB}`,
    });
  });

  it
    .skipIf(!hasOpenSsh)
    .each([
      ["ed25519"],
      ["ecdsa", "-b", "256"],
      ["ecdsa", "-b", "384"],
      ["ecdsa", "-b", "521"],
      ["rsa", "-b", "2048"],
      ["rsa", "-b", "3072"],
    ])("of OpenSSH is read as OpenSSH reads it: %s %s %s", (...type) => {
    const { line, fingerprint } = generated(...type.filter((word) => word !== undefined));
    expect(readSshKey(line).fingerprint).toBe(fingerprint);
  });

  it.skipIf(!hasOpenSsh)("of RSA that is too short is refused", () => {
    const { line } = generated("rsa", "-b", "1024");
    expect(() => readSshKey(line)).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  it.each([
    "",
    "ssh-ed25519",
    `ssh-rsa ${BLOB}`,
    `ssh-dss ${BLOB}`,
    `ssh-ed25519 ${BLOB.slice(0, -4)}`,
    `ssh-ed25519 ${BLOB}AAAA`,
    `ssh-ed25519 ${BLOB}\nssh-ed25519 ${BLOB}`,
    `command="rm -rf /" ssh-ed25519 ${BLOB}`,
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    `ssh-ed25519 ${"A".repeat(8192)}`,
  ])("is not %j, and what was given is not repeated", (line) => {
    let message = "";
    try {
      readSshKey(line);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^key: expected /);
    expect(message).not.toContain(BLOB);
  });

  it("is never read from bytes that are none, and never an exception of another kind", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const line = `ssh-ed25519 ${Buffer.from(bytes).toString("base64")}`;
        expect(() => readSshKey(line)).toThrow(expect.objectContaining({ code: "invalid" }));
      }),
    );
  });
});
