import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { socketDir } from "./hostile-peer.js";

const PROGRAM = "qemu-system-x86_64";

/** Whether QEMU is installed. Says loudly when it is not; where peers are required, that is an error. */
export function haveQemu(): boolean {
  if (spawnSync(PROGRAM, ["--version"]).status === 0) return true;
  const missing = `${PROGRAM} is missing: apt-get install --no-install-recommends qemu-system-x86`;
  if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"]) throw new Error(missing);
  console.warn(`SKIPPED: ${missing}`);
  return false;
}

export interface Qemu extends AsyncDisposable {
  readonly path: string;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
}

/** A QEMU with a monitor and no machine: starts at once and needs no guest. Ends with this process, however that ends. */
export async function startQemu(): Promise<Qemu> {
  const dir = socketDir();
  const path = join(dir.path, "s");
  const machine = ["-M", "none", "-nodefaults", "-display", "none"];
  const monitors = ["-qmp", `unix:${path},server=on,wait=off`, "-qmp", "stdio"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", PROGRAM, ...machine, ...monitors], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  // The greeting on standard output comes from the main loop, which starts when all sockets listen.
  const greeted = once(child.stdout, "data");
  const ready = await Promise.race([greeted, exited.then(() => undefined)]);
  if (ready === undefined) throw new Error(`${PROGRAM} ended at once.`);
  child.stdout.resume();
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    path,
    kill,
    [Symbol.asyncDispose]: async () => {
      await kill();
      dir[Symbol.dispose]();
    },
  };
}
