import { writeFileSync, mkdtempSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { frontRig } from "../testing/front-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever } from "../testing/power-rig.js";
import { driver } from "./command.js";

const CURL = "/usr/bin/curl";
const skip = mustSkip("power by commands, with curl", { curl: "curl" });

describe.skipIf(skip)("curl", () => {
  describePowerPort("command", () =>
    frontRig({
      driver,
      lacks: ["host", "outlets"],
      start: async ({ dir, rackUrl }) => {
        const script = `r=$("${CURL}" -sS -w '\\n%{http_code}' "$@") || { echo "$r" >&2; exit 7; }
case "$r" in *'"supply":"on"'*200) exit 0;; *'"supply":"off"'*200) exit 1;; *) echo "$r" >&2; exit 2;; esac`;
        writeFileSync(join(dir, "status"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
        const quiet = script.replace("exit 1;;", "exit 0;;");
        writeFileSync(join(dir, "set"), `#!/bin/sh\n${quiet}\n`, { mode: 0o755 });
        writeFileSync(join(dir, "url"), rackUrl);
        return { stop: async () => {} };
      },
      optionsOf: ({ rackUrl }, slot) => {
        const supply = (on: boolean): string[] => [
          "set",
          "-X",
          "PUT",
          "-H",
          "content-type: application/json",
          "-d",
          JSON.stringify({ on }),
          `${rackUrl}/slots/${slot}/supply`,
        ];
        return {
          on: supply(true),
          off: supply(false),
          status: ["status", `${rackUrl}/slots/${slot}`],
        };
      },
      programsOf: ({ dir }) => ({ set: join(dir, "set"), status: join(dir, "status") }),
      address: ({ dir }) => dir,
      unreachable: "refused",
    }),
  );
});

describe("command", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "or-"));
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  const programs: Record<string, string> = {};
  const script = (name: string, text: string): string[] => {
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    programs[name] = join(dir, name);
    return [name];
  };

  it("takes arguments as they are: there is no shell", async () => {
    const status = script("args", 'for one in "$@"; do echo "<$one>" >&2; done; exit 2');
    const options = { on: status, off: status, status: [...status, "$(id)", "; a 'b' *"] };
    await using port = await openDriver(driver, options, driverContext({ programs }));
    const { message } = await failure(port.read(forever));
    expect(message).toContain("<$(id)> <; a 'b' *>");
  });

  it("gives a program nothing of the agent's environment, and no secret away", async () => {
    const status = script("env", "env >&2; exit 2");
    const SECRET = { file: "/etc/outrider/secrets/outlet" };
    const secrets = { [SECRET.file]: "canary-of-commands" };
    const options = {
      on: status,
      off: status,
      status,
      environment: { OUTRIDER_UNIT: "4" },
      secret: SECRET,
    };
    process.env["OUTRIDER_SECRET_OTHER"] = "canary-of-another";
    await using port = await openDriver(driver, options, driverContext({ secrets, programs }));
    const { message } = await failure(port.read(forever));
    delete process.env["OUTRIDER_SECRET_OTHER"];
    expect(message).toContain("OUTRIDER_UNIT=4");
    expect(message).toContain("OUTRIDER_SECRET=…");
    expect(message).not.toContain("canary");
  });

  it("kills a program that takes too long, with all that it has started", async () => {
    const mark = join(dir, "mark");
    const status = script("slow", `(sleep 3; touch ${mark}) & wait`);
    const options = { on: status, off: status, status };
    await using port = await openDriver(driver, options, driverContext({ programs }));
    const error = await failure(port.read(AbortSignal.timeout(200)));
    expect(error).toMatchObject({ code: "timed-out" });
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(existsSync(mark)).toBe(false);
  });

  it("runs no program but those that are in place, and asks anew each time", async () => {
    const status = script("outlet", "exit 0");
    const options = { on: status, off: status, status };
    for (const which of ["on", "off", "status"] as const) {
      const elsewhere = { ...options, [which]: ["/bin/sh", "-c", "id"] };
      const opening = openDriver(driver, elsewhere, driverContext({ programs }));
      await expect(opening).rejects.toMatchObject({ code: "invalid-options" });
    }
    await using port = await openDriver(driver, options, driverContext({ programs }));
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    delete programs["outlet"];
    expect(await failure(port.read(forever))).toMatchObject({ code: "invalid-options" });
    expect(await failure(port.setSupply(false, forever))).toMatchObject({
      code: "invalid-options",
    });
  });

  it.each(["LD_PRELOAD", "PATH", "BASH_ENV", "PYTHONPATH", "OUTRIDER_", "OUTRIDER_x"])(
    "gives no program %s, by which something else could be run",
    async (name) => {
      const status = script("outlet", "exit 0");
      const options = { on: status, off: status, status, environment: { [name]: "/tmp/x" } };
      const opening = openDriver(driver, options, driverContext({ programs }));
      await expect(opening).rejects.toThrow("option environment");
    },
  );
});
