import { execFile } from "node:child_process";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startForeign, type ForeignProcess } from "./foreign-process.js";

const NOBODY = 65_534;

export interface Libvirtd extends ForeignProcess {
  readonly socket: string;
}

/** A folder that libvirtd may write to, whoever runs the tests. */
export function ownFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  yieldTo(path);
  return path;
}

/** What is written for libvirtd is to be its own. */
export function yieldTo(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
}

/**
 * A libvirtd without any rights, all of its files in `dir`. Started again in the same one, it knows its machines.
 * @param uri by which it is found to serve, its socket left out
 */
export async function startLibvirtd(dir: string, uri: string): Promise<Libvirtd> {
  ownFolder(dir);
  const home = ownFolder(join(dir, "home"));
  const socket = join(home, "libvirt-sock");
  writeFileSync(join(dir, "conf"), `unix_sock_dir = "${home}"\n`);
  const asNobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];
  const daemon = ["libvirtd", "-f", join(dir, "conf"), "-p", join(home, "pid")];
  const [command = "", ...args] =
    process.getuid?.() === 0 ? [...asNobody, ...daemon] : ["env", ...daemon];
  const libvirtd = await startForeign({
    command,
    args,
    env: {
      HOME: home,
      XDG_RUNTIME_DIR: home,
      XDG_CONFIG_HOME: home,
      XDG_CACHE_HOME: home,
      LC_ALL: "C",
    },
    cwd: home,
    log: join(dir, "log"),
    ready: async () => !(await virsh(`${uri}?socket=${socket}`, "list", "--all")).failed,
  });
  return { ...libvirtd, socket };
}

/** What virsh says, past every driver. */
export function virsh(uri: string, ...args: string[]): Promise<{ failed: boolean; said: string }> {
  const env = { ...process.env, LC_ALL: "C" };
  return new Promise((resolve) => {
    execFile("virsh", ["-c", uri, ...args], { env }, (error, stdout) =>
      resolve({ failed: error !== null, said: stdout.trim() }),
    );
  });
}
