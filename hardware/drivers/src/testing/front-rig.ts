import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRack, type Simulator } from "@outrider/simulators/spawn";
import { freePort, type ForeignProcess } from "./foreign-process.js";
import type { PowerRig } from "./power-rig.js";

/** A device that speaks its own protocol and switches the slots of a rack; the rack is what tests assert on. */
export interface Front {
  /** Its own directory. */
  readonly dir: string;
  /** Where it serves. */
  readonly port: number;
  /** The rack that it switches: `http://127.0.0.1:…`. */
  readonly rackUrl: string;
}

export interface FrontRigOptions extends Pick<
  PowerRig,
  "driver" | "lacks" | "native" | "slotOption" | "secrets" | "unreachable"
> {
  readonly start: (front: Front) => Promise<Pick<ForeignProcess, "stop">>;
  readonly optionsOf: (front: Front, slot: number) => object;
  readonly programsOf?: (front: Front) => Readonly<Record<string, string>>;
  /** Default: `127.0.0.1:<port>`. */
  readonly address?: (front: Front) => string;
}

/** A rig over such a device. Device and rack are one: they go, and come back, together. */
export async function frontRig(
  options: FrontRigOptions,
): Promise<PowerRig & { readonly front: Front }> {
  const {
    start,
    optionsOf,
    programsOf = () => ({}),
    address = ({ port }: Front) => `127.0.0.1:${port}`,
    ...rest
  } = options;
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const front: Front = { dir, port: await freePort(), rackUrl: `http://${listen}` };
  const startBoth = async (): Promise<[Simulator, Pick<ForeignProcess, "stop">]> => {
    const rack = await startRack({ dir, slots: 2, listen });
    try {
      return [rack, await start(front)];
    } catch (error) {
      await rack.stop();
      throw error;
    }
  };
  let [rack, device] = await startBoth();
  return {
    ...rest,
    front,
    optionsOf: (slot) => optionsOf(front, slot),
    get world() {
      return rack.client;
    },
    programs: programsOf(front),
    address: address(front),
    kill: async () => {
      process.kill(rack.pid, "SIGKILL");
      await device.stop("SIGKILL");
      await rack.stop();
    },
    restart: async () => {
      [rack, device] = await startBoth();
    },
    loseSupply: async (slot) => void (await rack.client.brownOut(slot)),
    [Symbol.asyncDispose]: async () => {
      await device.stop();
      await rack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
