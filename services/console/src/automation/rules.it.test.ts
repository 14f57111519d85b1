import { afterEach, describe, expect, it } from "vitest";
import { NODE, rule, RulesStage } from "../testing/rules-stage.js";

const CYCLE = { kind: "power", action: "PowerCycle" } as const;
const EVENT = { kind: "event" } as const;
const RULES = { heal: rule({ sign: "panic", severity: "critical", actions: [EVENT, CYCLE] }) };

let stage: RulesStage;

afterEach(async () => {
  await stage.stop();
});

/** The machine starts, and panics again. */
async function panicAgain(): Promise<void> {
  stage.boot();
  stage.sign("panic", "Kernel panic - not syncing: again");
  await stage.pass(1);
}

describe("a rule with a power action", () => {
  it("writes down that it acts, and then acts, once for each panic (P20)", async () => {
    stage = await RulesStage.start(RULES);
    stage.sign("panic", "Kernel panic - not syncing: oh");
    stage.sign("panic", "Kernel panic - not syncing: oh");
    await stage.pass(1);
    expect(stage.done).toEqual(["audit PowerCycle heal", "PowerCycle heal"]);
    expect(stage.events[0]).toMatchObject({
      severity: "critical",
      kind: "console-panic",
      message: "panic: Kernel panic - not syncing: oh",
      data: { rule: "heal" },
    });
    expect(stage.events.map(({ message }) => message)).toContain(
      "rule heal: PowerCycle: Accepted (1 of 3 without a login)",
    );
  });

  it("acts on the panic of a start that came right behind the last one", async () => {
    stage = await RulesStage.start({ heal: rule({ ...RULES.heal, cooldownMs: 0 }) });
    stage.boot();
    stage.sign("panic");
    stage.boot();
    stage.sign("panic");
    await stage.pass(1);
    expect(stage.powered).toHaveLength(1);
  });

  it("waits twice as long each time, then stops until a person has switched the node on (P11)", async () => {
    stage = await RulesStage.start(RULES);
    await panicAgain();
    expect(stage.powered).toHaveLength(1);
    await panicAgain();
    await stage.pass(59_000);
    expect(stage.powered).toHaveLength(1);
    await stage.pass(1000);
    expect(stage.powered).toHaveLength(2);
    await panicAgain();
    await stage.pass(119_000);
    expect(stage.powered).toHaveLength(2);
    await stage.pass(1000);
    expect(stage.powered).toHaveLength(3);
    await panicAgain();
    await stage.pass(10 * 60_000);
    expect(stage.powered).toHaveLength(3);
    expect(stage.events.at(-1)).toMatchObject({ kind: "console-rule-latched", severity: "error" });
    expect(stage.records.list()).toMatchObject([{ rule: "heal", node: NODE, latched: true }]);

    await stage.restart(RULES);
    await panicAgain();
    await stage.pass(60 * 60_000);
    expect(stage.powered).toHaveLength(3);

    stage.asked("On", "policy:restore", "policy");
    stage.asked("PowerCycle", "person:ada", "cli");
    expect(stage.records.list()).toMatchObject([{ latched: true }]);
    stage.asked("On", "person:ada", "cli");
    expect(stage.records.list()).toMatchObject([{ latched: false, powerActions: 0 }]);
    await panicAgain();
    expect(stage.powered).toHaveLength(4);
  });

  it("can be cleared by a person, also after a restart", async () => {
    stage = await RulesStage.start({ heal: rule({ ...RULES.heal, maxPowerActions: 1 }) });
    await panicAgain();
    await panicAgain();
    await stage.pass(60_000);
    expect(stage.records.list()).toMatchObject([{ latched: true }]);
    await stage.restart(RULES);
    expect(await stage.rules.clear("heal", NODE)).toBe(true);
    expect(await stage.rules.clear("other", NODE)).toBe(false);
    await stage.restart(RULES);
    expect(stage.records.list()).toMatchObject([{ latched: false }]);
  });

  it("counts anew after a login, but not if it is about the login itself", async () => {
    const login = rule({ sign: "login", actions: [CYCLE] });
    stage = await RulesStage.start({ ...RULES, loop: login });
    for (let round = 0; round < 5; round += 1) {
      await panicAgain();
      await stage.pass(3_600_000);
      stage.boot();
      stage.sign("login", "n1 login: ");
      await stage.pass(3_600_000);
    }
    expect(stage.powered.filter((one) => one.endsWith("heal"))).toHaveLength(5);
    expect(stage.powered.filter((one) => one.endsWith("loop"))).toHaveLength(3);
  });

  it("keeps its cooldown over a restart", async () => {
    stage = await RulesStage.start(RULES);
    await panicAgain();
    await stage.restart(RULES);
    await panicAgain();
    expect(stage.powered).toHaveLength(1);
    await stage.pass(60_000);
    expect(stage.powered).toHaveLength(2);
  });

  it("does nothing about what was said long ago, and says so", async () => {
    stage = await RulesStage.start({
      heal: rule({ ...RULES.heal, actions: [EVENT, { kind: "sysrq", sysrq: ["sync"] }, CYCLE] }),
    });
    stage.sign("panic", "Kernel panic - not syncing: old", 600_000);
    await stage.pass(600_000);
    expect(stage.done).toEqual([]);
    expect(stage.events).toMatchObject([
      {
        kind: "console-panic",
        message: expect.stringContaining("nothing was done"),
        data: { late: true },
      },
    ]);
  });

  it("does not act on a machine that has gone on by itself", async () => {
    stage = await RulesStage.start(RULES);
    stage.sign("panic");
    stage.boot();
    await stage.pass(1000);
    expect(stage.powered).toEqual([]);
    expect(stage.records.list()).toMatchObject([
      { detail: "not done: a new start of the machine has begun", powerActions: 0 },
    ]);
  });

  it("leaves what it was about to do when a person acts, or the machine comes up", async () => {
    stage = await RulesStage.start(RULES);
    await panicAgain();
    await panicAgain();
    stage.asked("ForceOff", "person:ada", "web");
    await stage.pass(600_000);
    expect(stage.powered).toHaveLength(1);
    await panicAgain();
    expect(stage.powered).toHaveLength(2);
    await panicAgain();
    stage.sign("login", "n1 login: ");
    await stage.pass(3_600_000);
    expect(stage.powered).toHaveLength(2);
  });

  it("switches nothing on that is off", async () => {
    stage = await RulesStage.start(RULES);
    stage.supply("Off");
    stage.sign("panic");
    await stage.pass(1000);
    expect(stage.done).toEqual([]);
    expect(stage.events.at(-1)?.message).toBe("rule heal: not done: the supply is off");
  });

  it("says what the power service refuses, does not try again, and does not count it", async () => {
    stage = await RulesStage.start(RULES);
    stage.outcomes.push({ kind: "refused", detail: "PowerCycle: Rejected: ada holds the lock" });
    stage.sign("panic");
    await stage.pass(600_000);
    expect(stage.powered).toHaveLength(1);
    expect(stage.events.at(-1)).toMatchObject({
      severity: "warning",
      message: "rule heal: PowerCycle: Rejected: ada holds the lock",
    });
    expect(stage.records.list()).toMatchObject([{ powerActions: 0 }]);
  });

  it("says what became of its action, not that it was accepted, whichever is heard first", async () => {
    stage = await RulesStage.start(RULES);
    const detail = (): string | undefined => stage.records.list()[0]?.detail;
    stage.sign("panic");
    await stage.pass(1);
    expect(detail()).toBe("PowerCycle: Accepted (1 of 3 without a login)");
    stage.ended("policy:other", { status: "Succeeded" });
    expect(detail()).toContain("Accepted");
    stage.ended("policy:heal", {
      status: "Failed",
      reasonCode: "unreachable",
      detail: "agent rack-a did not answer",
    });
    const failed = "PowerCycle: Failed (unreachable): agent rack-a did not answer";
    expect(detail()).toBe(failed);
    await stage.restart(RULES);
    expect(detail()).toBe(failed);

    stage.powerGate = Promise.withResolvers();
    await panicAgain();
    await stage.pass(60_000);
    expect(stage.powered).toHaveLength(2);
    stage.ended("policy:heal", { status: "Succeeded" });
    stage.powerGate.resolve();
    await stage.pass(1);
    expect(stage.events.at(-1)?.message).toContain("(2 of 3 without a login)");
    expect(detail()).toBe("PowerCycle: Succeeded");
  });

  it("presses SysRq, gives the kernel time, and only then acts on power", async () => {
    const actions = [{ kind: "sysrq", sysrq: ["sync", "remount-read-only"] } as const, CYCLE];
    stage = await RulesStage.start({
      heal: rule({ sign: "panic", actions: [...actions] as never }),
    });
    stage.sign("panic");
    await stage.pass(4000);
    expect(stage.done).toEqual(["sysrq heal sync,remount-read-only"]);
    await stage.pass(1000);
    expect(stage.powered).toEqual(["PowerCycle heal"]);
  });
});

