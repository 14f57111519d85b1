import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { requireMount } from "@outrider/testing/peers";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, describe, expect, it } from "vitest";
import { WAITING_BYTES } from "./log/log-limits.js";
import { ConsoleStage } from "./testing/console-stage.js";

const MIB = 1024 * 1024;

let stage: ConsoleStage;
let disk: string;
afterEach(async () => {
  await stage.stop().catch(() => undefined);
  execFileSync("umount", [disk]);
  await stage.data.remove();
});

describe.runIf(requireMount())("a console whose log has no room", () => {
  it("goes on, and its agent is asked for all of it when there is room again (P8, P12)", async () => {
    stage = await ConsoleStage.start(["n1"], {}, (data) => {
      disk = join(data, "console");
      mkdirSync(disk);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
    });
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    stage.say("before\r\n");
    await ada.sees("before");
    writeFileSync(join(disk, "filler"), Buffer.alloc(7 * MIB));
    const line = `${"x".repeat(1022)}\r\n`;
    const said = ["before\r\n"];
    const say = async (bytes: number): Promise<void> => {
      for (let left = bytes; left > 0; left -= line.length) {
        stage.say(line);
        said.push(line);
        if (said.length % 200 === 0) await new Promise(setImmediate);
      }
    };
    await say(2 * MIB);
    await eventually("the log cannot be written", () => stage.state?.logProblem);
    await say(WAITING_BYTES + 2 * MIB);
    await eventually("bytes are left out", () => (stage.state?.lostBytes ?? 0) > MIB);
    ada.type("typed");
    await eventually("it is typed", () => stage.typed() === "typed");
    await rm(join(disk, "filler"));
    execFileSync("mount", ["-o", "remount,size=64m", disk]);
    await eventually("it is written", () => stage.state && !stage.state.logProblem);
    await eventually("it is linked again", () => stage.state?.link.value === "Up");
    stage.say("after\r\n");
    said.push("after\r\n");
    const all = said.join("");
    const raw = await eventually("all of it is in the log", async () => {
      const log = await (await stage.get("/consoles/n1/log?format=raw")).text();
      return log.length >= all.length && log;
    });
    expect(raw === all).toBe(true);
    await ada.sees("after");
    expect(ada.text === all).toBe(true);
    await eventually("nothing is lost", () => stage.state?.lostBytes === undefined);
    expect(stage.events.filter(({ kind }) => kind === "console-gap")).toEqual([]);
    // What has been stored may be forgotten.
    await eventually("it is acknowledged", () => stage.line().source.acknowledged >= all.length);
  }, 60_000);
});
