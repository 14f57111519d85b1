import { DEFAULT_ALARMS } from "@outrider/contracts/telemetry-policy";
import { beforeEach, describe, expect, it } from "vitest";
import { described, EngineStage, policyOf } from "../testing/engine-stage.js";
import type { NodePower } from "./node-watches.js";

const PROBLEM = "The switch at 10.0.0.2 did not answer.";
const ON: NodePower = { supply: "On", host: "Running" };
const UNKNOWN: NodePower = { supply: "Unknown", host: "Unknown", problem: PROBLEM };

let stage: EngineStage;
let engine: EngineStage["engine"];
let said: string[];
beforeEach(() => {
  stage = new EngineStage();
  ({ engine, said } = stage);
});

describe("a supply of which nothing is known", () => {
  beforeEach(() => {
    // Its sensors are somebody else's.
    engine.describe("n1", described({}));
    said.length = 0;
    engine.agentThere("rack-a", true);
    engine.power("n1", ON);
  });

  it("is an alarm after two minutes, in its device's words, until it is known", async () => {
    engine.power("n1", UNKNOWN);
    await stage.pass(119_000);
    expect(said).toEqual([]);
    await stage.pass(1000);
    expect(said).toEqual(["Warning node:n1 supply-unknown"]);
    expect(stage.findings[0]).toMatchObject({
      kind: "fault",
      message: `it is not known for 2 min whether it has supply: ${PROBLEM}`,
    });
    expect(stage.places[0]).toEqual({ nodes: ["n1"], agent: "rack-a" });
    engine.power("n1", { supply: "Off", host: "Unknown" });
    expect(said.slice(1)).toEqual(["over node:n1 supply-unknown"]);
  });

  it("is none while its agent, the power service or the broker is away, and begins anew afterwards", async () => {
    for (const [leave, come] of [
      [() => engine.agentThere("rack-a", false), () => engine.agentThere("rack-a", true)],
      [() => engine.serviceThere("power", false), () => engine.serviceThere("power", true)],
      [() => engine.disconnected(), () => engine.agentThere("rack-a", true)],
    ] as const) {
      engine.power("n1", UNKNOWN);
      await stage.pass(100_000, 5000);
      leave();
      await stage.pass(600_000, 5000);
      come();
      await stage.pass(100_000, 5000);
      engine.power("n1", ON);
    }
    expect(said.filter((one) => one.includes("supply-unknown"))).toEqual([]);
  });

  it("is none of a node that has none, or not any more", async () => {
    const { interfaces, ...rest } = described({});
    const { heartbeat = [] } = interfaces;
    engine.power("n1", UNKNOWN);
    await stage.pass(120_000, 5000);
    engine.describe("n1", { ...rest, interfaces: { heartbeat } });
    expect(said).toEqual(["Warning node:n1 supply-unknown", "over node:n1 supply-unknown"]);
  });
});

describe("a service that is away", () => {
  it("is an alarm after a minute where it was heard once, with what is not there without it", async () => {
    engine.serviceThere("power", true);
    engine.serviceThere("power", false);
    await stage.pass(59_000);
    engine.serviceThere("power", false);
    expect(said).toEqual([]);
    await stage.pass(1000);
    expect(said).toEqual(["Critical service:power service-away"]);
    expect(stage.findings[0]).toMatchObject({
      kind: "silent",
      message:
        "not there for 60 s: nothing can be switched, and no supply is known; look at its process, its host and its log",
    });
    expect(stage.places[0]).toEqual({ nodes: [] });
    engine.serviceThere("power", true);
    expect(said.slice(1)).toEqual(["over service:power service-away"]);
  });

  it("has a minute to be heard after the broker was away, and is missed where it is not", async () => {
    const rule = { ...DEFAULT_ALARMS["service-away"], forMs: 0 };
    engine.govern(policyOf({ "service-away": rule }));
    engine.serviceThere("power", true);
    engine.serviceThere("console", true);
    engine.disconnected();
    await stage.pass(600_000, 5000);
    engine.connected();
    await stage.pass(30_000);
    engine.serviceThere("console", true);
    await stage.pass(29_000);
    expect(said.filter((one) => one.includes("service:"))).toEqual([]);
    await stage.pass(1000);
    expect(said.filter((one) => one.includes("service:"))).toEqual([
      "Critical service:power service-away",
    ]);
  });

  it("is said in place of what nobody can know without it", async () => {
    engine.liveness("n1", "Silent");
    engine.serviceThere("power", true);
    engine.serviceThere("power", false);
    await stage.pass(60_000);
    expect(stage.findings.find(({ id }) => id === "silent")?.message).toBe(
      "no sign of life for 60 s, and the power service, which would know whether it has supply, is away",
    );
  });

  it("is still one after a restart; what a site may do without and is not heard any more is let go of", async () => {
    const anew = stage.another();
    const severity = "Critical";
    anew.restore([
      { subject: "service:power", id: "service-away", severity },
      { subject: "service:console", id: "service-away", severity },
      { subject: "service:home-assistant", id: "service-away", severity },
    ]);
    anew.govern(policyOf());
    anew.inventorySpeaks();
    anew.connected();
    anew.serviceThere("console", true);
    await stage.clock.advance(60_000);
    anew.tick();
    expect(said).toEqual([
      "over service:console service-away",
      "over service:home-assistant service-away: the service has not been heard since the telemetry service started",
    ]);
  });
});
