import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { describe } from "vitest";
import { freePort } from "../testing/foreign-process.js";
import { describeIdentifyPort, type IdentifyRig } from "../testing/identify-conformance.js";
import { IPMI_USER, pyghmi, startPyghmi } from "../testing/pyghmi.js";
import { driver } from "./ipmi.js";

const bin = await pyghmi();

async function startRig(): Promise<IdentifyRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freePort();
  // Without a rack: this BMC has a lamp and nothing else.
  const bmc = await startPyghmi(bin ?? "", { dir, port, rackUrl: "" });
  const lamp = join(dir, "boot.lamp");
  const options = {
    host: "127.0.0.1",
    port,
    username: IPMI_USER.username,
    cipherSuite: 3,
    password: { file: "/etc/outrider/secrets/bmc" },
  };
  return {
    open: (context) =>
      openDriver(driver, options, { ...context, secret: async () => IPMI_USER.password }),
    shines: async () => readFileSync(lamp, "utf8") === "on",
    light: async (on) => writeFileSync(lamp, on ? "on" : "off"),
    silence: async (silent) => void process.kill(bmc.pid, silent ? "SIGSTOP" : "SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      process.kill(bmc.pid, "SIGCONT");
      await bmc.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describe.skipIf(bin === undefined)("a BMC of pyghmi with a lamp", () => {
  describeIdentifyPort("ipmi", startRig);
});