describe("people at the console", () => {
  it("are told of a power action before it is done, by when, and of one that is not done then", async () => {
    stage = await RulesStage.start({
      heal: rule({
        ...RULES.heal,
        actions: [EVENT, { kind: "capture" }, { kind: "sysrq", sysrq: ["sync"] }, CYCLE],
      }),
    });
    await panicAgain();
    expect(stage.warned).toEqual([
      "rule heal will do PowerCycle in 10 s; a lock or a power action of yours stops it",
    ]);
    expect(stage.powered).toEqual([]);
    await stage.pass(10_000);
    expect(stage.powered).toHaveLength(1);
    stage.warned.length = 0;
    await panicAgain();
    expect(stage.warned[0]).toMatch(/^rule heal will do PowerCycle in \d\d s;/);
    stage.asked("ForceOff", "person:ada", "web");
    await stage.pass(1000);
    expect(stage.warned.slice(1)).toEqual([
      "PowerCycle is not done by rule heal: person:ada has asked for ForceOff",
    ]);
    expect(stage.powered).toHaveLength(1);
  });

  it("are told nothing where a rule does nothing to power", async () => {
    stage = await RulesStage.start({ heal: rule({ ...RULES.heal, maxPowerActions: 0 }) });
    await panicAgain();
    expect([stage.warned, stage.powered]).toEqual([[], []]);
  });
});

