import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { DrainHook, RolePolicy } from "@outrider/contracts/fleet";
import { commandId } from "@outrider/contracts/ids";
import { abortTransition } from "@outrider/contracts/transition";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Stage } from "./testing/stage.js";

const t1 = commandId("t1");

describe("transitions over nodes with drain hooks", () => {
  let stage: Stage;
  let folder: TempDir;
  let log: string;
  let server: Server | undefined;

  beforeEach(async () => {
    folder = await tempDir();
    log = join(folder.path, "log");
    await writeFile(log, "");
  });

  afterEach(async () => {
    await stage.stop();
    await folder.remove();
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  /** A hook that notes what it was about, and then does as it is told. */
  function hook(script: string, rest: Partial<DrainHook> = {}): DrainHook {
    const note = `echo "$OUTRIDER_HOOK $OUTRIDER_NODE $OUTRIDER_ROLE" >> "$0"; ${script}`;
    return {
      command: ["/bin/sh", "-c", note, log],
      deadlineMs: 60_000,
      onFailure: "stop",
      ...rest,
    };
  }

  async function open(roles: Record<string, Partial<RolePolicy>>, nodes = 4): Promise<void> {
    stage = await Stage.start({
      nodes,
      roles: (number) => (number % 2 === 1 ? Object.keys(roles) : []),
      policy: {
        roles: Object.fromEntries(
          Object.entries(roles).map(([role, policy]) => [role, { keepRunning: 1, ...policy }]),
        ),
      },
      environment: { OUTRIDER_WEBHOOK_ALLOW: "127.0.0.0/8" },
    });
  }

  async function noted(): Promise<string[]> {
    return (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
  }

  it("drain before a node goes down, and say that it is back afterwards", async () => {
    let drainedFirst = true;
    await open({ storage: { drain: hook("true"), undrain: hook("true") } });
    stage.behave = (node) => {
      void noted().then((lines) => {
        drainedFirst &&= node !== "n1" || lines.includes("drain n1 storage");
      });
      return "succeed";
    };
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-4]", parallel: 1 });
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 4 } });
    expect(await noted()).toEqual([
      "drain n1 storage",
      "undrain n1 storage",
      "drain n3 storage",
      "undrain n3 storage",
    ]);
    expect(drainedFirst).toBe(true);
  });

  it("leave a node up that could not be drained, with what the hook said", async () => {
    const drain = hook(`echo "osd.7 is busy" >&2; test "$OUTRIDER_NODE" = n3`);
    await open({ storage: { drain, undrain: hook("true") } });
    await stage.create({ id: t1, action: "ForceOff", nodes: "@all" });
    const ended = await stage.ended(t1);
    expect(ended).toMatchObject({ state: "Completed", counts: { rejected: 1, succeeded: 3 } });
    expect((await stage.tasks(t1)).get("n1")).toMatchObject({
      state: "Rejected",
      reasonCode: "drain-failed",
      detail: expect.stringContaining("osd.7 is busy"),
    });
    expect(stage.actedOn("n1")).toBe(0);
    // Nobody must go on believing that it is about to go; what is off is not back.
    expect(await noted()).toContain("undrain n1 storage");
    expect(await noted()).not.toContain("undrain n3 storage");
  });

  it("go on where the failure of a hook does not count, and where hooks are left out", async () => {
    const drain = hook("exit 4", { onFailure: "continue" });
    await open({ storage: { drain } });
    await stage.create({ id: t1, action: "ForceOff", nodes: "n1" });
    await stage.ended(t1);
    expect((await stage.tasks(t1)).get("n1")).toMatchObject({
      state: "Succeeded",
      detail: expect.stringContaining("exit code 4"),
    });
    const skipped = commandId("t2");
    await stage.create({
      id: skipped,
      action: "PowerCycle",
      nodes: "n1",
      skipDrain: true,
      reason: "it burns",
    });
    await stage.ended(skipped);
    expect(await noted()).toHaveLength(1);
  });

  it("ask webhooks, and tell where a node could not be told that it is back", async () => {
    const asked: unknown[] = [];
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => (body += text));
      request.on("end", () => {
        asked.push(JSON.parse(body));
        response.statusCode = request.url === "/undrain" ? 500 : 204;
        response.end();
      });
    });
    const listening = server;
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const { port } = listening.address() as AddressInfo;
    const webhook = (path: string): DrainHook => ({
      webhook: `http://127.0.0.1:${port}${path}`,
      deadlineMs: 60_000,
      onFailure: "stop",
    });
    await open({ storage: { drain: webhook("/drain"), undrain: webhook("/undrain") } });
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n1", reason: "new kernel" });
    await stage.ended(t1);
    expect(asked).toMatchObject([
      { hook: "drain", node: "n1", role: "storage", transition: "t1", reason: "new kernel" },
      { hook: "undrain", node: "n1" },
    ]);
    expect((await stage.tasks(t1)).get("n1")).toMatchObject({
      state: "Succeeded",
      detail: expect.stringContaining("answered 500"),
    });
    const event = await eventually("it is told", () => stage.nodeEvents[0]);
    expect(event).toMatchObject({ kind: "undrain-failed", severity: "warning" });
  });

  it("run no program from outside of the folder that the service is given for hooks", async () => {
    await open({ storage: { drain: hook("true") } });
    await stage.service.kill();
    await stage.startService({ OUTRIDER_HOOK_DIR: folder.path });
    await stage.create({ id: t1, action: "ForceOff", nodes: "n1" });
    expect(await stage.ended(t1)).toMatchObject({ counts: { rejected: 1 } });
    expect((await stage.tasks(t1)).get("n1")).toMatchObject({
      reasonCode: "drain-failed",
      detail: expect.stringContaining(`allows programs in ${folder.path} only`),
    });
    expect(await noted()).toEqual([]);
    expect(stage.acted).toEqual([]);
  });

  it("stop draining when they are aborted, and nothing goes down", async () => {
    await open({ storage: { drain: hook("sleep 1000"), undrain: hook("true") } });
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n1" });
    await eventually("it is being drained", async () => (await noted()).length === 1);
    expect((await stage.transition(t1)).counts.running).toBe(1);
    expect((await stage.tasks(t1)).get("n1")?.state).toBe("Draining");
    await stage.ask(abortTransition, { id: t1 });
    expect(await stage.ended(t1)).toMatchObject({ state: "Aborted", counts: { canceled: 1 } });
    expect(stage.acted).toEqual([]);
    expect(await noted()).toEqual(["drain n1 storage", "undrain n1 storage"]);
  });

  it("drain again when the service died in the middle, and act once (P1)", async () => {
    const gate = join(folder.path, "gate");
    await open({ storage: { drain: hook(`test -e ${gate} || sleep 1000`) } });
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n1" });
    await eventually("it is being drained", async () => (await noted()).length === 1);
    await stage.service.kill("SIGKILL");
    await writeFile(gate, "");
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 1 } });
    expect(await noted()).toEqual(["drain n1 storage", "drain n1 storage"]);
    expect(stage.actedOn("n1")).toBe(1);
  });

  it("say that a node is back though the service died as its command ended", async () => {
    await open({ storage: { drain: hook("true"), undrain: hook("true") } });
    await stage.service.kill();
    await stage.startService({ OUTRIDER_FAILPOINT: "transition.task-ended" });
    stage.create({ id: t1, action: "PowerCycle", nodes: "n1" }).catch(() => undefined);
    expect(await stage.service.exited).toMatchObject({ signal: "SIGKILL" });
    expect(await noted()).toEqual(["drain n1 storage"]);
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 1 } });
    expect(await noted()).toEqual(["drain n1 storage", "undrain n1 storage"]);
    expect(stage.actedOn("n1")).toBe(1);
  });

  it("record that a node is drained before its hook runs", async () => {
    await open({ storage: { drain: hook("true") } });
    await stage.service.kill();
    await stage.startService({ OUTRIDER_FAILPOINT: "transition.saved" });
    stage.create({ id: t1, action: "PowerCycle", nodes: "n1" }).catch(() => undefined);
    expect(await stage.service.exited).toMatchObject({ signal: "SIGKILL" });
    expect(await noted()).toEqual([]);
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 1 } });
    expect(await noted()).toEqual(["drain n1 storage"]);
  });

  /** A transition whose service died while a node was drained. */
  async function diedDraining(rest: { expect?: "On"; deadlineMs?: number }): Promise<void> {
    await open({ storage: { drain: hook("sleep 1000"), undrain: hook("true") } });
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n1", ...rest });
    await eventually("it is being drained", async () => (await noted()).length === 1);
    await stage.service.kill("SIGKILL");
  }

  it("say that a node stays when its drain outlived the service and nothing came of it", async () => {
    await diedDraining({ expect: "On" });
    stage.seenAtStart = "Off";
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ counts: { rejected: 1 } });
    const task = (await stage.tasks(t1)).get("n1");
    expect(task).toMatchObject({ state: "Rejected", reasonCode: "expectation-failed" });
    expect(task?.detail).not.toContain("nothing was done");
    expect(await noted()).toEqual(["drain n1 storage", "undrain n1 storage"]);
  });

  it("say that a node stays when the deadline came while the service was away", async () => {
    const deadlineMs = 6000;
    await diedDraining({ deadlineMs });
    const beyondMs = Date.now() + deadlineMs;
    await eventually("the deadline has passed", () => Date.now() > beyondMs);
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ state: "Completed", counts: { canceled: 1 } });
    const task = (await stage.tasks(t1)).get("n1");
    expect(task).toMatchObject({ state: "Canceled", reasonCode: "expired" });
    expect(task?.detail).not.toContain("nothing was done");
    expect(await noted()).toEqual(["drain n1 storage", "undrain n1 storage"]);
    expect(stage.acted).toEqual([]);
  });

  it("say that a node stays though the service died over the abort", async () => {
    const gate = join(folder.path, "gate");
    const undrain = hook(`test -e ${gate} || sleep 1000`);
    await open({ storage: { drain: hook("sleep 1000"), undrain } });
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n1" });
    await eventually("it is being drained", async () => (await noted()).length === 1);
    await stage.ask(abortTransition, { id: t1 });
    await eventually("it is told that it stays", async () => (await noted()).length === 2);
    await stage.service.kill("SIGKILL");
    await writeFile(gate, "");
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ state: "Aborted", counts: { canceled: 1 } });
    expect((await stage.tasks(t1)).get("n1")?.detail).not.toContain("nothing was done");
    const undrained = "undrain n1 storage";
    expect(await noted()).toEqual(["drain n1 storage", undrained, undrained]);
    expect(stage.acted).toEqual([]);
  });
});

