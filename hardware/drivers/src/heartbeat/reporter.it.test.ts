import { readFileSync } from "node:fs";
import type { HeartbeatPort } from "@outrider/ports/heartbeat-port";
import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describeHeartbeatPort } from "../testing/heartbeat-conformance.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import {
  lacksReporter,
  REPORTER_SECRET_FILE,
  startReporter,
  type ReporterRig,
} from "../testing/reporter-rig.js";
import { driver } from "./reporter.js";

const open = ({
  options,
  secrets,
}: Pick<ReporterRig, "options" | "secrets">): Promise<HeartbeatPort> =>
  openDriver(driver, options, driverContext({ secrets }));

describe.skipIf(lacksReporter("heartbeat/reporter"))(
  "the reporter of this machine",
  { timeout: 60_000 },
  () => {
    describeHeartbeatPort("reporter", async () => {
      const rig = await startReporter();
      return {
        open: (context) =>
          openDriver(driver, rig.options, {
            ...context,
            secret: driverContext({ secrets: rig.secrets }).secret,
          }),
        live: async (alive) => rig.freeze(!alive),
        [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
      };
    });

    it("says which boot runs, and for how long, as the kernel has it", async () => {
      await using rig = await startReporter();
      await using port = await open(rig);
      const uptime = (): number => Number(readFileSync("/proc/uptime", "utf8").split(".")[0]);
      const before = uptime();
      const { alive, bootId, uptimeSeconds } = await port.read(never);
      expect(alive).toBe(true);
      expect(port.proves).toBe("system");
      expect(bootId).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
      expect(uptimeSeconds).toBeGreaterThanOrEqual(before);
      expect(uptimeSeconds).toBeLessThanOrEqual(uptime());
    });

    it("says that the kernel runs where the reporter does not, and hears it again", async () => {
      await using rig = await startReporter();
      await using port = await open(rig);
      await rig.stop();
      expect(await port.read(never)).toEqual({
        alive: false,
        detail: "Its kernel refuses: it runs, and its reporter does not.",
      });
      await rig.start();
      expect(await port.read(never)).toMatchObject({ alive: true });
    });

    it("could not look with another secret, and says which file to correct", async () => {
      await using rig = await startReporter();
      await using port = await open({
        options: rig.options,
        secrets: { [REPORTER_SECRET_FILE]: "canary-0000-another-secret-0123456789" },
      });
      const error = await failure(port.read(never));
      expect(error).toMatchObject({ code: "refused" });
      expect(error.message).toContain("/etc/outrider/reporter-secret");
      expect(`${error.message}${rig.log()}`).not.toContain("canary");
    });

    it("takes no secret that can be guessed", async () => {
      const secrets = { [REPORTER_SECRET_FILE]: "short" };
      const options = {
        host: "127.0.0.1",
        port: 1,
        waitMs: 1000,
        secret: { file: REPORTER_SECRET_FILE },
      };
      const error = await failure(open({ options, secrets }));
      expect(error).toMatchObject({ code: "invalid-options" });
      expect(error.message).not.toContain("short.");
    });
  },
);
