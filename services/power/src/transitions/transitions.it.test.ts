import { searchAudit } from "@outrider/contracts/audit";
import { commandId } from "@outrider/contracts/ids";
import {
  abortTransition,
  getTransition,
  listTransitions,
  planTransition,
} from "@outrider/contracts/transition";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, describe, expect, it } from "vitest";
import { Stage, type StageOptions } from "./testing/stage.js";

const t1 = commandId("t1");

describe("transitions", () => {
  let stage: Stage;

  afterEach(() => stage?.stop());

  async function open(options: StageOptions): Promise<void> {
    stage = await Stage.start(options);
  }

  it("act on each node once, tell how it went, and are listed", async () => {
    await open({ nodes: 64 });
    const created = await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-64]" });
    expect(created).toMatchObject({ id: t1, total: 64, actor: "user:anna", via: "rest" });
    const ended = await stage.ended(t1);
    expect(ended).toMatchObject({ state: "Completed", counts: { succeeded: 64, waiting: 0 } });
    for (const node of stage.nodes) expect(stage.actedOn(node)).toBe(1);
    const tasks = await stage.tasks(t1);
    expect([...tasks.keys()]).toEqual(stage.nodes);
    expect(
      [...tasks.values()].every(({ state, command }) => state === "Succeeded" && command),
    ).toBe(true);
    const { transitions } = await stage.ask(listTransitions, {});
    expect(transitions).toEqual([ended]);
    const last = await eventually("the end is told", () =>
      stage.events.findLast(({ data }) => data["state"] === "Completed"),
    );
    expect(last).toMatchObject({ subject: t1, data: { counts: ended.counts } });
    expect(last.data["revision"]).toBe(ended.revision);
  });

  it("are the same when they are asked for again, and nothing else may have their id (P1)", async () => {
    await open({ nodes: 3 });
    stage.behave = () => "hold";
    const body = { id: t1, action: "ForceOff", nodes: "n[1-3]", parallel: 1 } as const;
    const [first, second] = await Promise.all([stage.create(body), stage.create(body)]);
    expect(second).toMatchObject({ id: first.id, createdAt: first.createdAt });
    await expect(stage.create({ ...body, nodes: "n1" })).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(stage.create(body, "user:bert")).rejects.toMatchObject({ code: "conflict" });
    stage.behave = () => "succeed";
    await eventually("the first is held", () => stage.acted.length === 1);
    await stage.release();
    await stage.ended(t1);
    expect(stage.acted).toHaveLength(3);
    expect((await stage.create(body)).state).toBe("Completed");
    expect(stage.acted).toHaveLength(3);
  });

  it("are refused as a whole, in words, before anything begins", async () => {
    await open({ nodes: 3 });
    const refused = (body: Parameters<Stage["create"]>[0]): Promise<unknown> =>
      stage.create(body).then(
        () => "was begun",
        (error: unknown) => error,
      );
    expect(await refused({ action: "On", nodes: "n[1-9]" })).toMatchObject({
      code: "invalid",
      field: "nodes",
      message: expect.stringContaining(NODES_4_TO_9),
    });
    expect(await refused({ action: "On", nodes: "@nobody" })).toMatchObject({ code: "invalid" });
    expect(await refused({ action: "On", nodes: "" })).toMatchObject({ code: "invalid" });
    expect(
      await refused({ action: "ForceOff", nodes: "n1", skipDrain: true, reason: " " }),
    ).toMatchObject({ code: "invalid", field: "reason" });
    await expect(stage.ask(getTransition, { id: t1 })).rejects.toMatchObject({ code: "not-found" });
    expect((await stage.ask(listTransitions, {})).transitions).toEqual([]);
    expect(stage.acted).toEqual([]);
  });

  it("tell of each node what became of it, and go on with the others", async () => {
    await open({ nodes: 6 });
    stage.behave = (node) => (node === "n2" || node === "n5" ? "fail" : "succeed");
    await stage.create({ id: t1, action: "PowerCycle", nodes: "@all", parallel: 2 });
    const ended = await stage.ended(t1);
    expect(ended).toMatchObject({ state: "Completed", counts: { succeeded: 4, failed: 2 } });
    const tasks = await stage.tasks(t1);
    expect(tasks.get("n5")).toMatchObject({
      state: "Failed",
      reasonCode: "refused",
      detail: "the slot refuses",
    });
    const failed = await stage.ask(getTransition, { id: t1, states: "Failed, TimedOut" });
    expect(failed.tasks.map(({ node }) => node)).toEqual(["n2", "n5"]);
  });

  it("finish what runs when they are aborted, and begin no more (P4)", async () => {
    await open({ nodes: 20 });
    stage.behave = () => "hold";
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-20]", parallel: 4 });
    await eventually("four are under way", () => stage.acted.length === 4);
    const aborting = await stage.ask(abortTransition, { id: t1 }, "user:bert");
    expect(aborting).toMatchObject({
      state: "Aborting",
      abortedBy: "user:bert",
      counts: { canceled: 16, running: 4, waiting: 0 },
    });
    expect((await stage.ask(abortTransition, { id: t1 }, "user:carl")).abortedBy).toBe("user:bert");
    await stage.release();
    expect(await stage.ended(t1)).toMatchObject({
      state: "Aborted",
      counts: { canceled: 16, succeeded: 4 },
    });
    expect(stage.acted).toHaveLength(4);
    expect((await stage.tasks(t1)).get("n20")).toMatchObject({
      state: "Canceled",
      reasonCode: "aborted",
      detail: expect.stringContaining("user:bert"),
    });
  });

  it("are in the audit log before anything is done, with who aborted them and how they ended (P20)", async () => {
    await open({ nodes: 4 });
    stage.behave = () => "hold";
    const reason = "new kernel";
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-4]", parallel: 1, reason });
    await eventually("the first is under way", () => stage.acted.length === 1);
    await stage.ask(abortTransition, { id: t1 }, "user:bert");
    await stage.release();
    await stage.ended(t1);
    const { records } = await stage.ask(searchAudit.power, { subject: t1 });
    expect(
      records.toReversed().map(({ act, stage: at, actor }) => `${actor} ${act} ${at}`),
    ).toEqual([
      "user:anna power.transition intent",
      "user:bert power.transition.abort intent",
      "user:anna power.transition outcome",
    ]);
    const [begun] = records.toReversed();
    expect(begun).toMatchObject({ reason, data: { action: "PowerCycle", nodes: "n[1-4]" } });
    const ofNode = await stage.ask(searchAudit.power, { subject: "n1" });
    expect(ofNode.records.at(-1)).toMatchObject({ stage: "intent", data: { transition: t1 } });
    expect(begun?.seq).toBeLessThan(ofNode.records.at(-1)?.seq ?? 0);
  });

  it("give up at their deadline what has not begun", async () => {
    await open({ nodes: 4 });
    stage.behave = () => "hold";
    await stage.create({
      id: t1,
      action: "PowerCycle",
      nodes: "n[1-4]",
      parallel: 1,
      deadlineMs: 1500,
    });
    await eventually("the deadline has come", async () => {
      return (await stage.transition(t1)).counts.canceled === 3;
    });
    expect((await stage.tasks(t1)).get("n3")).toMatchObject({ reasonCode: "expired" });
    await stage.release();
    expect(await stage.ended(t1)).toMatchObject({
      state: "Completed",
      counts: { succeeded: 1, canceled: 3 },
    });
  });

  it("give it up at the same time when the service dies in between", async () => {
    await open({ nodes: 4 });
    stage.behave = () => "hold";
    const nodes = "n[1-4]";
    await stage.create({ id: t1, action: "PowerCycle", nodes, parallel: 1, deadlineMs: 5000 });
    await eventually("the first is under way", () => stage.acted.length === 1);
    await stage.service.kill("SIGKILL");
    await stage.startService();
    await eventually("the deadline has come", async () => {
      return (await stage.transition(t1)).counts.canceled === 3;
    });
    await stage.release();
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 1, canceled: 3 } });
    expect(stage.acted).toHaveLength(1);
  });

  it("leave alone what somebody else has locked (P6)", async () => {
    await open({ nodes: 3 });
    const lock = commandId("l1");
    const [n1] = stage.nodes;
    if (!n1) throw new Error("there is a first node");
    stage.lock(n1, {
      fence: 7,
      waiting: 0,
      held: {
        lock,
        holder: "user:bert",
        reason: "firmware",
        since: "2026-11-23T00:00:00.000Z",
        until: "2999-01-01T00:00:00.000Z",
      },
    });
    const ask = { action: "PowerCycle", nodes: "n[1-3]" } as const;
    await eventually("the lock is known", async () => {
      const plan = await stage.ask(planTransition, ask);
      return plan.groups.some(({ reasonCode }) => reasonCode === "locked");
    });
    await stage.create({ ...ask, id: t1 });
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 2, rejected: 1 } });
    expect((await stage.tasks(t1)).get("n1")).toMatchObject({
      reasonCode: "locked",
      detail: expect.stringContaining("user:bert"),
    });
    const own = await stage.create({ ...ask, nodes: "n1", lock }, "user:bert");
    expect(await stage.ended(own.id)).toMatchObject({ counts: { succeeded: 1 } });
    expect(stage.acted.at(-1)?.command.fence).toBe(7);
  });

  it("of two people at once act on a node one at a time, and say so", async () => {
    await open({ nodes: 4 });
    stage.behave = () => "hold";
    const t2 = commandId("t2");
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-3]" });
    await eventually("they are under way", () => stage.acted.length === 3);
    await stage.create({ id: t2, action: "PowerCycle", nodes: "n[2-4]" }, "user:bert");
    await eventually("the other node is under way", () => stage.acted.length === 4);
    await stage.release();
    expect(await stage.ended(t1)).toMatchObject({ counts: { succeeded: 3 } });
    expect(await stage.ended(t2)).toMatchObject({ counts: { succeeded: 1, rejected: 2 } });
    expect((await stage.tasks(t2)).get("n2")).toMatchObject({
      reasonCode: "busy",
      detail: expect.stringContaining("user:anna"),
    });
  });

  it.each([
    "transition.created",
    "transition.begun",
    "transition.begun#2",
    "transition.task-ended#7",
    "transition.saved#2",
    "power.accepted#5",
    "power.issued#5",
    "power.told-outcome#9",
  ])("act once on each node though the service dies at %s (P1) (P5)", async (point) => {
    await open({ nodes: 24 });
    await stage.service.kill();
    await stage.startService({ OUTRIDER_FAILPOINT: point });
    const asked = stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-24]", parallel: 6 });
    asked.catch(() => undefined);
    expect(await stage.service.exited).toMatchObject({ signal: "SIGKILL" });
    await stage.startService();
    expect(await stage.ended(t1)).toMatchObject({ state: "Completed", counts: { succeeded: 24 } });
    for (const node of stage.nodes) expect(stage.actedOn(node)).toBe(1);
  });

  it("stay aborted though the service dies before the last has ended", async () => {
    await open({ nodes: 8 });
    stage.behave = () => "hold";
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-8]", parallel: 2 });
    await eventually("two are under way", () => stage.acted.length === 2);
    await stage.ask(abortTransition, { id: t1 });
    await stage.service.kill("SIGKILL");
    await stage.startService();
    await stage.release();
    expect(await stage.ended(t1)).toMatchObject({
      state: "Aborted",
      counts: { succeeded: 2, canceled: 6 },
    });
    expect(stage.acted).toHaveLength(2);
  });

  it("go on when the broker was away", async () => {
    await open({ nodes: 12 });
    stage.behave = () => "hold";
    await stage.create({ id: t1, action: "PowerCycle", nodes: "n[1-12]", parallel: 3 });
    await eventually("three are under way", () => stage.acted.length === 3);
    await stage.broker.restart();
    stage.behave = () => "succeed";
    await eventually("the agent can say so", async () => {
      await stage.see();
      await stage.release();
      return true;
    });
    expect(await stage.ended(t1)).toMatchObject({ state: "Completed", counts: { succeeded: 12 } });
    for (const node of stage.nodes) expect(stage.actedOn(node)).toBe(1);
  });

  it("are planned without doing anything", async () => {
    await open({ nodes: 4 });
    stage.behave = () => "hold";
    await stage.see(
      "Off",
      [stage.nodes[3] ?? stage.nodes[0]].filter((one) => one !== undefined),
    );
    const plan = await eventually("the node is seen off", async () => {
      const now = await stage.ask(planTransition, {
        action: "PowerCycle",
        nodes: "n[1-4]",
        expect: "On",
        staggerMs: 100,
      });
      return now.groups.length === 2 ? now : undefined;
    });
    expect(plan).toMatchObject({
      total: 4,
      leastMs: 200,
      groups: [
        { count: 3, outcome: "act", detail: "PowerCycle" },
        { nodes: "n4", count: 1, outcome: "reject", reasonCode: "expectation-failed" },
      ],
    });
    expect(stage.acted).toEqual([]);
    expect((await stage.ask(listTransitions, {})).transitions).toEqual([]);
  });
});

/** As folded. */
const NODES_4_TO_9 = "n[4-9]";
