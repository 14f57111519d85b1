import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { searchAudit } from "@outrider/contracts/audit";
import {
  consolePolicies,
  type ConsoleRule,
  type ConsoleRuleAction,
} from "@outrider/contracts/console";
import { clearRule, listCaptures, listRules } from "@outrider/contracts/console-operations";
import { agentId, nodeId } from "@outrider/contracts/ids";
import type { NodeEvent } from "@outrider/contracts/node";
import { powerResult } from "@outrider/contracts/power";
import { eventually, within } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultPolicy } from "../state/declared-consoles.js";
import { ConsoleStage } from "../testing/console-stage.js";
import { PowerUnderTest } from "../testing/power-under-test.js";
import { rule } from "../testing/rules-stage.js";

const AS = { actor: "person:root", via: "rest" } as const;
const N1 = nodeId("n1");
const PANIC = "\r\n[   99.200000] Kernel panic - not syncing: sysrq triggered crash\r\n";
const EVENT = { kind: "event" } as const;
const CYCLE = { kind: "power", action: "PowerCycle" } as const;

let stage: ConsoleStage;
let power: PowerUnderTest;

beforeEach(async () => {
  stage = await ConsoleStage.start(["n1", "n2"]);
  power = await PowerUnderTest.start(stage.session("power"));
});
afterEach(() => stage.stop());

/** Puts rules into force, and waits until they are. */
async function declare(rules: Record<string, ConsoleRule>): Promise<void> {
  const one = defaultPolicy(agentId("rack-a"), "tcp");
  const probe = rule({ pattern: `^in force ${Object.keys(rules).join()}$`, cooldownMs: 0 });
  const policies = { nodes: { n1: one, n2: one }, rules: { ...rules, probe } };
  stage.inventory.retain(consolePolicies, {}, policies);
  const before = stage.events.length;
  await eventually("the rules are in force", () => {
    stage.say(`in force ${Object.keys(rules).join()}\r\n`, "n2");
    return stage.events.slice(before).some(({ data }) => data?.["rule"] === "probe");
  });
}

function told(kind: string, node = "n1"): Promise<NodeEvent> {
  return eventually(`${kind} is told`, () =>
    stage.events.find((event) => event.kind === kind && event.node === node),
  );
}

