import { milliseconds } from "@outrider/contracts/clock";
import { describe, expect, it } from "vitest";
import { IntakeStage } from "../testing/intake-stage.js";

const SECOND = milliseconds(1000);

describe("an agent whose calendar was set back by some seconds", () => {
  it("has nothing stored at a wrong time while that may as well be a slow message", async () => {
    const stage = new IntakeStage();
    stage.desires("rack-a", "n1");
    const taken: number[] = [];
    for (let seq = 1; seq <= 20; seq++) {
      const aheadMs = seq <= 3 ? 0 : -20_000;
      taken.push(stage.clock.now().getTime());
      // As an agent does: what is not acknowledged is sent again.
      const acked = Number(stage.acks.at(-1)?.split(" ")[1] ?? 0);
      await stage.sends("rack-a", "n1", { seq: acked + 1, aheadMs });
      await stage.clock.advance(SECOND);
    }
    const times = stage.stored.map(({ atMs }) => atMs);
    expect(times.length).toBeGreaterThan(8);
    expect(times.filter((atMs) => !taken.includes(atMs))).toEqual([]);
  });

  it("goes on where it was when it was a slow message", async () => {
    const stage = new IntakeStage();
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n1", { seq: 1 });
    await stage.sends("rack-a", "n1", { seq: 2, aheadMs: -5000 });
    expect(stage.acks).toEqual(["rack-a 1"]);
    await stage.clock.advance(SECOND);
    await stage.sends("rack-a", "n1", { seq: 2 });
    expect(stage.acks).toEqual(["rack-a 1", "rack-a 2"]);
  });
});
