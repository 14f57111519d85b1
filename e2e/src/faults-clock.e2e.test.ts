import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Deployment } from "./deployment.js";
import { watched } from "./watched.js";

const LIBRARY = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

const isRunnable = hasMosquittoClients() && requirePeer("faketime", "apt-get install faketime");

/** The calendar of one part, which a test sets as it likes. Its monotonic clock stays what it is. */
class Calendar {
  constructor(private readonly file: string) {}

  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: LIBRARY ?? "",
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_NO_CACHE: "1",
    };
  }

  async set(offsetSeconds: number): Promise<void> {
    await writeFile(this.file, `${offsetSeconds < 0 ? "" : "+"}${offsetSeconds}`);
  }
}

describe.skipIf(!isRunnable)("a calendar that is set by ten minutes (P3)", () => {
  let lab: Deployment;
  let calendars: Record<"agent" | "power", Calendar>;
  let folder: Awaited<ReturnType<typeof tempDir>>;

  beforeAll(async () => {
    folder = await tempDir("calendar-");
    calendars = {
      agent: new Calendar(join(folder.path, "agent")),
      power: new Calendar(join(folder.path, "power")),
    };
    await calendars.agent.set(0);
    await calendars.power.set(0);
    lab = await Deployment.start({
      rack: ["normal"],
      nodes: { n1: { rack: 1, dwell: "1s" } },
      environment: { agent: calendars.agent.environment, power: calendars.power.environment },
    });
    await lab.node("n1").command("On");
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });
  watched(() => lab);

  test.for([
    ["agent", 600],
    ["agent", -600],
    ["power", 600],
    ["power", -600],
  ] as const)(
    "of %s by %i s: commands are obeyed before, in the middle and after, once",
    async ([part, offset]) => {
      const node = lab.node("n1");
      onTestFinished(() => calendars[part].set(0));
      await node.command("On");
      await node.settles("On", "Running");
      await node.mark();
      const first = await node.ask("PowerCycle");
      await node.edge("supply-off");
      await calendars[part].set(offset);
      expect(await node.outcome(first)).toMatchObject({ status: "Succeeded" });
      // It has really been set.
      if (part === "agent") {
        await eventually("the agent's calendar is another", () => {
          const observedAt = node.state?.supply.observedAt;
          return (
            observedAt !== undefined && Math.abs(Date.parse(observedAt) - Date.now()) > 500_000
          );
        });
      }
      const second = await node.command("ForceOff");
      expect(second).toMatchObject({ status: "Succeeded" });
      if (part === "power")
        expect(Math.abs(Date.parse(second.startedAt) - Date.now())).toBeGreaterThan(500_000);
      // A short time to start is not used up by a calendar.
      expect(await node.command("On", { ttlMs: 5_000 })).toMatchObject({ status: "Succeeded" });
      expect(await node.edgeNames()).toEqual([
        "supply-off/api",
        "supply-on/api",
        "supply-off/api",
        "supply-on/api",
      ]);
      expect(Object.values(node.terminals())).toEqual([1, 1, 1]);
    },
  );
});