describe("transitions and what the site declares", () => {
  let stage: Stage;

  afterEach(() => stage.stop());

  it("keep as many of a role up as must be, and refuse what would leave too few", async () => {
    stage = await Stage.start({
      nodes: 4,
      roles: () => ["mon"],
      policy: { roles: { mon: { interlock: "last-in-role", keepRunning: 3 } } },
    });
    let most = 0;
    const down = new Set<string>();
    stage.behave = (node) => {
      down.add(node);
      most = Math.max(most, down.size);
      return "hold";
    };
    await stage.create({ id: t1, action: "PowerCycle", nodes: "@mon" });
    for (let round = 1; round <= 4; round++) {
      await eventually("the next goes down", () => stage.acted.length === round, {
        withinMs: 30_000,
      });
      down.clear();
      await stage.release();
    }
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 4 } });
    expect(most).toBe(1);

    stage.behave = () => "succeed";
    const off = commandId("t2");
    await stage.see();
    await stage.create({ id: off, action: "ForceOff", nodes: "n1" });
    await stage.ended(off);
    await stage.see("Off", stage.nodes.slice(0, 1));
    const more = commandId("t3");
    await eventually("n1 is seen off", () => stage.supplyOf("n1") === "Off");
    await stage.create({ id: more, action: "ForceOff", nodes: "n2" });
    await stage.ended(more);
    expect((await stage.tasks(more)).get("n2")).toMatchObject({
      state: "Rejected",
      reasonCode: "interlocked",
    });
    const override = { action: "ForceOff", nodes: "n2", override: true } as const;
    await expect(stage.create(override)).rejects.toMatchObject({ field: "reason" });
    const forced = await stage.create({ ...override, reason: "the rack is on fire" });
    expect(await stage.ended(forced.id)).toMatchObject({ counts: { succeeded: 1 } });
  });

  it("space the starts of a power domain, and abort what waits for its start at once (P10)", async () => {
    stage = await Stage.start({
      nodes: 12,
      policy: {
        powerDomains: {
          "psu-a": {
            nodes: Array.from({ length: 12 }, (_, index) => `n${index + 1}` as never),
            startSpacingMs: 400,
            startDurationMs: 0,
            oneAgent: true,
          },
        },
      },
    });
    await stage.create({ id: t1, action: "On", nodes: "n[1-12]" });
    await eventually("some have started", () => stage.acted.length >= 3);
    const aborted = await stage.ask(abortTransition, { id: t1 });
    expect(aborted.counts.waiting).toBe(0);
    const ended = await stage.ended(t1);
    expect(ended.state).toBe("Aborted");
    const { succeeded, canceled } = ended.counts;
    expect(succeeded).toBe(stage.acted.length);
    expect(succeeded + canceled).toBe(12);
    expect(canceled).toBeGreaterThan(0);
    const whole = commandId("t2");
    const before = stage.acted.length;
    await stage.create({ id: whole, action: "On", nodes: "@all" });
    expect(await stage.ended(whole)).toMatchObject({ counts: { succeeded: 12 } });
    // By the clock of who paces them. An envelope is made a moment after its slot was given, so that one gap may be
    // short by that; all of them together are not.
    const starts = stage.acted.slice(before).map(({ command }) => command.clock.ms);
    expect(Math.max(...starts) - Math.min(...starts)).toBeGreaterThanOrEqual(10 * 400);
  });
});
