import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@outrider/ports/driver";
import type { Simulator } from "@outrider/simulators/spawn";
import type { PowerRig } from "./power-rig.js";

export interface SlotRigOptions {
  readonly driver: Driver<"power">;
  /** Starts the device in the directory; again in the same one for a restart. */
  readonly start: (dir: string) => Promise<Simulator>;
  readonly optionsOf: (dir: string, slot: number) => object;
  /** Its API socket, in the directory. */
  readonly socket: string;
  readonly loseSupply: (device: Simulator, slot: number) => Promise<void>;
}

/** A rig over a rack or a chassis that runs as a process of its own. */
export async function slotRig(options: SlotRigOptions): Promise<PowerRig & { dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  let device = await options.start(dir);
  return {
    driver: options.driver,
    dir,
    optionsOf: (slot) => options.optionsOf(dir, slot),
    get world() {
      return device.client;
    },
    address: join(dir, options.socket),
    kill: async () => {
      process.kill(device.pid, "SIGKILL");
      await device.stop();
    },
    restart: async () => {
      device = await options.start(dir);
    },
    loseSupply: (slot) => options.loseSupply(device, slot),
    [Symbol.asyncDispose]: async () => {
      await device.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
