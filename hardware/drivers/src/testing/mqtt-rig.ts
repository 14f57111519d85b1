import type { Driver } from "@outrider/ports/driver";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type ForeignProcess } from "./foreign-process.js";
import { frontRig, type Front } from "./front-rig.js";
import { BROKER_USER, startMosquitto, startPlug } from "./plug-rig.js";
import type { PowerRig } from "./power-rig.js";

const PASSWORD = { file: "/etc/outrider/secrets/broker" };

/** Plugs on a mosquitto of their own, which stays when they go. */
export async function mqttRig(
  driver: Driver<"power">,
  kind: string,
  optionsOf: (slot: number) => object,
): Promise<PowerRig & { readonly brokerPort: number; readonly front: Front }> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freePort();
  const broker: ForeignProcess = await startMosquitto(dir, port);
  const rig = await frontRig({
    driver,
    lacks: ["host", "refusal", "outlets", "overlap", "blind-acts"],
    secrets: { [PASSWORD.file]: BROKER_USER.password },
    start: (front) => startPlug(kind, { ...front, port }),
    optionsOf: (_, slot) => ({
      broker: `mqtt://127.0.0.1:${port}`,
      username: BROKER_USER.username,
      password: PASSWORD,
      unencrypted: true,
      ...optionsOf(slot),
    }),
    address: () => `127.0.0.1:${port}`,
  });
  return Object.assign(
    Object.create(rig, {
      [Symbol.asyncDispose]: {
        value: async () => {
          await rig[Symbol.asyncDispose]();
          await broker.stop();
          rmSync(dir, { recursive: true, force: true });
        },
      },
    }) as typeof rig,
    { brokerPort: port },
  );
}
