import { join } from "node:path";
import type { ChassisFlavour } from "@outrider/simulators/chassis-spec";
import type { SimulatedFlavour } from "@outrider/simulators/simulated-slot";
import { startChassis, startRack, type Simulator } from "@outrider/simulators/spawn";

export interface MachinesOptions {
  /** Slots of the simulated rack, the first is slot 1. No rack when left out. */
  readonly rack?: readonly SimulatedFlavour[];
  /** Times of simulated machines, in milliseconds. */
  readonly rackTimes?: { bootMs?: number; shutdownMs?: number; haltAfterMs?: number };
  /** Slots of the chassis of virtual machines, the first is slot 1. No chassis when left out. */
  readonly chassis?: readonly ChassisFlavour[];
}

export interface Machines {
  readonly rack?: Simulator | undefined;
  readonly chassis?: Simulator | undefined;
}

/** Starts what there is to manage, in `<folder>/rack` and `<folder>/chassis`. @param stack ends it */
export async function startMachines(
  { rack, rackTimes, chassis }: MachinesOptions,
  folder: string,
  stack: AsyncDisposableStack,
): Promise<Machines> {
  const flavours = Object.fromEntries((rack ?? []).map((flavour, index) => [index + 1, flavour]));
  const [simulated, virtual] = await Promise.all([
    rack &&
      startRack({ dir: join(folder, "rack"), slots: rack.length, flavours, ...rackTimes }).then(
        (it) => stack.use(it),
      ),
    chassis &&
      startChassis({
        dir: join(folder, "chassis"),
        slots: chassis.map((flavour) => ({ flavour })),
      }).then((it) => stack.use(it)),
  ]);
  return { rack: simulated, chassis: virtual };
}
