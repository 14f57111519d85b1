import { join } from "node:path";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import { searchAudit, verifyAudit } from "@outrider/contracts/audit";
import { commandId, nodeId } from "@outrider/contracts/ids";
import type { NodeLock } from "@outrider/contracts/lock";
import { serviceStatus } from "@outrider/contracts/service";
import { createTransition, findCommand, getTransition } from "@outrider/contracts/transition";
import { openStorage } from "@outrider/storage/open-storage";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, describe, expect, it } from "vitest";
import { domainOf, FleetStage } from "./testing/fleet-stage.js";
import { MIGRATIONS } from "./journal.js";

const [n0, n1, n2] = [nodeId("n0"), nodeId("n1"), nodeId("n2")];
const ada = { actor: "person:ada", via: "rest" } as const;

const since = new Date().toISOString();
const inAnHour = new Date(Date.now() + 3_600_000).toISOString();

function heldBy(holder: string, fence: number, until = inAnHour): NodeLock {
  return {
    fence,
    waiting: 0,
    held: { lock: commandId("l1"), holder, reason: "disk swap", since, until },
  };
}

describe("the power service of a fleet", () => {
  let stage: FleetStage;

  afterEach(async () => {
    await stage.stop();
  });

  it("starts no more nodes of a domain at once than it may, over kill -9 too (P10)", async () => {
    const powerDomains = domainOf([n0, n1, n2], { concurrentStarts: 1 });
    stage = await FleetStage.start({ policy: { powerDomains } });
    await stage.see("Off", n0, n1, n2);
    await stage.ask(n0, "On", { id: "c0" });
    const first = await stage.command(0);
    expect(await stage.ask(n1, "On", { id: "c1", ttlMs: 600_000 })).toMatchObject({
      status: "Accepted",
      detail: "waiting to start: psu-a: 1 of 1 starts are under way",
    });
    await stage.ask(n2, "PowerCycle", { id: "c2", ttlMs: 600_000 });
    await stage.said("c2", "1 before it");
    await stage.service.kill();
    await stage.startService();
    // What may have waited too long while nobody was there is not begun.
    expect(await stage.terminal("c1")).toMatchObject({
      status: "Failed",
      reasonCode: "no-start-slot",
    });
    await stage.see("Off", n1);
    await stage.ask(n1, "On", { id: "c3", ttlMs: 600_000 });
    await stage.said("c3", "1 of 1 starts are under way");
    expect(stage.commands).toEqual([first]);
    await stage.report(first);
    expect(await stage.command(1)).toMatchObject({ node: n1, action: "On" });
    expect((await stage.terminal("c0")).status).toBe("Succeeded");
  });

  it("does not begin a start that had to wait longer than it may", async () => {
    const powerDomains = domainOf([n0, n1, n2], { concurrentStarts: 1 });
    stage = await FleetStage.start({ policy: { powerDomains } });
    await stage.see("Off", n0, n1, n2);
    await stage.ask(n0, "On");
    const first = await stage.command(0);
    await stage.ask(n1, "On", { id: "c1", ttlMs: 1500 });
    const failed = await stage.terminal("c1");
    expect(failed).toMatchObject({ status: "Failed", reasonCode: "no-start-slot" });
    expect(failed.detail).toContain("psu-a: 1 of 1 starts are under way");
    // A ForceOff needs no slot, and takes the place of a start that waits.
    await stage.ask(n2, "On", { id: "c2", ttlMs: 600_000 });
    expect((await stage.ask(n2, "ForceOff", { id: "c3" })).status).toBe("Accepted");
    expect(await stage.terminal("c2")).toMatchObject({
      status: "Canceled",
      reasonCode: "superseded",
    });
    expect(await stage.command(1)).toMatchObject({ node: n2, action: "ForceOff" });
    await stage.report(first);
    await stage.report(await stage.command(1));
    await stage.terminal("c3");
    expect(stage.commands.map(({ node }) => node)).toEqual([n0, n2]);
  });

  it("refuses what the watts of a domain can never bear", async () => {
    const powerDomains = domainOf([n0, n1], { wattBudget: 10 });
    const draws = { n0: { runningWatts: 8, startingWatts: 12 } };
    stage = await FleetStage.start({ policy: { powerDomains, draws } });
    await stage.see("Off", n0, n1);
    const refused = await stage.ask(n0, "On");
    expect(refused).toMatchObject({ status: "Rejected", reasonCode: "no-start-slot" });
    expect(refused.detail).toContain("psu-a has 10 W in all");
  });

  it("keeps everybody but the holder of a lock away, and stamps its fence (P6)", async () => {
    stage = await FleetStage.start({ locks: { n0: heldBy("person:ada", 5) } });
    await stage.see("On", n0, n1);
    const refused = await stage.ask(n0, "ForceOff", { actor: "person:bob" });
    expect(refused).toMatchObject({ status: "Rejected", reasonCode: "locked" });
    expect(refused.detail).toContain("person:ada holds n0 until");
    expect((await stage.ask(n0, "ForceOff", { lock: commandId("l1") })).status).toBe("Accepted");
    expect((await stage.command(0)).fence).toBe(5);
    await stage.ask(n1, "ForceOff", { actor: "person:bob" });
    expect((await stage.command(1)).fence).toBeUndefined();
    await stage.report(await stage.command(0));
    // Broken, and taken by somebody else: the former holder's lock is no good any more.
    stage.lock(n0, heldBy("person:bob", 6));
    await eventually("the new holder is known", async () => {
      const { reasonCode } = await stage.ask(n0, "On", { lock: commandId("l1") });
      return reasonCode === "locked";
    });
    // A service that starts again knows the holder before inventory says it again.
    await eventually("the lock is kept", async () => {
      const storage = await openStorage(storageOptions(stage));
      try {
        return (await storage.all("SELECT node FROM power_lock WHERE document LIKE '%bob%'"))
          .length;
      } finally {
        await storage.close();
      }
    });
    await stage.service.kill();
    stage.unlock(n0);
    await stage.startService();
    await stage.see("On", n0);
    expect((await stage.ask(n0, "ForceOff")).reasonCode).toBe("locked");
  });

  it("lets nobody pass a lock by the calendar while inventory is there to end it (P6)", async () => {
    const over = heldBy("person:ada", 5, "2020-01-01T00:00:00.000Z");
    stage = await FleetStage.start({ locks: { n0: over } });
    const say = (state: "ready" | "lost") =>
      stage.inventory.retain(
        serviceStatus,
        { service: "inventory" },
        { state, instance: "i", version: "1", startedAt: since },
      );
    say("ready");
    await stage.see("On", n0);
    // By a lock that is not his: refused in any case, but not for the same reason.
    const bob = { actor: "person:bob", lock: commandId("l1") };
    await eventually("the lock stands", async () => {
      const { reasonCode } = await stage.ask(n0, "ForceOff", bob);
      return reasonCode === "locked";
    });
    say("lost");
    await eventually("nothing is left of the lease", async () => {
      const { reasonCode } = await stage.ask(n0, "ForceOff", bob);
      return reasonCode === "fenced";
    });
  });

  it("does not take down the last of a role without a reason, and audits whoever does (P20)", async () => {
    const roles = { storage: { interlock: "last-in-role", keepRunning: 1 } } as const;
    stage = await FleetStage.start({ nodes: 2, roles: ["storage"], policy: { roles } });
    await stage.see("On", n0, n1);
    const both = await Promise.all([
      stage.ask(n0, "ForceOff", { id: "c0" }),
      stage.ask(n1, "ForceOff", { id: "c1" }),
    ]);
    // Whoever comes second would take down the last one.
    expect(both.map(({ status }) => status).toSorted()).toEqual(["Accepted", "Rejected"]);
    const [barred] = both.filter(({ status }) => status === "Rejected");
    expect(barred?.reasonCode).toBe("interlocked");
    expect(barred?.detail).toContain("role storage must keep 1 running");
    const last = barred?.id === "c0" ? n0 : n1;
    await expect(stage.ask(last, "ForceOff", { override: true })).rejects.toMatchObject({
      code: "invalid",
    });
    const forced = { id: "c2", override: true, reason: "the rack burns" };
    expect((await stage.ask(last, "ForceOff", forced)).status).toBe("Accepted");
    for (const index of [0, 1]) await stage.report(await stage.command(index));
    await stage.terminal("c2");
    const { records } = await stage.asking.ask(searchAudit.power, { subject: last }, ada);
    expect(records.map(({ stage: one, data }) => [one, data?.["status"]])).toEqual([
      ["outcome", "Succeeded"],
      ["intent", undefined],
      ["outcome", "Rejected"],
    ]);
    expect(records[1]).toMatchObject({
      act: "power.command",
      actor: "person:ada",
      via: "rest",
      reason: "the rack burns",
      data: { action: "ForceOff", id: "c2", override: true },
    });
    expect(await stage.asking.ask(verifyAudit.power, {}, ada)).toMatchObject({ intact: true });
    const ref = { node: last, id: commandId("c2"), actor: "person:ada" };
    expect((await stage.asking.ask(findCommand, ref, ada)).result.status).toBe("Succeeded");
    const nobody = { ...ref, actor: "person:bob" };
    await expect(stage.asking.ask(findCommand, nobody, ada)).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it("never acts on what a backup held open (P1)", async () => {
    stage = await FleetStage.start({});
    await stage.see("Off", n0, n1, n2);
    await stage.ask(n0, "On", { id: "c0" });
    await stage.command(0);
    const t1 = { id: commandId("t1"), action: "On", nodes: "n1,n2", parallel: 1 } as const;
    await stage.asking.ask(createTransition, t1, ada);
    await stage.command(1);
    await stage.service.kill();
    const storage = await openStorage(storageOptions(stage));
    await storage.write([
      {
        sql: "INSERT INTO outrider_restore (namespace, id, restored_at, backup_at) VALUES ('power', 'r1', ?, ?)",
        params: ["2026-11-23T02:00:00.000Z", "2026-11-23T01:00:00.000Z"],
      },
    ]);
    await storage.close();
    const sent = stage.deliveries.length;
    await stage.startService();
    expect(await stage.terminal("c0")).toMatchObject({
      status: "Unknown",
      reasonCode: "interrupted",
    });
    await stage.see("Off", n0);
    const { transition, tasks } = await eventually("the transition has ended", async () => {
      const page = await stage.asking.ask(getTransition, { id: t1.id }, ada);
      return page.transition.state === "Aborted" ? page : undefined;
    });
    expect(transition.abortedBy).toBe("service:power");
    expect(tasks.map(({ state }) => state)).toEqual(["Unknown", "Unknown"]);
    await stage.ask(n0, "On", { id: "c1" });
    await stage.command(2);
    expect(stage.deliveries.slice(sent).map(({ node }) => node)).toEqual([n0]);
  });
});

function storageOptions({ data }: FleetStage) {
  return {
    file: join(data.path, "power.sqlite"),
    migrations: [{ namespace: "power", steps: MIGRATIONS }, auditMigrations("power")],
  };
}
