import { DEFAULT_ALARMS, type AlarmRule } from "@outrider/contracts/telemetry-policy";
import type { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { described, EngineStage, policyOf } from "../testing/engine-stage.js";
import type { AlarmEngine } from "./alarm-engine.js";
import type { Finding, Place } from "./alarm.js";

describe("rules", () => {
  let stage: EngineStage;
  let clock: VirtualClock;
  let engine: AlarmEngine;
  let said: string[];
  let places: Place[];
  let findings: Finding[];
  beforeEach(() => {
    stage = new EngineStage();
    ({ clock, engine, said, places, findings } = stage);
  });
  const pass = (ms: number, every?: number): Promise<void> => stage.pass(ms, every);
  const temperature = (value: number): void =>
    engine.read("n1", "soc", { values: { temperatureCelsius: value } });

  it("of the product know when a processor is too hot, for how long, and when it has cooled", async () => {
    temperature(76);
    await pass(9000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Warning node:n1 soc-temperature-soc"]);
    expect(findings[0]).toMatchObject({
      value: 76,
      limit: 75,
      unit: "°C",
      message: "temperature of soc is 76 °C; its upper warning limit is 75 °C",
    });
    expect(places[0]).toEqual({ nodes: ["n1"], agent: "rack-a" });
    temperature(90);
    await pass(10_000);
    temperature(83);
    temperature(71);
    expect(said.slice(1)).toEqual([
      "Critical node:n1 soc-temperature-soc",
      "over node:n1 soc-temperature-soc",
    ]);
  });

  it("say each minute how it is by now, which is no news", async () => {
    temperature(76);
    await pass(10_000);
    temperature(78);
    await pass(49_000);
    expect(stage.reworded).toEqual([]);
    await pass(1000);
    expect(stage.reworded).toEqual([
      "soc-temperature-soc: temperature of soc is 78 °C; its upper warning limit is 75 °C",
    ]);
    await pass(120_000);
    expect(stage.reworded).toHaveLength(1);
    expect(said).toEqual(["Warning node:n1 soc-temperature-soc"]);
  });

  it("say what an alarm of before a restart is by now, and of a former loss nothing", async () => {
    const anew = stage.another();
    anew.restore([
      { subject: "node:n1", id: "soc-temperature-soc", severity: "Critical" },
      { subject: "service:telemetry", id: "readings-lost", severity: "Critical" },
    ]);
    anew.govern(policyOf());
    anew.describe("n1", described());
    const health = { spooledPoints: 0, spooledBytes: 0, series: 0 };
    anew.store({ ...health, state: "ok", droppedPoints: 0, refusedPoints: 0 });
    await clock.advance(60_000);
    anew.tick();
    expect(stage.reworded).toEqual([]);
    anew.read("n1", "soc", { values: { temperatureCelsius: 91 } });
    anew.store({ ...health, state: "ok", droppedPoints: 5, refusedPoints: 0 });
    await clock.advance(60_000);
    anew.tick();
    expect(stage.reworded.map((one) => one.split(";")[0])).toEqual([
      "soc-temperature-soc: temperature of soc is 91 °C",
      "readings-lost: what is measured is lost, points so far: 5 because the spool was full or the database refused them for good",
    ]);
    expect(said).toEqual([]);
  });

  it("of a driver look at sensors of others not at all", async () => {
    engine.describe("n1", described({ soc: "hwmon" }));
    temperature(120);
    await pass(60_000);
    expect(findings).toEqual([]);
  });

  it("say of a Raspberry Pi and of disks what their flags say", () => {
    engine.read("n1", "soc", { values: { underVoltage: 1, diskHealthy: 0 } });
    expect(findings.map(({ message }) => message)).toEqual([
      "under voltage of soc is yes",
      "disk healthy of soc is no",
    ]);
    engine.read("n1", "soc", { values: { underVoltage: 0, diskHealthy: 1 } });
    expect(said.slice(2)).toHaveLength(2);
  });

  it("say that readings are missing, with the reason, and not of what is off", async () => {
    temperature(50);
    engine.read("n1", "soc", { absent: { temperatureCelsius: "TimedOut" } });
    await pass(299_000, 10_000);
    expect(said).toEqual([]);
    await pass(5000);
    expect(said).toEqual(["Warning node:n1 readings-missing-soc"]);
    expect(findings[0]?.message).toBe("no reading of soc since 2026-01-01T00:00:00.000Z: TimedOut");
    clock.stepCalendar(3_600_000);
    engine.describe("n1", described());
    await pass(600_000, 10_000);
    expect(stage.reworded).toEqual([]);
    engine.read("n1", "soc", { absent: { temperatureCelsius: "DeviceOff" } });
    expect(said.slice(1)).toEqual(["over node:n1 readings-missing-soc"]);
    engine.power("n1", { supply: "Off", host: "Unknown" });
    await pass(900_000, 10_000);
    expect(said).toHaveLength(2);
    engine.power("n1", { supply: "On", host: "Running" });
    await pass(290_000, 10_000);
    expect(said).toHaveLength(2);
    await pass(20_000, 10_000);
    expect(said).toHaveLength(3);
  });

  it("keep over a restart since when readings are missing", async () => {
    const anew = stage.another();
    const message = "no reading of soc since 2025-12-31T15:00:00.000Z: TimedOut";
    anew.restore([
      { subject: "node:n1", id: "readings-missing-soc", severity: "Warning", message },
    ]);
    anew.govern(policyOf());
    anew.describe("n1", described());
    for (let at = 0; at < 600; at += 5) {
      anew.read("n1", "soc", { absent: { temperatureCelsius: "NoReading" } });
      await clock.advance(5000);
      anew.tick();
    }
    expect([...said, ...stage.reworded]).toEqual([]);
    const rule = DEFAULT_ALARMS["readings-missing"];
    anew.govern(policyOf({ "readings-missing": { ...rule, severity: "Critical" } }));
    await clock.advance(5000);
    anew.tick();
    expect(findings).toMatchObject([{ severity: "Critical", message }]);
    anew.read("n1", "soc", { values: { temperatureCelsius: 50 } });
    expect(said.at(-1)).toBe("over node:n1 readings-missing-soc");
    await clock.advance(300_000);
    anew.tick();
    expect(findings.at(-1)?.message).toContain("since 2026-01-01T00:10:05.000Z");
  });

  it("miss readings that never came although the node is described again and again", async () => {
    for (let at = 0; at < 300; at += 60) {
      engine.describe("n1", described());
      await pass(60_000, 5000);
    }
    expect(findings.map(({ id, message }) => `${id}: ${message}`)).toEqual([
      "readings-missing-soc: no reading of soc since 2026-01-01T00:00:00.000Z",
    ]);
    // Who asks for the first time waits as long as the others did.
    const rule = { ...DEFAULT_ALARMS["readings-missing"], quantity: "powerWatts" } as const;
    engine.govern(policyOf({ unpowered: rule }));
    await pass(290_000, 5000);
    expect(said).toHaveLength(1);
    await pass(10_000, 5000);
    expect(said).toHaveLength(2);
  });

  it("keep an alarm while nobody can look, and let it go where there is nothing any more", async () => {
    temperature(90);
    await pass(10_000);
    engine.expired("n1", "soc");
    engine.read("n1", "soc", { absent: { temperatureCelsius: "NoReading" } });
    expect(said).toEqual(["Critical node:n1 soc-temperature-soc"]);
    engine.read("n1", "soc", { absent: { temperatureCelsius: "DeviceOff" } });
    expect(said.slice(1)).toEqual(["over node:n1 soc-temperature-soc"]);
  });

  it("take silence for wrong only while there is supply and the host has not halted", async () => {
    engine.power("n1", { supply: "On", host: "Running" });
    engine.liveness("n1", "Silent");
    await pass(59_000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Critical node:n1 silent"]);
    engine.liveness("n1", "Unknown");
    expect(said).toHaveLength(1);
    engine.power("n1", { supply: "Off", host: "Unknown" });
    expect(said.slice(1)).toEqual(["over node:n1 silent"]);
    engine.liveness("n1", "Silent");
    engine.power("n1", { supply: "On", host: "Halted" });
    await pass(120_000, 5000);
    expect(said).toHaveLength(2);
  });

  it("take silence for wrong also where nobody knows of the supply, as when a switch that gives it has died", async () => {
    engine.power("n1", { supply: "On", host: "Running" });
    engine.power("n1", { supply: "Unknown", host: "Unknown", fault: undefined });
    engine.liveness("n1", "Silent");
    await pass(59_000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Critical node:n1 silent"]);
    expect(findings[0]?.message).toBe(
      "no sign of life for 60 s, and it is not known whether it has supply; look at what gives it",
    );
    engine.liveness("n1", "Alive");
    expect(said.slice(1)).toEqual(["over node:n1 silent"]);
  });

  it("give what is heard after a start a minute before silence without a known supply counts", async () => {
    engine.govern(policyOf({ silent: { ...DEFAULT_ALARMS.silent, forMs: 0 } }));
    engine.liveness("n1", "Silent");
    await pass(30_000);
    engine.power("n1", { supply: "Off", host: "Unknown" });
    await pass(120_000, 5000);
    expect(said).toEqual([]);
  });

  it.each([
    { supply: "Off", host: "Unknown" },
    { supply: "On", host: "Halted" },
  ] as const)("expect silence of what was down when it was known last: %o", async (down) => {
    engine.power("n1", down);
    engine.liveness("n1", "Silent");
    engine.power("n1", { supply: "Unknown", host: "Unknown" });
    await pass(120_000, 5000);
    expect(said).toEqual([]);
    engine.power("n1", { supply: "On", host: "Unknown" });
    await pass(60_000);
    expect(said).toEqual(["Critical node:n1 silent"]);
  });

  it("pass on a fault of power", () => {
    engine.power("n1", { supply: "Off", host: "Unknown", fault: "three attempts" });
    expect(findings[0]).toMatchObject({
      id: "power-fault",
      kind: "fault",
      message: "power-on attempts are exhausted: three attempts",
    });
    engine.power("n1", { supply: "On", host: "Unknown" });
    expect(said.at(-1)).toBe("over node:n1 power-fault");
  });

  it("of rates see how fast it gets hotter", async () => {
    const heating: AlarmRule = {
      kind: "rate",
      quantity: "temperatureCelsius",
      upper: { warning: 3 },
      per: "minute",
      overMs: 120_000,
      hysteresis: 0,
      forMs: 0,
    };
    engine.govern(policyOf({ heating }));
    for (let at = 0; at <= 120; at += 10) {
      temperature(20 + at / 15);
      await pass(10_000);
    }
    expect(said).toEqual(["Warning node:n1 heating-soc"]);
    expect(findings[0]).toMatchObject({ unit: "°C/minute", limit: 3 });
    expect(findings[0]?.message).toBe(
      "temperature of soc rises by 4 °C in a minute; its upper warning limit is 3 °C",
    );
  });

  it("of rates see it also while the node is described again and again", async () => {
    const heating: AlarmRule = {
      kind: "rate",
      quantity: "temperatureCelsius",
      upper: { warning: 3 },
      per: "minute",
      overMs: 120_000,
      hysteresis: 0,
      forMs: 0,
    };
    const startMs = clock.monotonicMs();
    const heat = async (rule: AlarmRule): Promise<void> => {
      for (let at = 0; at <= 50; at += 10) {
        engine.describe("n1", described());
        engine.govern(policyOf({ heating: { ...rule, forMs: at } }));
        temperature(20 + (clock.monotonicMs() - startMs) / 15_000);
        await pass(10_000);
      }
    };
    await heat(heating);
    expect(said).toEqual([]);
    await heat(heating);
    expect(said).toEqual(["Warning node:n1 heating-soc"]);
    // What was seen is of no use to a rule that looks at another span.
    await heat({ ...heating, overMs: 130_000, upper: { critical: 1 } });
    expect(said).toHaveLength(1);
  });

  it("that are changed or gone take their alarms with them, and no other", async () => {
    temperature(90);
    await pass(10_000);
    const { "soc-temperature": rule } = DEFAULT_ALARMS;
    engine.govern(policyOf({ "soc-temperature": { ...rule, upper: { critical: 89 } } }));
    temperature(89.5);
    expect(said).toHaveLength(1);
    engine.govern(policyOf({ "soc-temperature": { ...rule, sensor: "other" } }));
    expect(said.slice(1)).toContain("over node:n1 soc-temperature-soc: its rule is gone");
    said.length = 0;
    engine.forget("n1");
    expect(said.every((one) => one.endsWith("the node is gone"))).toBe(true);
  });

  it("go on after a restart where they were, and let go of what can never end", async () => {
    const anew = stage.another();
    anew.restore([
      { subject: "node:n1", id: "soc-temperature-soc", severity: "Critical" },
      { subject: "node:n1", id: "readings-missing-soc", severity: "Warning" },
      { subject: "node:n1", id: "soc-temperature-gone", severity: "Critical" },
      { subject: "node:n2", id: "silent", severity: "Critical" },
      { subject: "agent:rack-a", id: "agent-clock", severity: "Warning" },
      { subject: "agent:rack-a", id: "no-rule", severity: "Warning" },
    ]);
    anew.govern(policyOf());
    anew.describe("n1", described());
    expect(said).toEqual([
      "over agent:rack-a no-rule: its rule or its sensor is gone",
      "over node:n1 soc-temperature-gone: its rule or its sensor is gone",
    ]);
    await clock.advance(5000);
    anew.tick();
    expect(said).toHaveLength(2);
    anew.read("n1", "soc", { values: { temperatureCelsius: 84 } });
    expect(said.slice(2)).toEqual(["over node:n1 readings-missing-soc"]);
    anew.forget("n2");
    expect(said.at(-1)).toBe("over node:n2 silent: the node is gone");
  });
});
