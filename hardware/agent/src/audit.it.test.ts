import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { verifyDataDirectory } from "@outrider/audit/offline";
import type { EndpointAction } from "@outrider/contracts/agent";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AGENT_FAILPOINTS } from "./failpoints.js";
import { AGENT, endpointOf, Stage } from "./testing/stage.js";

interface Intent {
  readonly at: string;
  readonly actor: string;
  readonly action: EndpointAction;
}

const SLOT = 1;

/** Which actions a record of which an edge may follow. */
const ALLOWED: Readonly<Record<string, readonly EndpointAction[]>> = {
  "supply-on": ["On"],
  "supply-off": ["ForceOff", "PowerCycle"],
  reset: ["ForceRestart"],
  nmi: ["Nmi"],
  press: ["PushPowerButton"],
};

describe("the audit log of an agent", () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await Stage.start({ bootMs: 1 });
    await stage.startAgent();
    await stage.configure([SLOT], { restore: "AlwaysOn" });
    await stage.bound();
  });

  afterEach(() => stage[Symbol.asyncDispose]());

  function intents(): Intent[] {
    const file = join(stage.dir.path, `agent-${AGENT}`, "journal.sqlite");
    using db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    const rows = db
      .prepare(
        "SELECT at, actor, data FROM agent_audit WHERE stage = 'intent' AND subject = ? ORDER BY seq",
      )
      .all(endpointOf(SLOT));
    return rows.map((row) => ({
      at: String(row["at"]),
      actor: String(row["actor"]),
      ...(JSON.parse(String(row["data"])) as { action: EndpointAction }),
    }));
  }

  /** Edges that nobody has answered for: each takes one record of its kind that is older. */
  async function unaccounted(): Promise<string[]> {
    const left = intents();
    const edges = await stage.rack.client.edges({ slot: SLOT });
    return edges
      .filter(({ cause }) => cause === "api")
      .flatMap(({ edge, at }) => {
        const found = left.findIndex(
          (one) => one.at <= at && ALLOWED[edge]?.includes(one.action) === true,
        );
        if (found === -1) return [`${edge} at ${at}`];
        left.splice(found, 1);
        return [];
      });
  }

  it("P20: every edge has a record before it, at whatever step the agent is killed, and the chain holds", async () => {
    const passed = {
      PowerCycle: AGENT_FAILPOINTS,
      On: ["agent.acting", "agent.acted", "agent.verified"],
      ForceOff: ["agent.acting", "agent.acted", "agent.verified"],
    } as const;
    for (const action of ["PowerCycle", "ForceOff", "On"] as const) {
      for (const failpoint of passed[action]) {
        const before = action === "On" ? "ForceOff" : "On";
        expect(await stage.run(SLOT, before)).toMatchObject({ status: "Succeeded" });
        await stage.restartAgent({ OUTRIDER_FAILPOINT: failpoint }, "SIGTERM");
        await stage.send(stage.command(SLOT, action));
        expect((await stage.agent.exited).signal).toBe("SIGKILL");
        const epoch = stage.description?.epoch;
        await stage.startAgent();
        // What was interrupted is ended before it serves.
        await eventually("a new session", () => stage.description?.epoch !== epoch);
      }
    }
    expect(await stage.run(SLOT, "On")).toMatchObject({ status: "Succeeded" });
    const { client } = stage.rack;
    const lost = await client.brownOut(SLOT);
    expect(lost.supply).toBe("off");
    await eventually("it is restored", async () => (await client.get(SLOT)).supply === "on");
    await stage.agent.kill("SIGTERM");
    const edges = await client.edges({ slot: SLOT });
    expect(edges.length).toBeGreaterThan(15);
    expect(await unaccounted()).toEqual([]);
    const actors = new Set(intents().map(({ actor }) => actor));
    expect(actors).toEqual(new Set(["person:test", "policy:recovery", "policy:restore"]));
    const verdicts = await verifyDataDirectory(stage.dir.path);
    expect(verdicts).toMatchObject([{ log: `agent-${AGENT}`, intact: true }]);
    expect(verdicts[0]?.records).toBeGreaterThan(edges.length);
  }, 300_000);
});
