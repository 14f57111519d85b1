import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootTarget } from "@outrider/ports/boot-port";
import { describe } from "vitest";
import { describeBootPort, type BootRig } from "../testing/boot-conformance.js";
import { freePort } from "../testing/foreign-process.js";
import { IPMI_USER, pyghmi, startPyghmi } from "../testing/pyghmi.js";
import { driver } from "./ipmi.js";

const bin = await pyghmi();
const PASSWORD = { file: "/etc/outrider/secrets/bmc" };
/** pyghmi's words. */
const DEVICES: Readonly<Partial<Record<BootTarget, string>>> = {
  network: "network",
  disk: "hd",
  cd: "optical",
  "firmware-setup": "setup",
};

async function startRig(): Promise<BootRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const front = { dir, port: await freePort(), rackUrl: "http://127.0.0.1:9" };
  const start = () => startPyghmi(bin ?? "", front);
  let bmc = await start();
  const state = join(dir, "boot");
  return {
    driver,
    options: {
      host: "127.0.0.1",
      port: front.port,
      username: IPMI_USER.username,
      password: PASSWORD,
      cipherSuite: 3,
    },
    secrets: { [PASSWORD.file]: IPMI_USER.password },
    // This BMC keeps the device and says of each that it is for once.
    overrides: (["network", "disk", "cd", "firmware-setup"] as const).map((target) => ({
      target,
      mode: "once",
    })),
    refused: { target: "sd-card", mode: "once" },
    armed: async () => {
      const device = readFileSync(state, "utf8");
      const target = (Object.keys(DEVICES) as BootTarget[]).find((one) => DEVICES[one] === device);
      return target === undefined ? undefined : { target, mode: "once" };
    },
    arm: async (override) => {
      writeFileSync(state, (override && DEVICES[override.target]) ?? "default");
    },
    address: `127.0.0.1:${front.port}`,
    freeze: () => void process.kill(bmc.pid, "SIGSTOP"),
    thaw: () => void process.kill(bmc.pid, "SIGCONT"),
    kill: () => bmc.stop("SIGKILL"),
    restart: async () => {
      bmc = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await bmc.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describe.skipIf(bin === undefined)("a BMC of pyghmi", () => {
  describeBootPort("ipmi", startRig);
});
