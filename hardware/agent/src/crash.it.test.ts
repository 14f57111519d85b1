import type { CommandReport, EndpointAction } from "@outrider/contracts/agent";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stage } from "./testing/stage.js";

interface Cell {
  readonly action: EndpointAction;
  readonly at: string;
  /** What the rack's log shows in the end, from an `On` that is there before where the action needs one. */
  readonly edges: readonly string[];
  readonly outcome: Partial<CommandReport>;
}

const interrupted = { status: "Failed", reasonCode: "interrupted" } as const;
const unknown = { status: "Unknown", reasonCode: "interrupted" } as const;
const stale = { status: "Rejected", reasonCode: "stale-epoch" } as const;
const done = { status: "Succeeded" } as const;
const cycled = ["supply-off", "supply-on"];

const cells: readonly Cell[] = [
  { action: "PowerCycle", at: "agent.before-accept", edges: [], outcome: stale },
  { action: "PowerCycle", at: "agent.accepted", edges: [], outcome: interrupted },
  { action: "PowerCycle", at: "agent.acting", edges: [], outcome: interrupted },
  { action: "PowerCycle", at: "agent.acted", edges: cycled, outcome: interrupted },
  { action: "PowerCycle", at: "agent.off-verified", edges: cycled, outcome: interrupted },
  { action: "PowerCycle", at: "agent.dwelling", edges: cycled, outcome: done },
  { action: "PowerCycle", at: "agent.before-on", edges: cycled, outcome: done },
  { action: "PowerCycle", at: "agent.acting#2", edges: cycled, outcome: done },
  { action: "PowerCycle", at: "agent.acted#2", edges: cycled, outcome: done },
  { action: "PowerCycle", at: "agent.verified", edges: cycled, outcome: done },
  { action: "PowerCycle", at: "agent.committed", edges: cycled, outcome: done },
  { action: "PowerCycle", at: "agent.reported", edges: cycled, outcome: done },
  { action: "On", at: "agent.before-accept", edges: [], outcome: stale },
  { action: "On", at: "agent.acting", edges: [], outcome: interrupted },
  { action: "On", at: "agent.acted", edges: ["supply-on"], outcome: done },
  { action: "On", at: "agent.verified", edges: ["supply-on"], outcome: done },
  { action: "On", at: "agent.committed", edges: ["supply-on"], outcome: done },
  { action: "ForceOff", at: "agent.accepted", edges: [], outcome: interrupted },
  { action: "ForceOff", at: "agent.acted", edges: ["supply-off"], outcome: done },
  { action: "ForceRestart", at: "agent.acting", edges: [], outcome: unknown },
  { action: "ForceRestart", at: "agent.acted", edges: ["reset"], outcome: unknown },
  { action: "Nmi", at: "agent.accepted", edges: [], outcome: unknown },
];

/** P1, P3, P4, P5 of the design: the rack's edge log is the judge. */
describe("an agent that is killed in the middle of a command (P1, P4)", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.start({ bootMs: 1 });
    await stage.startAgent();
    await stage.configure([1, 2, 3, 4]);
  });

  afterAll(() => stage[Symbol.asyncDispose]());
  // It may have ended, or wait for the point at which it is killed.
  beforeRetry(() => stage.restartAgent());

  it.each(cells)("$action at $at", async ({ action, at, edges, outcome }) => {
    const slot = 1;
    await stage.run(slot, action === "On" ? "ForceOff" : "On");
    // In order, so that nothing is left to report but what comes now.
    await stage.restartAgent({ OUTRIDER_FAILPOINT: at }, "SIGTERM");
    const since = (await stage.rack.client.edges({ slot })).length;

    const command = await stage.send(stage.command(slot, action));
    expect((await stage.agent.exited).signal).toBe("SIGKILL");
    const { epoch } = stage.description ?? {};
    await stage.startAgent();
    await eventually("a new session", () => stage.description?.epoch !== epoch);
    // As the power service does while it hears nothing, and duplicated on the way.
    await stage.send(command);
    await stage.send(command);
    expect(await stage.terminal(command.id)).toMatchObject(outcome);

    await eventually("the last word was repeated to each question", () => {
      const terminal = stage.reports(command.id).filter((one) => one.terminal);
      return terminal.length >= 2;
    });
    const words = new Set(
      stage
        .reports(command.id)
        .filter((one) => one.terminal)
        .map((one) => JSON.stringify({ ...one, endedAt: undefined })),
    );
    expect(words.size).toBe(1);
    if (outcome !== stale) {
      await eventually("it is reported with a number", () => stage.outcomes(command.id).length > 0);
    }
    expect(stage.outcomes(command.id)).toHaveLength(outcome === stale ? 0 : 1);
    expect((await stage.edges(slot)).slice(since)).toEqual(edges);
    const { supply } = await stage.rack.client.get(slot);
    const endsOff =
      action === "ForceOff" ? edges.length > 0 : action === "On" && edges.length === 0;
    expect(supply).toBe(endsOff ? "off" : "on");
  });
});
