import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "@outrider/testing/eventually";
import { TelemetryStage, voltageOf } from "./testing/telemetry-stage.js";

let stage: TelemetryStage;

beforeAll(async () => {
  stage = await TelemetryStage.start(["n1", "n2"]);
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe("what an agent reads", () => {
  it("comes out of the store with its own time, and is told", async () => {
    const atMs = Date.now() - 400;
    await stage.deliver({
      spool: "s1",
      oldest: 1,
      seq: 1,
      readings: [voltageOf("n1", 5.08, atMs, 400)],
    });
    expect(await stage.stored("n1", atMs - 1000, atMs + 1000)).toEqual([[atMs, 5.08]]);
    await eventually("it is told", () => stage.telemetry.some(({ node }) => node === "n1"));
    expect(stage.telemetry[0]?.payload).toEqual({
      at: new Date(atMs).toISOString(),
      supply: { voltageVolts: 5.08 },
    });
    expect(await stage.latest("n1")).toMatchObject({
      sensors: [{ sensor: "supply", at: new Date(atMs).toISOString(), values: [{ value: 5.08 }] }],
    });
  });
});
