import { searchAudit } from "@outrider/contracts/audit";
import {
  abortScript,
  getScript,
  listScripts,
  runScript,
  type ScriptRun,
} from "@outrider/contracts/console-operations";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleStage } from "../testing/console-stage.js";

const AS = { actor: "person:ada", via: "cli" } as const;
const N1 = nodeId("n1");

let stage: ConsoleStage;

beforeEach(async () => {
  stage = await ConsoleStage.start(["n1"]);
  await stage.know("ada");
});
afterEach(() => stage.stop());

function run(
  script: string,
  more: { take?: boolean; deadlineMs?: number } = {},
): Promise<ScriptRun> {
  return stage.asking.ask(runScript, { node: N1, script, deadlineMs: 20_000, ...more }, AS);
}

/** How it ended. */
function end(id: ScriptRun["id"]): Promise<ScriptRun> {
  return eventually("the script has ended", async () => {
    const found = await stage.asking.ask(getScript, { id }, AS);
    return found.state === "running" ? undefined : found;
  });
}

describe("a script at a console", () => {
  it("logs in, takes out what it reads, and leaves a transcript, an event and a record (P20)", async () => {
    const { id } = await run(
      [
        "# log in",
        'send-line ""',
        'expect "login: " within 10s',
        'send-line "root"',
        "expect /[#$] $/",
        'send "uname -r\\r"',
        "capture $version /[0-9]+\\.[0-9]+\\.[0-9]+/ within 10s",
        'send-line "echo $version costs $$1"',
        "sysrq sync",
      ].join("\n"),
    );
    await eventually("it has begun", () => stage.typed() === "\r");
    stage.say("\r\n\u001b[1mn1 login: \u001b[0m");
    await eventually("it types a name", () => stage.typed().endsWith("root\r"));
    stage.say("root\r\n~ # ");
    await eventually("it asks", () => stage.typed().endsWith("uname -r\r"));
    stage.say("uname -r\r\n6.12.34+rpt\r\n~ # ");
    expect(await end(id)).toMatchObject({ state: "succeeded", actor: "person:ada", line: 9 });
    expect(stage.typed()).toBe("\rroot\runame -r\recho 6.12.34 costs $1\rs");
    const transcript = await (await stage.get(`/scripts/${id}/transcript`)).text();
    expect(transcript).toContain('> "uname -r\\r"');
    expect(transcript).toContain("< 6.12.34+rpt");
    expect(transcript).not.toContain("\u001b");
    expect(transcript).toMatch(/= succeeded\n$/);
    await eventually("it is told", () =>
      stage.events.some(({ kind }) => kind === "console-script"),
    );
    const { records } = await stage.asking.ask(searchAudit.console, { actor: "person:ada" }, AS);
    expect(records.map(({ act, stage: at }) => `${act} ${at}`)).toEqual(
      expect.arrayContaining(["console.script intent", "console.script outcome"]),
    );
    const client = await stage.attach("person:bob");
    expect(await client.hears("attached")).toMatchObject({ writes: true });
    expect((await stage.asking.ask(listScripts, {}, AS)).runs).toHaveLength(1);
  });

  it("fails with the place and the reason", async () => {
    await expect(run('expect "x"\nfrobnicate')).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("line 2, column 11: frobnicate is no step"),
    });
    const late = await end((await run('expect "never" within 100ms')).id);
    expect(late).toMatchObject({ state: "failed", line: 1 });
    expect(late.detail).toBe('line 1: "never" did not come within 0.1 s');
    const over = await end((await run('expect "never"', { deadlineMs: 200 })).id);
    expect(over).toMatchObject({ state: "timed-out" });
    const { id } = await run('on /panic/ fail "it died"\nsend "x"\nexpect "never"');
    await eventually("it runs", () => stage.typed() === "x");
    stage.say("Kernel panic - not syncing\r\n");
    expect(await end(id)).toMatchObject({ state: "failed", detail: "/panic/ has come: it died" });
  });

  it("has the console to itself, and ends when it is taken away", async () => {
    const bob = await stage.attach("person:bob");
    await bob.hears("attached");
    await expect(run('send "x"')).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("person:bob types there"),
    });
    const { id } = await run('expect "never"', { take: true });
    await bob.hears("mode", /person:ada \(script\) has taken the console/);
    expect(await bob.ask({ ask: "take" })).toMatchObject({ told: "done" });
    expect(await end(id)).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("person:bob"),
    });
  });

  it("can be stopped, and has failed when the service was killed in the middle", async () => {
    const first = await run("sleep 1h");
    expect(await stage.asking.ask(abortScript, { id: first.id }, AS)).toMatchObject({
      state: "aborted",
      detail: "person:ada has stopped it",
    });
    const second = await run("sleep 1h");
    await stage.agent.stop();
    await stage.service.kill("SIGKILL");
    await stage.startService();
    const found = await eventually("it answers", () =>
      stage.asking.ask(getScript, { id: second.id }, { ...AS, withinMs: 500 }),
    );
    expect(found).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("stopped in the middle"),
    });
    await stage.startAgent();
  });
});
