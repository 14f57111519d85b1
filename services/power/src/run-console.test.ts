import type { AgentCommand } from "@outrider/contracts/agent";
import { commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { planLadder, type Capabilities } from "@outrider/contracts/ladder";
import type { Action, CommandStatus, Host, Supply } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import { describe, expect, it } from "vitest";
import { advance, isPreemptible } from "./run.js";
import type { Run, RunEvent, World } from "./run-state.js";
import { haltWaitMs } from "./run-halt.js";
import { describePhase } from "./run-words.js";

/** A ladder whose last rung is the console, told as a story: what happened, and what the run then does. */

const PLUG: Capabilities = { power: ["On", "ForceOff", "PowerCycle"] };
const CONSOLE: Capabilities = { console: ["GracefulShutdown"] };
const BUTTON: Capabilities = { button: ["PushPowerButton"] };
const ALL: Capabilities = { ...PLUG, ...BUTTON, ...CONSOLE };

class Story {
  readonly asked: string[] = [];
  supply: Supply = "On";
  host: Host = "Running";
  /** Interfaces whose agent is away. */
  readonly away = new Set<string>();
  run: Run;

  constructor(
    action: Action,
    private readonly capabilities: Capabilities,
    escalate = false,
  ) {
    const ladder = planLadder({ action, capabilities, supply: "On", host: "Running", escalate });
    if (ladder.outcome !== "steps") throw new Error(`no steps: ${ladder.detail}`);
    const now = "2026-11-23T00:00:00.000Z";
    this.run = {
      key: "k",
      id: commandId("x"),
      node: nodeId("n1"),
      action,
      actor: "person:ada",
      via: "mqtt",
      ttlMs: 10_000,
      gracefulLimitMs: 120_000,
      startedAt: now,
      steps: ladder.steps,
      index: 0,
      escalation: ladder.escalation,
      escalated: false,
      attempt: 1,
      phase: { kind: "awaiting-halt", since: now },
      seq: 0,
    };
    this.happens({ kind: "begin" });
  }

  get world(): World {
    const { capabilities, supply, host } = this;
    return {
      capabilities,
      supply,
      host,
      now: "2026-11-23T00:00:00.000Z",
      envelope: (step) => {
        if (this.away.has(step.interface)) return undefined;
        const id = commandId(`c${this.asked.length}`);
        this.asked.push(`${step.interface}.${step.action}`);
        return { agent: "a1", command: { id, action: step.action } as AgentCommand };
      },
    };
  }

  happens(event: RunEvent): this {
    // Through the journal, as after a crash.
    this.run = advance(JSON.parse(JSON.stringify(this.run)) as Run, event, this.world);
    return this;
  }

  /** The agent ends what it was asked for. */
  ends(status: CommandStatus, reasonCode?: ReasonCode, detail?: string): this {
    if (this.run.phase.kind !== "acting") throw new Error(`not acting: ${this.run.phase.kind}`);
    const { id, action } = this.run.phase.command;
    return this.happens({
      kind: "report",
      report: {
        id,
        action,
        endpoint: endpointId("n1", "power"),
        status,
        terminal: true,
        ...(reasonCode ? { reasonCode } : {}),
        ...(detail === undefined ? {} : { detail }),
      },
    });
  }

  /** The wait is over. */
  limit(): this {
    return this.happens({ kind: "limit-reached" });
  }

  halts(): this {
    this.host = "Halted";
    return this.happens({ kind: "seen", supply: this.supply, host: "Halted" });
  }

  /** Status and reason alone. */
  get end(): unknown {
    const { outcome } = this;
    return Array.isArray(outcome) ? outcome.slice(0, 2) : outcome;
  }

  get outcome(): unknown {
    const { phase } = this.run;
    if (phase.kind !== "done") return phase.kind;
    const { status, reasonCode, detail } = phase.outcome;
    return [status, reasonCode, detail];
  }
}

describe("a host that has a button and a console", () => {
  it("is asked by its button, and no more where it obeys", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded");
    expect(haltWaitMs(story.run)).toBe(90_000);
    expect(describePhase(story.run)).toBe(
      "waiting up to 90 s for the host to shut down after its power button was used",
    );
    expect(story.halts().outcome).toEqual([
      "Succeeded",
      undefined,
      "the host shut down after its power button was used",
    ]);
    expect(story.asked).toEqual(["button.PushPowerButton"]);
  });

  it("is told by SysRq once it has not obeyed its button, and both are timed and told", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded").limit();
    expect(story.asked).toEqual(["button.PushPowerButton", "console.GracefulShutdown"]);
    expect(describePhase(story.run)).toBe(
      "the host did not obey its power button within 90 s; agent a1 is asked for SysRq sync, remount-read-only, power-off at the console",
    );
    story.ends("Succeeded");
    expect(haltWaitMs(story.run)).toBe(30_000);
    expect(story.halts().outcome).toEqual([
      "Succeeded",
      undefined,
      "the host did not obey its power button within 90 s; the host shut down after SysRq at its console was used",
    ]);
  });

  it("times out after both, and only then is force used, where asked for", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded").limit().ends("Succeeded");
    expect(story.limit().outcome).toEqual([
      "TimedOut",
      "not-obeyed",
      "the host did not obey its power button within 90 s; the host did not shut down within 30 s of SysRq at its console; nothing was forced",
    ]);
    const forced = new Story("GracefulShutdown", ALL, true)
      .ends("Succeeded")
      .limit()
      .ends("Succeeded");
    expect(forced.asked).toHaveLength(2);
    forced.limit();
    expect(forced.asked.at(-1)).toBe("power.ForceOff");
    expect(forced.ends("Succeeded").outcome).toEqual([
      "Succeeded",
      undefined,
      "the host did not obey, so force was used as asked",
    ]);
  });

  it("is told by SysRq at once where the button fails", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Failed", "unreachable", "no answer");
    expect(story.asked.at(-1)).toBe("console.GracefulShutdown");
    expect(story.ends("Succeeded").halts().outcome).toEqual([
      "Succeeded",
      undefined,
      "its power button could not be used (no answer); the host shut down after SysRq at its console was used",
    ]);
    const both = new Story("GracefulShutdown", ALL)
      .ends("Failed", "unreachable", "no answer")
      .ends("Failed", "unreachable", "the line is down");
    expect(both.outcome).toEqual([
      "Failed",
      "unreachable",
      "its power button could not be used (no answer); SysRq at its console could not be used (the line is down)",
    ]);
  });

  it.each([
    [
      "fails",
      (story: Story) => story.ends("Failed", "unreachable", "the line is down"),
      "the line is down",
    ],
    ["is refused", (story: Story) => story.ends("Rejected", "busy"), "busy"],
  ] as const)("has not obeyed its button also where the console %s", (_, fails, why) => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded").limit();
    expect(fails(story).outcome).toEqual([
      "TimedOut",
      "not-obeyed",
      `the host did not obey its power button within 90 s; SysRq at its console could not be used (${why}); nothing was forced`,
    ]);
  });

  it("has not obeyed its button also where nobody can reach its console", () => {
    const story = new Story("GracefulShutdown", ALL, true).ends("Succeeded");
    story.away.add("console");
    story.limit();
    expect(story.outcome).toBe("waiting-for-agent");
    expect(isPreemptible(story.run)).toBe(true);
    story.limit();
    expect(story.asked.at(-1), "as asked, force comes all the same").toBe("power.ForceOff");
  });

  it("is waited for, and not told twice, when nobody knows whether the console was used", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded").limit();
    story.happens({ kind: "agent-lost-for-good" });
    expect(story.outcome).toBe("awaiting-halt");
    expect(story.asked).toHaveLength(2);
    expect(story.halts().end).toEqual(["Succeeded", undefined]);
  });

  it("is seen to have halted while SysRq is still pressed", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded").limit();
    story.halts();
    expect(story.outcome).toBe("acting");
    expect(story.ends("Succeeded").end).toEqual(["Succeeded", undefined]);
  });

  it("gives way to ForceOff while it is waited for, not while SysRq is pressed", () => {
    const story = new Story("GracefulShutdown", ALL).ends("Succeeded").limit();
    expect(isPreemptible(story.run)).toBe(false);
    expect(isPreemptible(story.ends("Succeeded").run)).toBe(true);
  });
});

