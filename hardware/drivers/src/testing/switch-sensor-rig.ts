import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sample } from "@outrider/contracts/reading";
import { openDriver, type Driver, type DriverContext } from "@outrider/ports/driver";
import { freeUdpPort } from "@outrider/simulators/snmp-peers";
import { startSwitch, type SwitchOptions } from "@outrider/simulators/spawn";
import type { SensorRig } from "./sensor-conformance.js";
import { COMMUNITY, PRIV_KEY, AUTH_KEY, READ_ONLY, SECRETS, SNMP_USER } from "./switch-rig.js";

export interface SwitchSensorRig extends SensorRig {
  readonly udpPort: number;
}

/**
 * The sensor of the first outlet of a simulated switch or PDU.
 * @param sampleOf what it says at this draw, and of an outlet that is off
 */
export async function switchSensorRig(
  driver: Driver<"sensor">,
  optionsOf: (udpPort: number) => object,
  device: Pick<SwitchOptions, "dialect">,
  sampleOf: (drawWatts: number | "off") => Sample,
): Promise<SwitchSensorRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const udpPort = await freeUdpPort();
  const simulator = await startSwitch({
    dir,
    slots: 2,
    port: udpPort,
    communities: { read: READ_ONLY, write: COMMUNITY },
    user: { name: SNMP_USER, authKey: AUTH_KEY, privKey: PRIV_KEY },
    ...device,
  });
  const world = simulator.client;
  return {
    udpPort,
    open: (context: DriverContext) =>
      openDriver(driver, optionsOf(udpPort), {
        ...context,
        secret: async ({ file = "" }) => SECRETS[file] ?? "",
      }),
    measure: async () => {
      const { supply } = await world.get(1);
      const after = await world.supply(1, supply === "off");
      return sampleOf(after.supply === "off" ? "off" : after.drawWatts);
    },
    silence: async (silent) => {
      process.kill(simulator.pid, silent ? "SIGSTOP" : "SIGCONT");
    },
    [Symbol.asyncDispose]: async () => {
      await simulator.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
