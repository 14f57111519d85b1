import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import { commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { planLadder, type ActStep, type Capabilities } from "@outrider/contracts/ladder";
import type { Wake } from "@outrider/contracts/node";
import type { Action, CommandStatus } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import { describe, expect, it } from "vitest";
import { advance, isPreemptible, OWED_ATTEMPTS, OWED_UNHEARD } from "./run.js";
import type { Run, RunEvent, World } from "./run-state.js";
import { owesStart } from "./run-start.js";
import { describePhase } from "./run-words.js";

const everything: Capabilities = {
  power: ["On", "ForceOff", "PowerCycle", "ForceRestart", "PushPowerButton", "Nmi"],
};

/** A world that is remembered: which commands were made, in which order. */
type Remembered = World & { readonly made: AgentCommand[] };

function world(overrides: Partial<World> = {}): Remembered {
  const made: AgentCommand[] = [];
  return {
    made,
    capabilities: everything,
    supply: "On",
    now: "2026-11-23T00:00:00.000Z",
    envelope: (step: ActStep) => {
      const command = { id: commandId(`c${made.length}`), action: step.action } as AgentCommand;
      made.push(command);
      return { agent: "a1", command };
    },
    ...overrides,
  };
}

function begin(
  action: Action,
  at: World,
  { escalate = false, wake }: { escalate?: boolean; wake?: Wake } = {},
): Run {
  const ladder = planLadder({
    action,
    capabilities: at.capabilities,
    supply: at.supply,
    host: "Running",
    wake,
    escalate,
  });
  if (ladder.outcome !== "steps") throw new Error(`no steps: ${ladder.detail}`);
  const run: Run = {
    key: "k",
    id: commandId("x"),
    node: nodeId("n1"),
    action,
    actor: "person:ada",
    via: "mqtt",
    ttlMs: 10_000,
    gracefulLimitMs: 120_000,
    wake,
    startedAt: at.now,
    steps: ladder.steps,
    index: 0,
    escalation: ladder.escalation,
    escalated: false,
    attempt: 1,
    phase: { kind: "awaiting-halt", since: at.now },
    seq: 0,
  };
  return advance(run, { kind: "begin" }, at);
}

function report(
  run: Run,
  status: CommandStatus,
  reasonCode?: ReasonCode,
): Extract<RunEvent, { kind: "report" }> {
  if (run.phase.kind !== "acting") throw new Error(`not acting: ${run.phase.kind}`);
  const { id, action } = run.phase.command;
  const said: CommandReport = {
    id,
    action,
    endpoint: endpointId("n1", "power"),
    status,
    terminal: status !== "Accepted" && status !== "InProgress",
    ...(reasonCode ? { reasonCode } : {}),
  };
  return { kind: "report", report: said };
}

function outcome(run: Run): unknown {
  return run.phase.kind === "done"
    ? [run.phase.outcome.status, run.phase.outcome.reasonCode]
    : run.phase.kind;
}

function haltedRun(at: Remembered, wake?: Wake): Run {
  const pressed = begin("GracefulRestart", at, wake ? { wake } : {});
  const waiting = advance(pressed, report(pressed, "Succeeded"), at);
  return advance(waiting, halted, at);
}

const halted: RunEvent = { kind: "seen", supply: "On", host: "Halted" };

describe("a run of one rung", () => {
  it("succeeds with the agent's word, and says nothing more", () => {
    const at = world();
    const acting = begin("PowerCycle", at);
    const done = advance(acting, report(acting, "Succeeded"), at);
    expect(outcome(done)).toEqual(["Succeeded", undefined]);
    expect(advance(done, { kind: "agent-lost-for-good" }, at)).toBe(done);
    expect(at.made).toHaveLength(1);
  });

  it("ignores reports of other commands and progress", () => {
    const at = world();
    const acting = begin("On", at);
    expect(advance(acting, report(acting, "InProgress"), at)).toBe(acting);
    const { report: said } = report(acting, "Succeeded");
    const foreign = { ...said, id: commandId("other") };
    expect(advance(acting, { kind: "report", report: foreign }, at)).toBe(acting);
  });

  it.each([
    ["Rejected", "stale-epoch", ["Failed", "stale-epoch"]],
    ["Failed", "not-verified", ["Failed", "not-verified"]],
    ["TimedOut", "timed-out", ["TimedOut", "timed-out"]],
    ["Unknown", "interrupted", ["Unknown", "interrupted"]],
  ] as const)(
    "that the agent ends as %s/%s ends as %j and is not tried again",
    (status, code, expected) => {
      const at = world();
      const acting = begin("ForceOff", at);
      expect(outcome(advance(acting, report(acting, status, code), at))).toEqual(expected);
      expect(at.made).toHaveLength(1);
    },
  );

  it("is unknown, said as unknown, when the agent stays away (P5)", () => {
    const at = world();
    expect(outcome(advance(begin("PowerCycle", at), { kind: "agent-lost-for-good" }, at))).toEqual([
      "Unknown",
      "agent-lost",
    ]);
  });
});

describe("GracefulShutdown", () => {
  it("presses once, waits, and succeeds when the host has halted", () => {
    const at = world();
    const pressed = begin("GracefulShutdown", at);
    const waiting = advance(pressed, report(pressed, "Succeeded"), at);
    expect(outcome(waiting)).toBe("awaiting-halt");
    expect(advance(waiting, { kind: "seen", supply: "On", host: "Running" }, at)).toBe(waiting);
    expect(advance(waiting, { kind: "seen", supply: "Unknown", host: "Unknown" }, at)).toBe(
      waiting,
    );
    expect(outcome(advance(waiting, halted, at))).toEqual(["Succeeded", undefined]);
    expect(at.made.map(({ action }) => action)).toEqual(["PushPowerButton"]);
  });

  it("times out without force", () => {
    const at = world();
    const pressed = begin("GracefulShutdown", at);
    const waiting = advance(pressed, report(pressed, "Succeeded"), at);
    expect(outcome(advance(waiting, { kind: "limit-reached" }, at))).toEqual([
      "TimedOut",
      "not-obeyed",
    ]);
    expect(at.made).toHaveLength(1);
  });

  it("does not say that a host did not obey which nobody could see", () => {
    const at = world();
    const pressed = begin("GracefulShutdown", at);
    const waiting = advance(pressed, report(pressed, "Succeeded"), at);
    const unseen = advance(waiting, { kind: "limit-reached" }, { ...at, supply: "Unknown" });
    expect(outcome(unseen)).toEqual(["Unknown", "agent-lost"]);
  });

  it("uses force only when asked, and once", () => {
    const at = world();
    const pressed = begin("GracefulShutdown", at, { escalate: true });
    const waiting = advance(pressed, report(pressed, "Succeeded"), at);
    const forced = advance(waiting, { kind: "limit-reached" }, at);
    expect(at.made.map(({ action }) => action)).toEqual(["PushPowerButton", "ForceOff"]);
    expect(outcome(advance(forced, report(forced, "Succeeded"), at))).toEqual([
      "Succeeded",
      undefined,
    ]);
    expect(outcome(advance(forced, report(forced, "Failed", "refused"), at))).toEqual([
      "Failed",
      "refused",
    ]);
    expect(at.made).toHaveLength(2);
  });

  it("gives way to ForceOff only while it waits", () => {
    const at = world();
    const pressed = begin("GracefulShutdown", at);
    expect(isPreemptible(pressed)).toBe(false);
    const waiting = advance(pressed, report(pressed, "Succeeded"), at);
    expect(isPreemptible(waiting)).toBe(true);
    expect(outcome(advance(waiting, { kind: "superseded", by: "person:bob" }, at))).toEqual([
      "Canceled",
      "superseded",
    ]);
    expect(advance(pressed, { kind: "superseded", by: "person:bob" }, at)).toBe(pressed);
  });
});

describe("a press whose fate is not known", () => {
  it.each(["GracefulShutdown", "GracefulRestart"] as const)(
    "%s still waits for the host",
    (action) => {
      const at = world();
      const pressed = begin(action, at);
      expect(outcome(advance(pressed, report(pressed, "Unknown", "interrupted"), at))).toBe(
        "awaiting-halt",
      );
      expect(outcome(advance(pressed, { kind: "agent-lost-for-good" }, at))).toBe("awaiting-halt");
      expect(at.made).toHaveLength(1);
    },
  );
});

describe("GracefulRestart", () => {
  it.each([
    ["button", "On", "PushPowerButton"],
    ["supply-cycle", "On", "PowerCycle"],
    [undefined, "On", "PowerCycle"],
    ["button", "Off", "On"],
  ] as const)("wakes by %s with supply %s through %s", (wake, supply, action) => {
    const at = world({ supply });
    const running = { ...at, supply: "On" as const };
    haltedRun({ ...running, supply: "On" });
    const pressed = begin("GracefulRestart", running, wake ? { wake } : {});
    const waiting = advance(pressed, report(pressed, "Succeeded"), running);
    const reviving = advance(waiting, halted, { ...running, supply });
    expect(reviving.phase).toMatchObject({ kind: "acting", command: { action } });
    expect(outcome(advance(reviving, report(reviving, "Succeeded"), at))).toEqual([
      "Succeeded",
      undefined,
    ]);
  });

  it("wakes by a magic packet a host that has halted on its supply, and owes that", () => {
    const capabilities = {
      power: ["On", "ForceOff", "PowerCycle"],
      button: ["GracefulShutdown", "Wake"],
    } as const;
    const at = world({ capabilities });
    const asked = begin("GracefulRestart", at, { wake: "wol" });
    const reviving = advance(advance(asked, report(asked, "Succeeded"), at), halted, at);
    expect(reviving.phase).toMatchObject({ kind: "acting", command: { action: "Wake" } });
  });

  it("owes the revival from its press to its end, whatever happens to it meanwhile", () => {
    const at = world();
    const pressed = begin("GracefulRestart", at);
    const reviving = haltedRun(at);
    const pausing = advance(reviving, report(reviving, "Failed", "not-verified"), at);
    expect([pressed, reviving, pausing].map(owesStart)).toEqual([true, true, true]);
    const done = advance(reviving, report(reviving, "Succeeded"), at);
    expect([done, begin("GracefulShutdown", at), begin("On", at)].some(owesStart)).toBe(false);
  });

  it("owes the revival: it is tried again, boundedly", () => {
    const at = world();
    let run = haltedRun(at);
    for (let attempt = 1; attempt < OWED_ATTEMPTS; attempt++) {
      run = advance(run, report(run, "Failed", "not-verified"), at);
      expect(run.phase).toMatchObject({ kind: "pausing", pauseMs: 1000 * 4 ** (attempt - 1) });
      run = advance(run, { kind: "limit-reached" }, at);
    }
    expect(outcome(advance(run, report(run, "Failed", "refused"), at))).toEqual([
      "Failed",
      "refused",
    ]);
  });

  it("counts no attempt while the device is not reached, for ten minutes", () => {
    const at = world();
    let run = haltedRun(at);
    let waitedMs = 0;
    for (let time = 0; time < OWED_UNHEARD; time++) {
      run = advance(run, report(run, "Failed", "unreachable"), at);
      expect(run).toMatchObject({ attempt: 1, phase: { kind: "pausing" } });
      waitedMs += run.phase.kind === "pausing" ? run.phase.pauseMs : 0;
      run = advance(run, { kind: "limit-reached" }, at);
    }
    expect(waitedMs).toBeGreaterThan(540_000);
    for (let attempt = 1; attempt < OWED_ATTEMPTS; attempt++) {
      run = advance(run, report(run, "Failed", "unreachable"), at);
      run = advance(run, { kind: "limit-reached" }, at);
    }
    expect(outcome(advance(run, report(run, "Failed", "unreachable"), at))).toEqual([
      "Failed",
      "unreachable",
    ]);
  });

  it("owes its On beyond the loss of the agent that was asked for it; a cycle is not done twice", () => {
    const off = world({ supply: "Off" });
    const pressed = begin("GracefulRestart", world());
    const waiting = advance(pressed, report(pressed, "Succeeded"), world());
    const reviving = advance(waiting, { kind: "seen", supply: "Off", host: "Halted" }, off);
    const lost = advance(reviving, { kind: "agent-lost-for-good" }, off);
    expect([outcome(lost), owesStart(lost)]).toEqual(["waiting-for-agent", true]);
    const again = advance(lost, { kind: "agent-ready" }, off);
    expect(again.phase).toMatchObject({ kind: "acting", command: { action: "On" } });
    const cycling = haltedRun(world());
    expect(outcome(advance(cycling, { kind: "agent-lost-for-good" }, world()))).toEqual([
      "Unknown",
      "agent-lost",
    ]);
  });

  it("waits for an agent that is away and takes the rung up when it is back", () => {
    const at = world();
    const pressed = begin("GracefulRestart", at);
    const waiting = advance(pressed, report(pressed, "Succeeded"), at);
    const away = advance(waiting, halted, { ...at, envelope: () => undefined });
    expect(away.phase.kind).toBe("waiting-for-agent");
    expect(advance(away, { kind: "agent-ready" }, at).phase.kind).toBe("acting");
    expect(advance(away, { kind: "limit-reached" }, at), "there is no limit").toBe(away);
    const start = begin("On", { ...at, envelope: () => undefined });
    const late = advance(start, { kind: "limit-reached" }, at);
    expect(outcome(late)).toEqual(["Failed", "agent-away"]);
  });
});

describe("a start in a power domain", () => {
  const full = { takeSlot: () => "psu-a: 2 before it" };

  it("waits for its slot, and is sent once it is granted", () => {
    const waiting = begin("On", world(full));
    expect(waiting.phase).toMatchObject({ kind: "waiting-for-slot", why: "psu-a: 2 before it" });
    expect(describePhase(waiting)).toBe("waiting to start: psu-a: 2 before it");
    // The slot is held already: nothing is asked for again.
    const acting = advance(waiting, { kind: "slot-granted" }, world(full));
    expect(acting.phase).toMatchObject({ kind: "acting", command: { action: "On" } });
    expect(outcome(advance(acting, { kind: "slot-granted" }, world(full)))).toBe("acting");
  });

  it("takes no slot for what starts nothing, or cannot be sent", () => {
    const asked: string[] = [];
    const at = world({ takeSlot: (step) => void asked.push(step.action) });
    begin("ForceOff", at);
    begin("GracefulShutdown", at);
    begin("Nmi", at);
    expect(asked).toEqual([]);
    const away = begin("On", world({ takeSlot: at.takeSlot, envelope: () => undefined }));
    expect([outcome(away), asked]).toEqual(["waiting-for-agent", []]);
    const ready = advance(away, { kind: "agent-ready" }, at);
    expect([outcome(ready), asked]).toEqual(["acting", ["On"]]);
    const busy = advance(away, { kind: "agent-ready" }, world(full));
    expect(outcome(busy)).toBe("waiting-for-slot");
  });

  it("waits for its agent when that went away before the slot was granted", () => {
    const waiting = begin("PowerCycle", world(full));
    const away = advance(waiting, { kind: "slot-granted" }, world({ envelope: () => undefined }));
    expect(outcome(away)).toBe("waiting-for-agent");
  });

  it("fails when its wait is over, saying what it waited for and that nothing was done", () => {
    const failed = advance(begin("On", world(full)), { kind: "limit-reached" }, world());
    expect(outcome(failed)).toEqual(["Failed", "no-start-slot"]);
    const detail = failed.phase.kind === "done" ? failed.phase.outcome.detail : "";
    expect(detail).toContain("psu-a: 2 before it");
    expect(detail).toContain("nothing was done");
  });

  it("fails when its domain could never have room, unless it is owed", () => {
    const never: RunEvent = { kind: "never-fits", why: "n1 draws 30 W" };
    const patient: Run = { ...begin("On", world(full)), patience: "unlimited" };
    expect(outcome(advance(patient, never, world()))).toEqual(["Failed", "no-start-slot"]);
    const owed = haltedRun(world(full));
    expect(advance(owed, never, world())).toBe(owed);
  });

  it("asks for a slot again before each attempt of what is owed", () => {
    const at = world();
    const reviving = haltedRun(at);
    const pausing = advance(reviving, report(reviving, "Failed", "refused"), at);
    const waiting = advance(pausing, { kind: "limit-reached" }, world(full));
    expect(waiting.phase).toMatchObject({ kind: "waiting-for-slot", step: { owed: true } });
  });

  it("asks an agent that had no room again after a pause, where its patience has no end", () => {
    const impatient = begin("On", world());
    const refused = report(impatient, "Rejected", "no-start-slot");
    expect(outcome(advance(impatient, refused, world()))).toEqual(["Failed", "no-start-slot"]);
    const patient: Run = { ...impatient, patience: "unlimited" };
    const paused = advance(patient, refused, world());
    expect(paused.phase).toMatchObject({ kind: "pausing", pauseMs: 10_000 });
    const over: RunEvent = { kind: "limit-reached" };
    expect(outcome(advance(paused, over, world(full)))).toBe("waiting-for-slot");
    expect(outcome(advance(paused, over, world()))).toBe("acting");
    expect(isPreemptible(paused)).toBe(true);
    const canceled: RunEvent = { kind: "canceled", by: "person:bob", reasonCode: "aborted" };
    expect(outcome(advance(paused, canceled, world()))).toEqual(["Canceled", "aborted"]);
  });

  it("believes an agent that says the same three times, unless the start is owed", () => {
    const over: RunEvent = { kind: "limit-reached" };
    const turnedAway = (first: Run, detail: (time: number) => string, times: number): Run => {
      let run = first;
      for (let time = 1; time <= times; time++) {
        if (time > 1) run = advance(run, over, world());
        const said = report(run, "Rejected", "no-start-slot");
        if (said.kind !== "report") throw new Error("no report");
        run = advance(run, { ...said, report: { ...said.report, detail: detail(time) } }, world());
      }
      return run;
    };
    const patient: Run = { ...begin("On", world()), patience: "unlimited" };
    expect(outcome(turnedAway(patient, () => "1 of 1 W", 2))).toBe("pausing");
    expect(outcome(turnedAway(patient, () => "1 of 1 W", 3))).toEqual(["Failed", "no-start-slot"]);
    expect(outcome(turnedAway(patient, (time) => `in ${time} s`, 20))).toBe("pausing");
    const owed = turnedAway(haltedRun(world()), () => "1 of 1 W", 100);
    expect([outcome(owed), owed.attempt]).toEqual(["pausing", 1]);
  });

  it("is given up only while nothing was sent", () => {
    const canceled: RunEvent = { kind: "canceled", by: "person:bob", reasonCode: "aborted" };
    const given = advance(begin("On", world(full)), canceled, world());
    expect(outcome(given)).toEqual(["Canceled", "aborted"]);
    const away = begin("On", world({ envelope: () => undefined }));
    expect(outcome(advance(away, canceled, world()))).toEqual(["Canceled", "aborted"]);
    const acting = begin("On", world());
    expect(advance(acting, canceled, world())).toBe(acting);
    // Its host was shut down: to bring it back is owed.
    const owed = haltedRun(world(full));
    expect(outcome(owed)).toBe("waiting-for-slot");
    expect([advance(owed, canceled, world()), isPreemptible(owed)]).toEqual([owed, false]);
    expect(isPreemptible(begin("On", world(full)))).toBe(true);
  });

  it("is not begun once somebody else has the lock, but what is owed is", () => {
    const barred = (): { reasonCode: "locked"; detail: string } => ({
      reasonCode: "locked",
      detail: "bob holds it",
    });
    const waiting = begin("On", world(full));
    const lost = advance(waiting, { kind: "slot-granted" }, world({ barred }));
    expect(outcome(lost)).toEqual(["Failed", "locked"]);
    const owed = haltedRun(world(full));
    const revived = advance(owed, { kind: "slot-granted" }, world({ barred }));
    expect(outcome(revived)).toBe("acting");
  });
});
