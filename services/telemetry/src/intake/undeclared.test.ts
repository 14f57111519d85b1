import { milliseconds } from "@outrider/contracts/clock";
import { beforeEach, describe, expect, it } from "vitest";
import { IntakeStage } from "../testing/intake-stage.js";

const LONG = milliseconds(60_000);

describe("a reading of an endpoint that is not declared", () => {
  let stage: IntakeStage;
  beforeEach(() => {
    stage = new IntakeStage();
  });

  it("is kept by its agent until it has been heard what that agent is to be, however long that takes", async () => {
    stage.desires("rack-b", "n9");
    for (let at = 0; at < 5; at++) {
      await stage.sends("rack-a", "n1");
      await stage.clock.advance(LONG);
    }
    expect([stage.acks, stage.refused]).toEqual([[], []]);
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n1");
    expect(stage.acks).toEqual(["rack-a 1"]);
    expect(stage.stored).toHaveLength(1);
  });

  it("is kept while what its agent is to be now may still be on its way to us", async () => {
    stage.desires("rack-a", "n1");
    await stage.clock.advance(LONG);
    await stage.sends("rack-a", "n2");
    await stage.clock.advance(milliseconds(4000));
    await stage.sends("rack-a", "n2");
    expect([stage.acks, stage.refused]).toEqual([[], []]);
    stage.desires("rack-a", "n1", "n2");
    await stage.sends("rack-a", "n2");
    expect(stage.stored).toHaveLength(1);
  });

  it("is refused, and its agent need not keep it, when that agent does not have it", async () => {
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n2");
    await stage.clock.advance(milliseconds(5000));
    await stage.sends("rack-a", "n2");
    expect([stage.acks, stage.refused]).toEqual([["rack-a 1"], ["not-declared"]]);
    expect(stage.stored).toEqual([]);
  });

  it("is kept again when the connection was lost meanwhile", async () => {
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n2");
    stage.disconnect();
    await stage.clock.advance(LONG);
    await stage.sends("rack-a", "n2");
    expect([stage.acks, stage.refused]).toEqual([[], []]);
  });
});
