// Programs of Debian that Outrider is tested or measured against.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { root } from "./prepare.mjs";

/**
 * Installs what is missing, where that can be done.
 * @param peers by Debian package, a program or file that shows that the package is there
 * @param why what they are needed for, as `… what <why>: …` reads
 * @returns a sentence that says what is still missing and how to install it, or undefined
 */
export function installPeers(peers, why, env) {
  const missing = Object.keys(peers).filter((name) => !existsSync(peers[name]));
  if (missing.length === 0) return undefined;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (process.getuid?.() === 0 && spawnSync("apt-get", ["--version"]).status === 0) {
    console.error(`outrider: installing what ${why}: ${missing.join(", ")}`);
    const quiet = {
      env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "ignore", "inherit"],
      cwd: root,
    };
    if (spawnSync("sh", ["-c", command], quiet).status === 0) return undefined;
  }
  return `what ${why} is missing: ${missing.join(", ")}. Install it: ${command}`;
}
