import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@outrider/ports/driver";
import type { Simulator } from "@outrider/simulators/spawn";
import type { ConsoleRig } from "./console-rig.js";
import { soon } from "./power-rig.js";

export interface SlotConsoleRigOptions {
  readonly driver: Driver<"console">;
  /** Starts the device in the directory; again in the same one for a restart. */
  readonly start: (dir: string) => Promise<Simulator>;
  readonly optionsOf: (dir: string) => object;
  /** Its API socket, in the directory. */
  readonly socket: string;
  /** What slot 1 says once it listens to its console. */
  readonly ready: string;
  readonly dialogue: ConsoleRig["dialogue"];
  /** Whether its guest may be typed anything at. */
  readonly takesAll: boolean;
}

/** A rig over slot 1 of a rack or chassis that runs as a process of its own. Its console is kept in files. */
export async function slotConsoleRig(
  options: SlotConsoleRigOptions,
): Promise<ConsoleRig & { readonly device: Simulator }> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const kept = (file: string): Buffer =>
    existsSync(join(dir, file)) ? readFileSync(join(dir, file)) : Buffer.alloc(0);
  const said = (): string => kept("slot-1.console.log").toString("latin1");
  const boot = async (): Promise<Simulator> => {
    const it = await options.start(dir);
    await it.client.supply(1, true);
    const deadline = soon();
    while (!said().slice(from).includes(options.ready)) {
      deadline.throwIfAborted();
      await it.client.edges({ waitMs: 20, since: 1_000_000 });
    }
    return it;
  };
  let from = 0;
  let device = await boot();
  return {
    driver: options.driver,
    get device() {
      return device;
    },
    options: () => options.optionsOf(dir),
    address: join(dir, options.socket),
    exclusive: true,
    dialogue: options.dialogue,
    say: (bytes) => device.client.say(1, bytes),
    ...(options.takesAll ? { heard: () => Promise.resolve(kept("slot-1.typed.log")) } : {}),
    breaks: async () => (await device.client.consoleCounts(1)).breaks,
    lose: async () => {
      process.kill(device.pid, "SIGKILL");
      await device.stop();
    },
    restore: async () => {
      from = said().length;
      device = await boot();
    },
    freeze: async () => {
      process.kill(device.pid, "SIGSTOP");
      return { [Symbol.asyncDispose]: async () => void process.kill(device.pid, "SIGCONT") };
    },
    mute: async () => {
      await device.client.faults(1, { silent: true });
      return { [Symbol.asyncDispose]: async () => void (await device.client.faults(1, {})) };
    },
    [Symbol.asyncDispose]: async () => {
      await device.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
