import { execFileSync } from "node:child_process";
import { requirePeer } from "@outrider/testing/peers";

export const hasPromtool = (): boolean => requirePeer("promtool", "apt-get install prometheus");

/** What promtool has against metrics: what it cannot read, and names that are not as they should be. Empty: nothing. */
export function promtoolSays(metrics: string): string {
  try {
    return execFileSync("promtool", ["check", "metrics"], {
      input: metrics,
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    return stdout + stderr;
  }
}
