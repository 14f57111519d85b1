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
      optionsOf: ({ dir, rackUrl }, slot) => {
        const supply = (on: boolean): string[] => [
          join(dir, "set"),
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
          status: [join(dir, "status"), `${rackUrl}/slots/${slot}`],
        };
      },
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
  const script = (name: string, text: string): string[] => {
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return [join(dir, name)];
  };

  it("takes arguments as they are: there is no shell", async () => {
    const status = script("args", 'for one in "$@"; do echo "<$one>" >&2; done; exit 2');
    const options = { on: status, off: status, status: [...status, "$(id)", "; a 'b' *"] };
    await using port = await openDriver(driver, options, driverContext());
    const { message } = await failure(port.read(forever));
    expect(message).toContain("<$(id)> <; a 'b' *>");
  });

  it("gives a program nothing of the agent's environment, and no secret away", async () => {
    const status = script("env", "env >&2; exit 2");
    const SECRET = { file: "/etc/outrider/outlet" };
    const secrets = { [SECRET.file]: "canary-of-commands" };
    const options = { on: status, off: status, status, environment: { UNIT: "4" }, secret: SECRET };
    process.env["OUTRIDER_SECRET_OTHER"] = "canary-of-another";
    await using port = await openDriver(driver, options, driverContext({ secrets }));
    const { message } = await failure(port.read(forever));
    delete process.env["OUTRIDER_SECRET_OTHER"];
    expect(message).toContain("UNIT=4");
    expect(message).toContain("OUTRIDER_SECRET=…");
    expect(message).not.toContain("canary");
  });

  it("kills a program that takes too long, with all that it has started", async () => {
    const mark = join(dir, "mark");
    const status = script("slow", `(sleep 3; touch ${mark}) & wait`);
    const options = { on: status, off: status, status };
    await using port = await openDriver(driver, options, driverContext());
    const error = await failure(port.read(AbortSignal.timeout(200)));
    expect(error).toMatchObject({ code: "timed-out" });
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(existsSync(mark)).toBe(false);
  });

  it("names a program that is not there, and demands an absolute path", async () => {
    const gone = ["/nonexistent/outlet"];
    await using port = await openDriver(
      driver,
      { on: gone, off: gone, status: gone },
      driverContext(),
    );
    expect(await failure(port.read(forever))).toMatchObject({ code: "invalid-options" });
    const bare = openDriver(driver, { on: ["outlet"], off: gone, status: gone }, driverContext());
    await expect(bare).rejects.toThrow("option on");
  });
});
