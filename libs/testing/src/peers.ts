import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian puts daemons, which are not on everybody's PATH. */
const MORE_PLACES = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/** The path of a program of this machine, if it is there. */
export function findProgram(name: string): string | undefined {
  for (const folder of [...(process.env["PATH"] ?? "").split(delimiter), ...MORE_PLACES]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** A peer that is missing where it must not be. */
export class MissingPeerError extends Error {
  override readonly name = "MissingPeerError";
}

const reported = new Set<string>();

/**
 * Whether a real peer of a test is there, for `describe.skipIf(!requirePeer("mosquitto", "apt-get install mosquitto"))`.
 * A missing one is said aloud with how to get it.
 * @throws MissingPeerError when it is missing and CI or OUTRIDER_REQUIRE_PEERS is set: a skip there would be a lie
 */
export function requirePeer(program: string, howToInstall: string): boolean {
  if (findProgram(program)) return true;
  return lacking(
    `${program} is not installed; tests with it cannot run. Install it: ${howToInstall}`,
  );
}

/** Whether a file system as small as a test wants it can be mounted here. @throws as {@link requirePeer} */
export function requireMount(): boolean {
  try {
    // In a namespace of its own, so that the attempt leaves nothing behind.
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return lacking("No file system can be mounted here; tests with a full disk need root.");
  }
}

/** @returns false, having said so */
function lacking(message: string): false {
  if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"])
    throw new MissingPeerError(message);
  if (!reported.has(message)) {
    reported.add(message);
    process.stderr.write(`\nSKIPPED: ${message}\n`);
  }
  return false;
}
