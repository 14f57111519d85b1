import { spawnSync } from "node:child_process";
import { requirePeer } from "@outrider/testing/peers";

/** Debian's own interpreter, which sees Debian's packages whatever else is on the PATH. */
export const PYTHON = "/usr/bin/python3";

/** Whether pyserial is there for the tests that judge by it. */
export function requirePyserial(): boolean {
  const found = spawnSync(PYTHON, ["-c", "import serial"]).status === 0;
  return found || requirePeer("pyserial-is-missing", "apt-get install python3-serial");
}
