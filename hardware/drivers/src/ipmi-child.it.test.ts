import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driver } from "./power/ipmi.js";
import { driverContext } from "./testing/context.js";
import { freePort, type ForeignProcess } from "./testing/foreign-process.js";
import { failure, forever } from "./testing/power-rig.js";
import { IPMI_USER, pyghmi, startPyghmi } from "./testing/pyghmi.js";

const bin = await pyghmi();
const PASSWORD = { file: "/etc/outrider/secrets/bmc" };
const WRONG = "canarythatiswrong";

/** What anybody on this host can see of the ipmitools that speak to the port. */
function commandLines(port: number): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ")];
      } catch {
        return [];
      }
    })
    .filter((line) => line.startsWith("ipmitool") && line.includes(String(port)));
}

describe.skipIf(bin === undefined)("ipmitool as a child", () => {
  let dir: string;
  let port: number;
  let bmc: ForeignProcess;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "or-"));
    port = await freePort();
    bmc = await startPyghmi(bin ?? "", { dir, port, rackUrl: "http://127.0.0.1:9" });
  });
  afterAll(async () => {
    await bmc.stop();
    rmSync(dir, { recursive: true });
  });
  const options = (): object => ({
    host: "127.0.0.1",
    port,
    username: IPMI_USER.username,
    password: PASSWORD,
    cipherSuite: 3,
  });

  it("is told the password where nobody else sees it, and is killed with whoever gives up", async () => {
    const secrets = { [PASSWORD.file]: IPMI_USER.password };
    await using power = await openDriver(driver, options(), driverContext({ secrets }));
    process.kill(bmc.pid, "SIGSTOP");
    try {
      const caller = new AbortController();
      const asked = failure(power.read(caller.signal));
      await expect.poll(() => commandLines(port)).toHaveLength(1);
      expect(commandLines(port).join()).not.toContain(IPMI_USER.password);
      const reason = new Error("the agent stops");
      caller.abort(reason);
      expect(await asked).toBe(reason);
      await expect.poll(() => commandLines(port)).toEqual([]);
    } finally {
      process.kill(bmc.pid, "SIGCONT");
    }
  });

  it("is not let in with a wrong password, and says neither that nor the right one", async () => {
    const said: unknown[] = [];
    const say = (...words: unknown[]): void => void said.push(words);
    const log = { debug: say, info: say, warn: say, error: say };
    const context = driverContext({ secrets: { [PASSWORD.file]: WRONG }, log });
    await using power = await openDriver(driver, options(), context);
    const error = await failure(power.read(forever));
    expect(["refused", "unreachable"]).toContain(error.code);
    expect(error.message).toContain("password");
    const all = JSON.stringify([said, error.message, String(error.stack), error.cause]);
    expect(all).not.toContain("canary");
  });
});
