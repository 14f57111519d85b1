import { lacksLinuxGuest } from "@outrider/simulators/lacks-guest";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { consoleState } from "@outrider/contracts/console";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { outrider } from "./consoles/command-line.js";
import { WebClient } from "./consoles/web-client.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

/** A Linux machine that dies at its console, and what the site's own rule does about it. */

const heal = {
  sign: "panic",
  severity: "critical",
  actions: ["event", "capture", { power: "PowerCycle" }],
  cooldown: "1s",
  maxPowerActions: 1,
};
const PANIC = "Kernel panic - not syncing: sysrq triggered crash";

const skip = !hasMosquittoClients() || (await lacksLinuxGuest("the console of a Linux machine"));

let lab: Deployment;
let rest: Rest;
let node: NodeUnderTest;

describe.skipIf(skip)("the console of a Linux machine", () => {
  beforeAll(async () => {
    lab = await Deployment.start({
      chassis: ["linux"],
      nodes: { n1: { chassis: 1, wake: "supply-cycle", console: true } },
      gateway: true,
      site: { consoleRules: { heal } },
    });
    await lab.bus.next(consoleState, { node: "n1" }, ({ link }) => link.value === "Up");
    rest = await lab.rest();
    node = lab.node("n1");
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("is logged in at; when it panics that is told and captured, a rule cycles it, and its last words can be read", async () => {
    using ada = await WebClient.open(rest, "n1");
    await node.command("On");
    await ada.sees("guest: ready, boot 1");
    await logsIn(ada);
    // What the guest counts its boots by has to be on its disk when it dies.
    await ada.enters("sync; echo it-is-$((40 + 2))", "it-is-42");
    expect((await node.event("console-login")).message).toContain("guest login:");
    await node.settles("On", "Running");
    await node.mark();

    await crash();
    expect(await node.event("console-panic")).toMatchObject({
      severity: "critical",
      message: expect.stringContaining(PANIC) as string,
      data: { rule: "heal", line: expect.stringContaining(PANIC) as string },
    });
    await ada.sees("guest: ready, boot 2");
    expect(await node.edgeNames()).toEqual(["panicked/guest", "supply-off/api", "supply-on/api"]);
    expect(await ruleRecord()).toMatchObject({ powerActions: 1, latched: false });
    await logsIn(ada);
    await eventually("a login is a new beginning", async () => {
      return (await ruleRecord())?.powerActions === 0;
    });
    await node.settles("On", "Running");

    const captures = await outrider(rest, "console", "captures", "n1", "-o", "name");
    const file = join(lab.data, "..", "panic.bin");
    const fetched = await outrider(rest, "console", "capture", captures.out, "-o", file);
    expect(fetched).toMatchObject({ code: 0 });
    const capture = await readFile(file, "latin1");
    expect(capture).toContain("it-is-42");
    expect(capture).toContain(PANIC);

    const { code, out } = await outrider(rest, "console", "log", "n1", "--boot", "-1");
    expect(code).toBe(0);
    expect(out).toContain("guest: ready, boot 1");
    expect(out).toContain("it-is-42");
    expect(out).toContain(PANIC);
    expect(out).not.toContain("boot 2");
    using later = await WebClient.open(rest, "n1", "mode=spy&replay=previous-boot");
    await later.hears("live");
    expect(later.bytes.toString("latin1")).toContain(PANIC);
    const found = await outrider(rest, "console", "search", "Kernel panic", "-o", "jsonl");
    expect(found.out.split("\n").map((line) => JSON.parse(line) as object)).toMatchObject([
      { node: "n1", text: expect.stringContaining(PANIC) as string },
    ]);
  });

  test("is cycled by a rule no more than the rule may, until a person switches it On (P11)", async () => {
    using ada = await WebClient.open(rest, "n1");
    await ada.enters("sync; echo it-is-$((40 + 3))", "it-is-43");
    await crash();
    await ada.sees("guest: ready, boot 3");
    await ada.asks({ ask: "take" });
    await ada.enters("write here", "guest: written here");
    await node.settles("On", "Running");
    // It never came to a login: the cycle has not helped.
    await crash();
    expect(await node.event("console-rule-latched")).toMatchObject({ severity: "error" });
    expect(await ruleRecord()).toMatchObject({ powerActions: 1, latched: true });
    const listed = await outrider(rest, "console", "rules");
    expect(listed.out).toMatch(/heal\s+n1/);
    await node.settles("On", "Halted");
    expect(await node.edgeNames()).toEqual([
      "panicked/guest",
      "supply-off/api",
      "supply-on/api",
      "panicked/guest",
    ]);

    await node.command("ForceOff");
    expect(await ruleRecord()).toMatchObject({ latched: true });
    await node.command("On");
    await eventually("the rule may act again", async () => {
      const record = await ruleRecord();
      return record?.powerActions === 0 && !record.latched;
    });
    await ada.sees("guest: ready, boot 4");
    await node.settles("On", "Running");
  });
});

/** Logs in as people do. The guest has a shell of its own at its console until it is told to ask who logs in. */
async function logsIn(ada: WebClient): Promise<void> {
  // Whoever pressed keys meanwhile has had the console.
  await ada.asks({ ask: "take" });
  await ada.enters("login", "guest login: ");
  await ada.enters("root", "# ");
}

async function crash(): Promise<void> {
  const pressed = await outrider(rest, "console", "sysrq", "n1", "crash", "--take");
  expect(pressed).toMatchObject({ code: 0 });
  await node.edge("panicked");
}

interface RuleRecord {
  readonly rule: string;
  readonly powerActions: number;
  readonly latched: boolean;
}

async function ruleRecord(): Promise<RuleRecord | undefined> {
  const { records } = await rest.get<{ records: RuleRecord[] }>("/consoles/rules");
  return records.find(({ rule }) => rule === "heal");
}