describe("consoles that watch over machines", () => {
  it("tell of a panic and keep what led to it, without a rule", async () => {
    const before = Buffer.alloc(100_000, "the last words. ");
    stage.say(before);
    stage.say(PANIC);
    stage.say("[   99.3] ---[ end Kernel panic ]---\r\n\u0000\u00ff");
    const event = await told("console-panic");
    expect(event).toMatchObject({ severity: "critical", data: { rule: "panic" } });
    expect(event.message).toContain("Kernel panic - not syncing: sysrq triggered crash");
    await told("console-capture");
    const { captures } = await stage.asking.ask(listCaptures, { nodes: [N1] }, AS);
    expect(captures).toMatchObject([{ node: "n1", rule: "panic" }]);
    const kept = await stage.get(`/captures/${captures[0]?.id}`);
    const bytes = Buffer.from(await kept.arrayBuffer());
    expect(bytes.length).toBe(captures[0]?.bytes);
    expect(bytes.toString()).toContain("---[ end Kernel panic ]---\r\n\u0000\u00ff");
    const at = bytes.indexOf("[   99.2");
    expect(at).toBe(65_536);
    expect(bytes.subarray(0, at - 2).equals(before.subarray(-(at - 2)))).toBe(true);
    expect((await stage.get("/captures/nosuch")).status).toBe(404);
    expect((await stage.get("/captures/..%2f..%2fetc")).status).toBe(404);
    expect((await stage.asking.ask(listCaptures, { nodes: [nodeId("n2")] }, AS)).captures).toEqual(
      [],
    );
  });

  it("keep what led to a panic also when they die before all of it was said", async () => {
    stage.say("the last words");
    stage.say(PANIC);
    await told("console-panic");
    await eventually("it is known that a capture is under way", () => {
      using store = new DatabaseSync(join(stage.data.path, "console.sqlite"), { readOnly: true });
      return store.prepare("SELECT id FROM console_captures_begun").get();
    });
    await stage.service.kill("SIGKILL");
    stage.say("said while nobody listened\r\n");
    await stage.agent.stop();
    await stage.startService();
    await stage.startAgent();
    expect(await told("console-capture")).toMatchObject({ data: { rule: "panic" } });
    const { captures } = await stage.asking.ask(listCaptures, { nodes: [N1] }, AS);
    expect(captures).toMatchObject([{ node: "n1", rule: "panic" }]);
    const kept = await (await stage.get(`/captures/${captures[0]?.id}`)).text();
    expect(kept).toBe(`the last words${PANIC}said while nobody listened\r\n`);
    // It is over: no start makes it once more.
    using store = new DatabaseSync(join(stage.data.path, "console.sqlite"), { readOnly: true });
    expect(store.prepare("SELECT id FROM console_captures_begun").all()).toEqual([]);
  });

  it("act by rules in the name of the rule, once it is written down (P20)", async () => {
    const sysrq: ConsoleRuleAction = { kind: "sysrq", sysrq: ["sync"] };
    await declare({
      heal: rule({ sign: "panic", severity: "critical", actions: [EVENT, sysrq, CYCLE] }),
    });
    stage.say(PANIC);
    await eventually("power is asked", () => power.asked.length > 0);
    expect(power.asked).toMatchObject([
      {
        actor: "policy:heal",
        via: "policy",
        node: "n1",
        set: { action: "PowerCycle", reason: expect.stringContaining("Kernel panic") },
      },
    ]);
    expect(stage.line().taken).toEqual([{ kind: "break", ms: 250 }, "s"]);
    const { records } = await stage.asking.ask(searchAudit.console, { actor: "policy:heal" }, AS);
    expect(records.toReversed().map(({ act, via }) => [act, via])).toEqual([
      ["console.sysrq", "policy"],
      ["console.power", "policy"],
    ]);
    await eventually("it is told", () =>
      stage.events.some(({ message }) => message.includes("PowerCycle: Accepted (1 of 3")),
    );
  });

  it("stay latched over a kill until a person has switched the node on (P11)", async () => {
    const rules = {
      heal: rule({ sign: "panic", actions: [CYCLE], maxPowerActions: 1, cooldownMs: 1000 }),
    };
    await declare(rules);
    stage.say(PANIC);
    await eventually("power is asked", () => power.asked.length === 1);
    stage.say("U-Boot 2024.01\r\n");
    stage.say(PANIC);
    await told("console-rule-latched");
    await stage.agent.stop();
    await stage.service.kill("SIGKILL");
    await stage.startService();
    await stage.startAgent();
    // It may not be back on the bus yet.
    const { records: kept } = await eventually("it answers", () =>
      stage.asking.ask(listRules, {}, { ...AS, withinMs: 500 }),
    );
    expect(kept[0]).toMatchObject({
      rule: "heal",
      node: "n1",
      latched: true,
      powerActions: 1,
    });
    const on = {
      seq: 0,
      action: "On",
      status: "Accepted",
      terminal: false,
      startedAt: new Date().toISOString(),
    } as const;
    const session = stage.session("power-2");
    await session.ready(within());
    await session.publish(
      powerResult,
      { node: "n1" },
      { ...on, id: "c1" as never, actor: "policy:restore", via: "policy" },
    );
    await session.publish(
      powerResult,
      { node: "n1" },
      { ...on, id: "c2" as never, actor: "person:ada", via: "web" },
    );
    await eventually("the latch is gone", () =>
      stage.events.some(({ message }) => message.includes("person:ada has switched the node On")),
    );
    stage.say("U-Boot 2024.01\r\n");
    stage.say(PANIC);
    await eventually("it acts again", () => power.asked.length === 2);
    await expect(
      stage.asking.ask(clearRule, { rule: "nosuch", node: N1 }, AS),
    ).rejects.toMatchObject({ code: "not-found" });
    await stage.asking.ask(clearRule, { rule: "heal", node: N1 }, AS);
    const { records } = await stage.asking.ask(searchAudit.console, { actor: "person:root" }, AS);
    expect(records[0]).toMatchObject({ act: "console.clear-rule", subject: "n1" });
  });

  it("leave a locked node alone, and say who holds it", async () => {
    await declare({ heal: rule({ sign: "panic", actions: [CYCLE] }) });
    power.answer = { status: "Rejected", reasonCode: "locked", detail: "ada holds the lock" };
    stage.say(PANIC);
    await eventually("it is told", () =>
      stage.events.some(({ message }) => message.includes("Rejected: ada holds the lock")),
    );
    expect(power.asked).toHaveLength(1);
  });

  it("do nothing about what an agent brings long after it was said", async () => {
    await declare({ heal: rule({ sign: "panic", actions: [EVENT, CYCLE] }) });
    stage.line().source.append(Buffer.from(PANIC), (Date.now() - 600_000) * 1000);
    const event = await told("console-panic");
    expect(event).toMatchObject({ data: { late: true } });
    stage.say("U-Boot 2024.01\r\n");
    stage.say(PANIC);
    await eventually("what is new is acted upon", () => power.asked.length === 1);
  });

  it("have the rules that were in force also when the bus is away at the start", async () => {
    await declare({ mine: rule({ pattern: "(?i)i/o error", severity: "error" }) });
    await stage.agent.stop();
    await stage.service.kill();
    stage.inventory.retain(consolePolicies, {}, undefined);
    await stage.startService();
    await stage.startAgent();
    stage.say("sda: I/O Error\r\n");
    expect(await told("console-rule")).toMatchObject({ data: { rule: "mine" }, severity: "error" });
  });
});
