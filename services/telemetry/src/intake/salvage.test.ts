import { MAX_DEPTH } from "@outrider/contracts/codec";
import { endpointId, nodeId } from "@outrider/contracts/ids";
import { readJson } from "@outrider/contracts/json-text";
import type { AgentReadings } from "@outrider/contracts/reading-report";
import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { IntakeStage } from "../testing/intake-stage.js";
import type { DroppedReadings } from "../telemetry-listener.js";
import { salvage } from "./salvage.js";

const REFUSAL = { field: "readings.1.problem", message: "must be text" };

describe("a batch that cannot be read", () => {
  let stage: IntakeStage;
  let lost: (DroppedReadings & { agent: string })[];
  beforeEach(() => {
    stage = new IntakeStage();
    lost = [];
    stage.listeners.add({
      readingsLost: (agent, told) => void lost.push({ agent, ...told }),
    });
    stage.desires("rack-a", "n1");
  });

  const reading = (volts: number, agoMs: number, more: object = {}): object => ({
    endpoint: endpointId("n1", "sensor", "supply"),
    node: nodeId("n1"),
    at: new Date(stage.clock.now().getTime() - agoMs).toISOString(),
    ageMs: agoMs,
    values: { voltageVolts: volts },
    ...more,
  });
  const batch = (seq: number, readings: readonly unknown[], more: object = {}): Buffer => {
    const at = stage.clock.now().toISOString();
    const head: Omit<AgentReadings, "readings"> = {
      v: 1,
      epoch: "e",
      seq,
      spool: "s",
      oldest: 1,
      at,
    };
    return Buffer.from(JSON.stringify({ ...head, ...more, readings }));
  };
  const volts = (): unknown[] => stage.stored.map(({ fields }) => fields["voltageVolts"]);

  it("does not hold up those behind it: what can be read of it is stored, the rest is told as lost", async () => {
    await stage.sends("rack-a", "n1", { seq: 1 });
    const bad = reading(7, 2000, { problem: 5 });
    await stage.sendsBytes("rack-a", batch(2, [reading(6, 3000), bad, reading(8, 1000)]));
    await stage.sends("rack-a", "n1", { seq: 3 });
    expect(stage.acks).toEqual(["rack-a 1", "rack-a 2", "rack-a 3"]);
    expect(volts()).toEqual([5, 6, 8, 5]);
    const at = (bad as { at: string }).at;
    expect(lost).toEqual([
      {
        agent: "rack-a",
        readings: 1,
        since: at,
        until: at,
        why: expect.stringMatching(/cannot be read \(.*problem.*another release/),
      },
    ]);
    // Sent again, it is stored already, and not lost twice.
    await stage.sendsBytes("rack-a", batch(2, [bad]));
    expect(lost).toHaveLength(1);
    expect(stage.stored).toHaveLength(4);
  });

  it.each([
    ["says that nothing was dropped", { readings: 0, since: "x", until: "x" }, []],
    ["says of what was dropped something else", ["later"], []],
    ["does not say when something was dropped", { readings: 7, since: 5 }, [{ readings: 7 }]],
  ])("loses none of its readings where it %s", async (_, dropped, told) => {
    const readings = [reading(6, 3000), reading(8, 1000)];
    await stage.sendsBytes("rack-a", batch(1, readings, { dropped }));
    expect(stage.acks).toEqual(["rack-a 1"]);
    expect(volts()).toEqual([6, 8]);
    expect(lost).toMatchObject(told);
    expect(lost).toHaveLength(told.length);
  });

  it.each([
    [
      "has too many readings",
      () =>
        batch(
          1,
          Array.from({ length: 1200 }, () => 0),
        ),
      1200,
    ],
    ["has readings that are none", () => batch(1, [null, [], "x"]), 3],
    ["has no list of them", () => Buffer.from(batch(1, []).toString().replace("[]", "{}")), 1],
    ["has no time", () => batch(1, [reading(9, 0)], { at: "yesterday" }), 1],
    ["ends in the middle", () => batch(1, [reading(9, 0)]).subarray(0, -20), 1],
    ["is too large", () => Buffer.concat([batch(1, []), Buffer.alloc(1_048_576, 32)]), 1],
    [
      "names a property twice",
      () => Buffer.from(`{"seq":1,${batch(1, []).toString().slice(1)}`),
      1,
    ],
  ])("is acknowledged and told where it %s (P19)", async (_, made, count) => {
    await stage.sendsBytes("rack-a", made());
    await stage.sends("rack-a", "n1", { seq: 2 });
    expect(stage.acks).toEqual(["rack-a 1", "rack-a 2"]);
    expect(lost).toMatchObject([{ readings: count }]);
    expect(volts()).toEqual([5]);
  });

  it("changes nothing where it does not say which batch it is, or one before it is missing", async () => {
    await stage.sendsBytes("rack-a", Buffer.from("nonsense"));
    await stage.sendsBytes("rack-a", batch(-1, []));
    await stage.sendsBytes("rack-a", batch(1, [], { spool: {} }));
    await stage.sendsBytes("rack-a", Buffer.from(`{"__proto__": {"seq": 1}}`));
    await stage.sends("rack-a", "n1", { seq: 1 });
    await stage.sendsBytes("rack-a", batch(3, [0]));
    expect(stage.acks).toEqual(["rack-a 1"]);
    expect(lost).toEqual([]);
  });

  it("is whatever it is, and never more than what it says", () => {
    const now = new Date().toISOString();
    const whole = { ...reading(5, 0), at: now };
    const readings = fc.array(fc.oneof(fc.constant(whole), fc.jsonValue()), { maxLength: 5 });
    const said = fc.oneof(fc.record({ readings: fc.integer() }), fc.jsonValue());
    const nasty = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ seq: fc.jsonValue(), spool: fc.jsonValue(), readings: fc.jsonValue() })
        .map((more) => Buffer.from(JSON.stringify({ v: 1, epoch: "e", at: now, ...more }))),
      fc
        .record({ readings, dropped: said })
        .map((more) =>
          Buffer.from(JSON.stringify({ v: 1, epoch: "e", seq: 1, spool: "s", at: now, ...more })),
        ),
    );
    fc.assert(
      fc.property(nasty, (bytes) => {
        const found = salvage(bytes, REFUSAL, now);
        if (!found) return;
        const { batch: kept, lost: told } = found;
        expect(kept.readings.length).toBeLessThanOrEqual(1000);
        const { list, dropped } = beside(bytes);
        // Of what is none nobody knows how many were meant.
        const missing = list === undefined ? 1 : list.length - kept.readings.length;
        const count = missing + (kept.dropped ? 0 : dropped);
        expect(told?.readings ?? 0).toBe(count);
        if (!told) return;
        expect(Date.parse(told.since)).toBeLessThanOrEqual(Date.parse(told.until));
      }),
      { numRuns: 500 },
    );
  });
});

/** The readings in a message, where they are a list, whatever is in it, and how many it says were dropped before. */
function beside(bytes: Uint8Array): { readonly list?: unknown[]; readonly dropped: number } {
  const read = readJson(Buffer.from(bytes).toString("utf8"), MAX_DEPTH);
  if ("problem" in read) return { dropped: 0 };
  const body = read.value as { readonly readings?: unknown; readonly dropped?: unknown } | null;
  const count = (body?.dropped as { readonly readings?: unknown } | null | undefined)?.readings;
  return {
    ...(Array.isArray(body?.readings) ? { list: body.readings } : {}),
    dropped: Number.isSafeInteger(count) && Number(count) > 0 ? Number(count) : 0,
  };
}
