import { nodeLock } from "@outrider/contracts/lock";
import { commandId } from "@outrider/contracts/ids";
import { powerResult, powerState, type Supply } from "@outrider/contracts/power";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ConsoleStage, nodesFor } from "./testing/console-stage.js";

describe("what is told of a console", () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await ConsoleStage.start(nodesFor(6));
  });
  beforeEach(() => stage.turn());
  afterAll(() => stage.stop());

  it("is its stage, its boot and when it spoke last, on MQTT and never a byte", async () => {
    stage.say("[    0.000000] Booting Linux on physical CPU 0x0\r\n");
    stage.say("[    0.000000] Linux version 6.12.0 (a secret on the console)\r\n");
    await eventually("it is in the kernel", () => stage.state?.stage.value === "kernel");
    stage.say("\r\nDebian GNU/Linux 12 n1 ttyAMA0\r\n\r\nn1 login: ");
    await eventually("it asks who", () => stage.state?.stage.value === "login");
    expect(stage.state).toMatchObject({ boot: 1, link: { value: "Up" }, viewers: 0 });
    expect(stage.state?.lastByteAt).toBeDefined();
    expect(JSON.stringify([...stage.states.values(), ...stage.events])).not.toContain("secret");
  });

  it("is a panic also after a restart of the service, where no start was ever seen", async () => {
    const node = stage.current;
    stage.say("[  100.0] Kernel panic - not syncing: Attempted to kill init!\r\n");
    await eventually("it has panicked", () => stage.state?.stage.value === "panic");
    expect(stage.state?.boot).toBeUndefined();
    const { since } = stage.state?.stage ?? {};
    await stage.service.kill();
    await stage.agent.stop();
    stage.states.clear();
    await stage.startService();
    await stage.startAgent();
    expect(stage.states.get(node)?.stage).toEqual({ value: "panic", since });
  });

  it("is every gap, with its size and times, in the log, to who looks on, and as an event", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    stage.say("before");
    stage.line().source.gap(1234, "overrun");
    stage.say("after\r\n");
    await ada.sees("beforeafter\r\n");
    expect(await ada.hears("gap", /1234 bytes are missing here \(overrun/)).toMatchObject({
      bytes: 1234,
      code: "overrun",
    });
    const event = await eventually("an event tells it", () =>
      stage.events.find(({ kind, node }) => kind === "console-gap" && node === stage.current),
    );
    expect(event).toMatchObject({ severity: "warning", data: { lostBytes: 1234 } });
    await eventually("the state has the sum", () => stage.state?.lostBytes === 1234);
    const late = await stage.attach("person:late", { replay: "lines:5", mode: "spy" });
    await late.hears("gap", /1234 bytes/);
    const log = await (await stage.get(`/consoles/${stage.current}/log`)).text();
    expect(log).toMatch(/1234 bytes/);
  });

  it("is who locks the node and what becomes of its power, to everybody there", async () => {
    const ada = await stage.attach("person:ada", { mode: "spy" });
    await ada.hears("attached");
    const node = stage.current;
    stage.inventory.retain(nodeLock, { node }, { fence: 1, waiting: 0 });
    await stage.inventory.ready(AbortSignal.timeout(20_000));
    const at = new Date().toISOString();
    stage.inventory.retain(
      nodeLock,
      { node },
      {
        fence: 2,
        waiting: 0,
        held: {
          lock: commandId("l1"),
          holder: "person:bob",
          reason: "disk\u001b]0;x\u0007",
          since: at,
          until: at,
        },
      },
    );
    const power = stage.session("power");
    onTestFinished(() => power.stop());
    await power.ready(AbortSignal.timeout(20_000));
    await power.publish(
      powerResult,
      { node },
      {
        id: commandId("c1"),
        seq: 1,
        action: "PowerCycle",
        status: "Succeeded",
        terminal: true,
        actor: "person:bob",
        via: "cli",
        startedAt: at,
        endedAt: at,
      },
    );
    await ada.hears("notice", /PowerCycle by person:bob: Succeeded/);
    const told = ada.tolds.filter((one) => one.text?.includes("has locked"));
    // Of two documents in quick succession the first may never be seen, and the first that is seen is no news.
    for (const { text } of told) expect(text).not.toContain("\u001b");
    const supply = (value: Supply) => ({
      supply: {
        value,
        evidence: "ReadBack" as const,
        since: at,
        observedAt: at,
        staleAfterMs: 9e4,
      },
      host: {
        value: "Unknown" as const,
        evidence: "Assumed" as const,
        since: at,
        observedAt: at,
        staleAfterMs: 9e4,
      },
    });
    stage.say("old life\r\n");
    await ada.sees("old life");
    await power.publish(powerState, { node }, supply("Off"));
    await power.publish(powerState, { node }, supply("On"));
    await power.publish(powerState, { node }, supply("On"));
    // The chapter begins with what is said then.
    await eventually("a chapter begins", async () => {
      stage.say("no sign that anybody knows\r\n");
      const page = await stage.get(`/consoles/${node}/boots`);
      const { boots } = (await page.json()) as { boots: unknown[] };
      return boots.length === 1;
    });
  });

  it("is shown again from a boot on, from the boot before, from a time, and as a screen", async () => {
    for (const boot of ["first", "second"]) {
      stage.say("[    0.000000] Booting Linux on physical CPU 0x0\r\n");
      stage.say(`[    0.000000] Linux version 6.12.0 ${boot}\r\n`);
      stage.say(`${boot} life\r\nlogin: `);
      await eventually("it asks who", () => stage.state?.stage.value === "login");
      stage.say("\r\n");
    }
    await eventually("both are in the log", async () => {
      const page = await stage.get(`/consoles/${stage.current}/boots`);
      return ((await page.json()) as { boots: unknown[] }).boots.length === 2;
    });
    const shown = async (replay: string): Promise<string> => {
      const client = await stage.attach("person:ada", { replay, mode: "spy" });
      await client.hears("live");
      client.socket.terminate();
      return client.text;
    };
    const before = await shown("previous-boot");
    expect(before).toContain("first life");
    expect(before).not.toContain("second");
    const now = await shown("boot");
    expect(now).toContain("second life");
    expect(now).not.toContain("first");
    expect(await shown("since:1h")).toBe(before + now);
    expect(await shown("screen")).toContain("second life");
    expect(await shown("screen")).not.toContain("\r\n");
  });

  it("has the right times although an agent's clock is wrong, and says that it is", async () => {
    const hourMs = 3_600_000;
    await stage.agent.stop();
    await stage.startAgent(hourMs);
    const { source } = stage.line();
    const say = (text: string): void =>
      source.append(Buffer.from(text), (Date.now() + hourMs) * 1000);
    await eventually("an event tells it", () => {
      say("x\r\n");
      return stage.events.find(
        ({ kind, node }) => kind === "console-clock" && node === stage.current,
      );
    });
    say("the last line\r\n");
    const log = await eventually("the log has it", async () => {
      const page = await stage.get(`/consoles/${stage.current}/log?lines=1`);
      const text = await page.text();
      return text.includes("the last line") ? text : undefined;
    });
    expect(Math.abs(Date.parse(log.slice(0, 23) + "Z") - Date.now())).toBeLessThan(hourMs / 2);
  });
});
