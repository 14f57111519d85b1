import type { ConsoleStageState } from "@outrider/contracts/console";
import { beforeEach, describe, expect, it } from "vitest";
import { described, EngineStage, policyOf } from "../testing/engine-stage.js";
import type { NodePower } from "./node-watches.js";

const PROBLEM = "The host panicked.";
const at = (minute: number): string => `2026-01-01T00:0${minute}:00.000Z`;
const RUNS: NodePower = {
  supply: "On",
  supplySince: at(1),
  host: "Running",
  hostEvidence: "ReadBack",
};
const PANICKED: NodePower = { ...RUNS, host: "Halted", problem: PROBLEM };
/** As of a port that can be switched and tells nothing of the host. */
const BLIND: NodePower = { supply: "On", supplySince: at(1), host: "Unknown" };

describe("a machine that has panicked", () => {
  let stage: EngineStage;
  let engine: EngineStage["engine"];
  let said: string[];
  beforeEach(() => {
    stage = new EngineStage();
    ({ engine, said } = stage);
  });
  const shows = (value: ConsoleStageState["value"], minute: number): void =>
    engine.stage("n1", { value, since: at(minute) });

  it("is an alarm as soon as its device says so, and its silence is expected by nobody", async () => {
    engine.power("n1", RUNS);
    engine.liveness("n1", "Alive");
    engine.power("n1", PANICKED);
    expect(said).toEqual(["Critical node:n1 panic"]);
    expect(stage.findings[0]).toMatchObject({
      kind: "fault",
      message: "it has died and does nothing until it is restarted: The host panicked.",
    });
    engine.liveness("n1", "Silent");
    await stage.pass(60_000, 5000);
    expect(said.slice(1)).toEqual(["Critical node:n1 silent"]);
    // What gives its supply is away and comes back: it is still what it was.
    engine.power("n1", { supply: "Unknown", host: "Unknown" });
    await stage.pass(70_000, 5000);
    engine.power("n1", PANICKED);
    await stage.pass(70_000, 5000);
    expect(said).toHaveLength(2);
    engine.power("n1", RUNS);
    engine.liveness("n1", "Alive");
    expect(said.slice(2)).toEqual(["over node:n1 panic", "over node:n1 silent"]);
  });

  it("is one where its console says so and nothing else can, until that shows a new start", () => {
    engine.power("n1", BLIND);
    shows("login", 2);
    expect(said).toEqual([]);
    shows("panic", 3);
    shows("panic", 3);
    expect(said).toEqual(["Critical node:n1 panic"]);
    expect(stage.findings[0]?.message).toContain("its console shows a kernel panic");
    engine.power("n1", { ...BLIND, supply: "Unknown" });
    expect(said).toHaveLength(1);
    shows("firmware", 4);
    expect(said.slice(1)).toEqual(["over node:n1 panic"]);
  });

  it.each<[string, (engine: EngineStage["engine"]) => void]>([
    ["is off", (one) => one.power("n1", { supply: "Off", host: "Unknown" })],
    ["was cycled", (one) => one.power("n1", { ...BLIND, supplySince: at(4) })],
    [
      "gives signs of life again",
      (one) => {
        one.liveness("n1", "Silent");
        one.liveness("n1", "Alive");
      },
    ],
    ["has no console any more, by which it was known", (one) => one.stage("n1", undefined)],
  ])("is none any more when it %s, whatever its console showed last", (_, happens) => {
    engine.power("n1", BLIND);
    shows("panic", 3);
    happens(engine);
    expect(said).toEqual(["Critical node:n1 panic", "over node:n1 panic"]);
    // Nor by what is known less of it afterwards.
    engine.power("n1", { supply: "Unknown", host: "Unknown" });
    expect(said).toHaveLength(2);
  });

  it("is told from one that was halted", async () => {
    engine.power("n1", { ...PANICKED, problem: undefined });
    engine.liveness("n1", "Silent");
    await stage.pass(120_000, 5000);
    engine.power("n1", { ...PANICKED, hostEvidence: "Console", problem: "the port is failed" });
    await stage.pass(120_000, 5000);
    expect(said).toEqual([]);
  });

  it("is still one after a restart, and is let go of once something else is known", () => {
    const anew = stage.another();
    anew.restore([{ subject: "node:n1", id: "panic", severity: "Critical", message: "m" }]);
    anew.govern(policyOf());
    anew.describe("n1", described());
    anew.liveness("n1", "Silent");
    anew.power("n1", BLIND);
    anew.stage("n1", { value: "panic", since: at(3) });
    expect(said).toEqual([]);
    anew.power("n1", RUNS);
    anew.stage("n1", { value: "login", since: at(4) });
    expect(said).toEqual(["over node:n1 panic"]);
  });
});