describe("what rules tell", () => {
  it("is told once in a cooldown, with how often it came, and at once for a new start", async () => {
    stage = await RulesStage.start({ bad: rule({ pattern: "I/O error" }) });
    for (let n = 0; n < 10; n += 1) stage.say(`sda: I/O error ${n}`);
    expect(stage.kinds()).toEqual(["console-rule"]);
    await stage.pass(60_000);
    stage.say("sda: I/O error");
    expect(stage.events.at(-1)?.data).toMatchObject({ rule: "bad", untold: 9 });
    await stage.pass(10_000);
    stage.boot();
    stage.say("sda: I/O error");
    expect(stage.events).toHaveLength(3);
    for (let n = 0; n < 1000; n += 1) {
      stage.boot();
      stage.say("sda: I/O error");
    }
    expect(stage.events).toHaveLength(3);
  });

  it("never holds control characters, however hostile the line is (P13)", async () => {
    stage = await RulesStage.start({ bad: rule({ pattern: "error" }) });
    stage.say("error \u001b]52;c;aGk=\u0007\u009b31m\u202e gone");
    expect(JSON.stringify(stage.events)).not.toMatch(/\\u00|\u009b|\u202e/);
  });

  it("has an event for each sign that no rule is about, on each node", async () => {
    stage = await RulesStage.start({
      elsewhere: rule({ sign: "panic", nodes: ["n2"] as never, actions: [CYCLE] }),
      login: rule({ pattern: "never" }),
    });
    stage.sign("panic");
    stage.sign("login");
    stage.sign("oom-kill");
    await stage.pass(1000);
    expect(stage.kinds()).toEqual(["console-panic", "console-oom-kill"]);
    expect(stage.done).toEqual(["capture panic"]);
  });

  it("says how many lines were passed over in a flood, and goes on with signs", async () => {
    stage = await RulesStage.start({ bad: rule({ pattern: "I/O error" }) });
    const line = `noise ${"x".repeat(1000)}`;
    for (let n = 0; n < 100_000; n += 1) stage.say(line);
    stage.sign("panic");
    stage.rules.look();
    const told = stage.events.find(({ kind }) => kind === "console-rules-behind");
    expect(Number(told?.data?.["lines"])).toBeGreaterThan(50_000);
    expect(stage.kinds()).toContain("console-panic");
    await stage.pass(5000);
    stage.say("sda: I/O error");
    expect(stage.kinds()).toContain("console-rule");
  });
});

