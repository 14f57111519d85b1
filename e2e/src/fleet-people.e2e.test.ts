import type { Lock } from "@outrider/contracts/lock";
import { startNode } from "@outrider/testing/child";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Fleet } from "./fleet/fleet.js";
import { Rest, RestError } from "./fleet/rest.js";
import { begin, ended } from "./fleet/transitions.js";
import { watchedFleet } from "./fleet/watched-fleet.js";

const CLI = import.meta.resolve("@outrider/cli/main");

let fleet: Fleet;
let admin: Rest;
let ada: Rest;
let bob: Rest;
let eves = 0;

/** What the gateway says no with. */
async function refusal(asked: Promise<unknown>): Promise<{ status: number; problem: unknown }> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof RestError) return { status: error.status, problem: error.problem };
    throw error;
  }
  throw new Error("it was not refused");
}

async function command(rest: Rest, node: string, body: object): Promise<unknown> {
  return rest.post(`/nodes/${node}/power`, body, { prefer: "wait=60" });
}

describe("several people and their locks", () => {
  beforeAll(async () => {
    fleet = await Fleet.start({
      racks: { a: { prefix: "n", slots: 6, node: { roles: ["storage"] } } },
      site: { roles: { storage: { power: { interlock: "last-in-role", keepRunning: 2 } } } },
    });
    admin = await fleet.administrator();
    ada = await admin.newPerson("ada", "operator");
    bob = await admin.newPerson("bob", "operator");
    const { id } = await begin(ada, { action: "On", nodes: "@all" });
    await ended(ada, id);
    await fleet.supplies("On");
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });
  // Before the others, because nobody else may act on nodes that are locked.
  beforeRetry(async () => {
    const { locks } = await admin.get<{ locks: readonly Lock[] }>("/locks");
    const why = { reason: "another try" };
    for (const { id } of locks) await admin.post(`/locks/${id}/break`, why).catch(() => undefined);
  });
  watchedFleet(() => fleet, { supplies: "On" });

  test("(P6) whoever does not hold the lock is refused, and is told who does, why and until when", async () => {
    const lock = await ada.post<Lock>("/locks", { nodes: "n[1-2]", reason: "swapping disks" });
    expect(lock).toMatchObject({ state: "Held", holder: "person:ada", nodes: "n[1-2]" });
    const since = await fleet.mark("a");
    const { status, problem } = await refusal(command(bob, "n1", { action: "PowerCycle" }));
    expect(status).toBe(423);
    expect(problem).toMatchObject({
      code: "locked",
      detail: expect.stringMatching(/person:ada.*swapping disks/),
    });
    const { id } = await begin(bob, { action: "PowerCycle", nodes: "n[1-3]" });
    const end = await ended(bob, id);
    expect(end.counts).toMatchObject({ succeeded: 1, rejected: 2 });
    expect(new Set((await fleet.edges("a", since)).map(({ slot }) => slot))).toEqual(new Set([3]));
    await command(ada, "n1", { action: "PowerCycle", lock: lock.id });
    await ada.delete(`/locks/${lock.id}`);
    await command(bob, "n1", { action: "PowerCycle" });
  });

  test("(P6) a holder that was frozen past its lease can do nothing when it thaws", async () => {
    const holder = await startNode(CLI, {
      args: ["lock", "run", "--lease", "2s", "--reason", "frozen", "n4", "--", "sleep", "600"],
      env: { OUTRIDER_URL: ada.url, OUTRIDER_TOKEN: ada.token, HOME: fleet.data },
      ready: "none",
    });
    onTestFinished(() => holder.kill());
    await eventually("ada holds n4", () => fleet.locks.get("n4")?.held?.holder === "person:ada");
    const held = fleet.locks.get("n4");
    await holder.kill("SIGSTOP");
    const next = await bob.post<Lock>("/locks", { nodes: "n4", queue: true });
    expect(next.state).toBe("Queued");
    await eventually("bob holds n4", () => fleet.locks.get("n4")?.held?.holder === "person:bob");
    expect(fleet.locks.get("n4")?.fence).toBeGreaterThan(held?.fence ?? Number.NaN);
    await command(bob, "n4", { action: "PowerCycle", lock: next.id });
    const since = await fleet.mark("a");
    await holder.kill("SIGCONT");
    const late = refusal(command(ada, "n4", { action: "ForceOff", lock: held?.held?.lock }));
    expect((await late).status).toBeGreaterThanOrEqual(409);
    expect((await holder.exited).code).not.toBe(0);
    expect(await fleet.edges("a", since)).toEqual([]);
    await bob.delete(`/locks/${next.id}`);
    // Free again, the old lock is worth no more than before.
    const stale = refusal(command(ada, "n4", { action: "ForceOff", lock: held?.held?.lock }));
    expect((await stale).problem).toMatchObject({ code: "fenced" });
    expect(await fleet.edges("a", since)).toEqual([]);
  });

  test("(P6) (P20) only an administrator breaks a lock, and the audit says who and why", async () => {
    const lock = await ada.post<Lock>("/locks", { nodes: "n5" });
    const before = fleet.locks.get("n5")?.fence ?? 0;
    const broken = { reason: "ada is on holiday" };
    expect((await refusal(bob.post(`/locks/${lock.id}/break`, broken))).status).toBe(403);
    await admin.post(`/locks/${lock.id}/break`, broken);
    await eventually("n5 is free", () => fleet.locks.get("n5")?.held === undefined);
    expect(fleet.locks.get("n5")?.fence).toBeGreaterThan(before);
    const { records } = await admin.get<{ records: { actor: string; reason?: string }[] }>(
      "/audit?log=inventory&act=lock.break",
    );
    expect(records[0]).toMatchObject({ actor: "person:admin", reason: "ada is on holiday" });
    const { logs } = await admin.get<{ logs: { log: string; verdict?: { intact: boolean }[] }[] }>(
      "/audit/verdicts",
    );
    const verdicts = logs.map(({ log, verdict }) => `${log}: ${verdict?.[0]?.intact}`);
    expect(verdicts.toSorted()).toEqual(
      ["gateway", "inventory", "power", "telemetry"].map((log) => `${log}: true`),
    );
  });

  test("a person bound to some nodes finds no others, whatever is asked for", async () => {
    // Whom a try before has made has a password of their own by now.
    const eve = await admin.newPerson(`eve${(eves += 1)}`, "operator", "n1");
    const foreign = /\bn\[?[2-6]\b/;
    const lock = await ada.post<Lock>("/locks", { nodes: "n6", reason: "of n6" });
    const { id } = await begin(ada, { action: "PowerCycle", nodes: "n[2-3]", staggerMs: 2000 });
    const { paths } = await admin.get<{ paths: Record<string, Record<string, unknown>> }>(
      "/openapi.json",
    );
    const lists = Object.keys(paths).filter((path) => paths[path]?.["get"] && !path.includes("{"));
    expect(lists.length).toBeGreaterThan(10);
    for (const path of lists) {
      const short = path.replace(/^\/api\/v1/, "");
      if (short === "/openapi.json" || short === "/events") continue;
      const asked = (): Promise<unknown> =>
        short.endsWith("/live") ? eve.begun(`${short}?nodes=*`) : eve.get(short);
      const said = await refusal(asked()).catch(asked);
      expect([short, JSON.stringify(said).match(foreign)?.[0]]).toEqual([short, undefined]);
    }
    for (const [method, path] of [
      ["GET", `/transitions/${id}`],
      ["DELETE", `/transitions/${id}`],
      ["GET", `/locks/${lock.id}`],
      ["DELETE", `/locks/${lock.id}`],
      ["GET", "/nodes/n3"],
      ["GET", "/nodes/n3/facts"],
      ["POST", "/nodes/n3/power"],
    ] as const) {
      const body = method === "POST" ? { action: "ForceOff" } : undefined;
      const { status } = await refusal(eve.ask(method, path, body));
      expect([method, path, status >= 403 && status <= 404]).toEqual([method, path, true]);
    }
    await refusal(begin(eve, { action: "ForceOff", nodes: "n[1-2]" }));
    expect((await ended(ada, id)).counts).toMatchObject({ succeeded: 2 });
    await ada.delete(`/locks/${lock.id}`);
  });

  test("an interlock keeps the last nodes of a role up, unless somebody overrides it with a reason", async () => {
    const since = await fleet.mark("a");
    const { id } = await begin(bob, { action: "ForceOff", nodes: "@storage" });
    const end = await ended(bob, id);
    expect(end.counts).toMatchObject({ succeeded: 4, rejected: 2 });
    const offs = (await fleet.edges("a", since)).filter(({ edge }) => edge === "supply-off");
    expect(offs).toHaveLength(4);
    const left = fleet.nodes.find((_, at) => !offs.some(({ slot }) => slot === at + 1)) ?? "";
    const force = { action: "ForceOff", override: true, reason: "the room is on fire" };
    expect((await refusal(command(bob, left, force))).status).toBe(403);
    await command(admin, left, force);
    const back = await begin(ada, { action: "On", nodes: "@storage" });
    await ended(ada, back.id);
  });

  test("a cycle of a whole role goes through it without ever leaving too few up", async () => {
    await fleet.supplies("On");
    const since = await fleet.mark("a");
    const { id } = await begin(ada, { action: "PowerCycle", nodes: "@storage" });
    const end = await ended(ada, id);
    expect(end.counts).toMatchObject({ succeeded: 6 });
    let down = 0;
    let most = 0;
    for (const { edge } of await fleet.edges("a", since)) {
      if (edge === "supply-off") down += 1;
      if (edge === "supply-on") down -= 1;
      most = Math.max(most, down);
    }
    expect(most).toBeLessThanOrEqual(4);
  });
});
