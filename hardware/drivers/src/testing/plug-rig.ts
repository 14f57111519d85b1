import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { accepts, startForeign, type ForeignProcess } from "./foreign-process.js";
import type { Front } from "./front-rig.js";

const MAIN = createRequire(import.meta.url).resolve("@outrider/simulators/plug-main");

/** Starts plugs of a kind that act as their maker documents; their relays switch the slots of the rack. */
export async function startPlug(
  kind: string,
  { dir, port, rackUrl }: Front,
): Promise<ForeignProcess> {
  const log = join(dir, `plug.log`);
  writeFileSync(log, "");
  const rack = rackUrl.replace("http://", "");
  return startForeign({
    command: process.execPath,
    args: [
      MAIN,
      "--kind",
      kind,
      "--rack",
      rack,
      "--port",
      String(port),
      "--owner",
      String(process.pid),
    ],
    log,
    ready: async () => readFileSync(log, "utf8").includes('"ready":true'),
  });
}

export const BROKER_USER = { username: "agent", password: "canary-of-the-broker" };

/** mosquitto, with the front's port as its own and no persistence. Knows `agent` and lets plugs in without a name. */
export function startMosquitto(dir: string, port: number): Promise<ForeignProcess> {
  const config = join(dir, "mosquitto.conf");
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  return startForeign({
    command: "mosquitto",
    args: ["-c", config],
    log: join(dir, "mosquitto.log"),
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
    ready: () => accepts(port),
  });
}