describe("silence", () => {
  const SILENT = { quiet: rule({ silenceMs: 60_000, actions: [EVENT, CYCLE] }) };

  it("counts while the supply is on and the console is heard, and only then", async () => {
    stage = await RulesStage.start(SILENT);
    const look = async (ms: number): Promise<void> => {
      await stage.pass(ms);
      stage.rules.look();
      await stage.pass(1);
    };
    await look(120_000);
    stage.supply("On");
    await look(120_000);
    expect(stage.events).toEqual([]);
    stage.rules.linkHeard(NODE, true);
    await look(59_000);
    stage.say("still here");
    await look(59_000);
    stage.rules.linkHeard(NODE, false);
    await look(59_000);
    stage.rules.linkHeard(NODE, true);
    await look(59_000);
    expect(stage.events).toEqual([]);
    await look(2000);
    expect(stage.events[0]?.message).toContain("said nothing for 60 s");
    expect(stage.powered).toEqual(["PowerCycle quiet"]);
    await look(600_000);
    expect(stage.powered).toHaveLength(1);
  });

  it("is spoken of once, over lost links, restarts and what is not known, until a byte or a supply that was off", async () => {
    stage = await RulesStage.start(SILENT);
    const silent = async (): Promise<number> => {
      await stage.pass(600_000);
      stage.rules.look();
      await stage.pass(1);
      return stage.powered.length;
    };
    stage.supply("On");
    stage.rules.linkHeard(NODE, true);
    expect(await silent()).toBe(1);
    stage.rules.linkHeard(NODE, false);
    stage.rules.linkHeard(NODE, true);
    expect(await silent()).toBe(1);
    stage.supply("Unknown");
    stage.supply("On");
    expect(await silent()).toBe(1);
    await stage.restart(SILENT);
    stage.supply("On");
    stage.rules.linkHeard(NODE, true);
    expect(await silent()).toBe(1);
    stage.say("a word");
    expect(await silent()).toBe(2);
    stage.supply("Off");
    stage.supply("On");
    expect(await silent()).toBe(3);
    expect(await silent()).toBe(3);
  });

  it("means nothing while the state of the supply is stale (P9), or it is off", async () => {
    stage = await RulesStage.start(SILENT);
    stage.rules.linkHeard(NODE, true);
    stage.supply("On", 30_000);
    await stage.pass(120_000);
    stage.rules.look();
    stage.supply("Off");
    await stage.pass(120_000);
    stage.rules.look();
    expect(stage.events).toEqual([]);
  });

  it("counts always where no interface could tell of the supply, unless the console is not heard", async () => {
    stage = await RulesStage.start(SILENT);
    stage.rules.declared(NODE, false);
    await stage.pass(120_000);
    stage.rules.look();
    stage.rules.linkHeard(NODE, true);
    await stage.pass(59_000);
    stage.rules.look();
    expect(stage.events).toEqual([]);
    await stage.pass(1000);
    stage.rules.look();
    expect(stage.events[0]?.message).toMatch(/said nothing for 60 s$/);
    stage.rules.declared(NODE, true);
    stage.say("again");
    await stage.pass(120_000);
    stage.rules.look();
    const silences = stage.events.filter(({ message }) => message.includes("said nothing"));
    expect(silences).toHaveLength(1);
  });

  it("that ends before the rule acts ends it", async () => {
    stage = await RulesStage.start(SILENT);
    stage.rules.linkHeard(NODE, true);
    stage.supply("On");
    await stage.pass(60_000);
    stage.rules.look();
    stage.say("hello");
    await stage.pass(1000);
    expect(stage.powered).toEqual([]);
    expect(stage.events.at(-1)?.message).toContain("the console has said something");
  });
});

describe("a prompt, which has no end", () => {
  it("is compared with patterns once for each line, and so is what comes behind it", async () => {
    stage = await RulesStage.start({
      root: rule({ pattern: "Give root password", cooldownMs: 0 }),
      gone: rule({ pattern: "I/O error", cooldownMs: 0 }),
    });
    stage.prompt("Give root password for maintenance: ", "Give root password for I/O error");
    expect(stage.events.map(({ data }) => data?.["rule"])).toEqual(["root", "gone"]);
    await stage.pass(60_000);
    stage.prompt("Give root password for maintenance: ");
    expect(stage.events).toHaveLength(3);
  });
});

describe("a power action that was about to be done when the service ended", () => {
  const SLOW = { heal: rule({ sign: "panic", actions: [EVENT, CYCLE], cooldownMs: 600_000 }) };

  it("is told by the next one and never done (P3)", async () => {
    stage = await RulesStage.start(SLOW);
    stage.sign("panic");
    await stage.pass(1000);
    stage.boot();
    stage.sign("panic");
    await stage.pass(60_000);
    expect(stage.powered).toHaveLength(1);
    stage.events.length = 0;
    await stage.restart(SLOW);
    expect(stage.events).toMatchObject([
      {
        kind: "console-rule-interrupted",
        message: expect.stringContaining("about to do PowerCycle, which was not done"),
        data: { rule: "heal", action: "PowerCycle", asked: false },
      },
    ]);
    await stage.pass(3_600_000);
    expect(stage.powered).toHaveLength(1);
    await stage.restart(SLOW);
    expect(stage.kinds()).toEqual(["console-rule-interrupted"]);
  });

  it("is told as one that may have been done, when it had been asked for", async () => {
    stage = await RulesStage.start(SLOW);
    // The process dies while the power service is asked: nothing of it ends.
    stage.outcomes.push({ kind: "unknown", detail: "PowerCycle: no answer" });
    stage.powerGate = Promise.withResolvers();
    stage.sign("panic");
    await stage.pass(1000);
    expect(stage.powered).toHaveLength(1);
    const restarted = stage.restart(SLOW);
    stage.powerGate.resolve();
    await restarted;
    expect(stage.events.at(-1)).toMatchObject({
      kind: "console-rule-interrupted",
      message: expect.stringContaining("had asked for PowerCycle"),
      data: { asked: true },
    });
  });
});
