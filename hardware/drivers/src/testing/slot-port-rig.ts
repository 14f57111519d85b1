import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PortKind, Ports } from "@outrider/ports/driver";
import { openDeclared } from "../open.js";
import { startRack, type EdgeName, type SlotClient } from "@outrider/simulators/spawn";
import type { PortRig } from "./port-rig.js";

export interface SlotPortRig<P extends PortKind> extends PortRig<Ports[P]> {
  readonly world: SlotClient;
  /** How often slot 1 has had this edge by request. */
  edges(name: EdgeName): Promise<number>;
}

/** A simulated driver on slot 1 of a rack, which is on. */
export async function slotPortRig<P extends PortKind>(kind: P): Promise<SlotPortRig<P>> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const rack = await startRack({ dir, slots: 1, bootMs: 5 });
  const world = rack.client;
  await world.supply(1, true);
  const options = { socket: join(dir, "rack.sock"), slot: 1 };
  return {
    world,
    edges: async (name) =>
      (await world.edges({ slot: 1 })).filter(({ edge, cause }) => edge === name && cause === "api")
        .length,
    open: async (context) => {
      const opened = await openDeclared(kind, { driver: "simulated", options }, context);
      return opened.port;
    },
    silence: async (silent) => void (await world.faults(1, silent ? { silent } : {})),
    [Symbol.asyncDispose]: async () => {
      await rack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
