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

  it("is refused when its agent is in no site: inventory has been there for a minute and says nothing of it", async () => {
    stage.inventoryIs("ready");
    await stage.clock.advance(LONG);
    // It may have come a moment ago, and inventory may be about to say so.
    await stage.sends("rack-a", "n1");
    await stage.clock.advance(milliseconds(59_000));
    await stage.sends("rack-a", "n1");
    expect([stage.acks, stage.refused]).toEqual([[], []]);
    await stage.clock.advance(milliseconds(1000));
    await stage.sends("rack-a", "n1");
    await stage.sends("rack-a", "n1", { seq: 2 });
    expect([stage.acks, stage.stored]).toEqual([["rack-a 1", "rack-a 2"], []]);
    expect(stage.refused).toEqual(["not-declared", "not-declared"]);
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n1", { seq: 3 });
    expect(stage.stored).toHaveLength(1);
  });

  it("is kept as long as inventory is not there to say what its agent is", async () => {
    await stage.sends("rack-a", "n1");
    stage.inventoryIs("ready");
    await stage.clock.advance(milliseconds(50_000));
    stage.inventoryIs("lost");
    await stage.clock.advance(LONG);
    await stage.sends("rack-a", "n1");
    stage.inventoryIs("ready");
    await stage.sends("rack-a", "n1");
    stage.disconnect();
    await stage.clock.advance(LONG);
    await stage.sends("rack-a", "n1");
    expect([stage.acks, stage.refused]).toEqual([[], []]);
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