describe("a host that is restarted", () => {
  it.each(["button", "console"] as const)("is brought back once, after its %s", (obeyed) => {
    const story = new Story("GracefulRestart", ALL).ends("Succeeded");
    if (obeyed === "console") story.limit().ends("Succeeded");
    story.halts();
    expect(story.run.phase).toMatchObject({ kind: "acting", step: { owed: true } });
    expect(story.asked.slice(1)).toEqual([
      ...(obeyed === "console" ? ["console.GracefulShutdown"] : []),
      "power.PowerCycle",
    ]);
    expect(story.ends("Succeeded", undefined, "cycled").outcome).toMatchObject([
      "Succeeded",
      undefined,
      expect.stringMatching(/^the host .*; cycled$/),
    ]);
  });

  it("is owed nothing where it obeyed neither", () => {
    const story = new Story("GracefulRestart", ALL).ends("Succeeded").limit().ends("Succeeded");
    expect(story.limit().end).toEqual(["TimedOut", "not-obeyed"]);
    expect(story.asked).toHaveLength(2);
  });
});

describe("a host that has a console and no button", () => {
  it("has all of the limit for SysRq", () => {
    const story = new Story("GracefulShutdown", { ...PLUG, ...CONSOLE });
    expect(story.asked).toEqual(["console.GracefulShutdown"]);
    expect(describePhase(story.run)).toBe(
      "agent a1 is asked for SysRq sync, remount-read-only, power-off at the console",
    );
    expect(haltWaitMs(story.ends("Succeeded").run)).toBe(120_000);
    expect(story.halts().outcome).toEqual([
      "Succeeded",
      undefined,
      "the host shut down after SysRq at its console was used",
    ]);
  });

  it("fails where the console does, and nothing more is tried", () => {
    const story = new Story("GracefulShutdown", { ...PLUG, ...CONSOLE });
    expect(story.ends("Failed", "unreachable", "the line is down").outcome).toEqual([
      "Failed",
      "unreachable",
      "the line is down",
    ]);
  });

  it("is not said to have stayed up where nothing shows what it does", () => {
    const story = new Story("GracefulShutdown", { ...PLUG, ...CONSOLE }).ends("Succeeded");
    story.host = "Unknown";
    expect(story.limit().outcome).toEqual([
      "Unknown",
      "not-verified",
      "nothing shows what the host does, so whether it shut down within 120 s is not known",
    ]);
    const unseen = new Story("GracefulShutdown", { ...PLUG, ...CONSOLE }).ends("Succeeded");
    unseen.host = "Unknown";
    unseen.supply = "Unknown";
    expect(unseen.limit().end).toEqual(["Unknown", "agent-lost"]);
  });
});
