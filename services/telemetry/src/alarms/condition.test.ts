import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CALM,
  held,
  isPending,
  measured,
  restored,
  severityOf,
  unknown,
  waited,
  type Condition,
} from "./condition.js";

const RULE = {
  upper: { warning: 70, critical: 80 },
  lower: { warning: 10, critical: 0 },
  hysteresis: 5,
  forMs: 1000,
};

/** Values one after another, each some time after the one before. */
const course = fc.array(
  fc.record({
    value: fc.integer({ min: -20, max: 100 }),
    afterMs: fc.integer({ min: 1, max: 900 }),
  }),
  { minLength: 1, maxLength: 60 },
);
const delay = fc.integer({ min: 0, max: 3000 });
const hysteresis = fc.integer({ min: 0, max: 20 });

interface Step {
  readonly value: number;
  readonly nowMs: number;
  readonly condition: Condition;
}

function run(
  values: readonly { readonly value: number; readonly afterMs: number }[],
  rule: typeof RULE,
): Step[] {
  let condition = CALM;
  let nowMs = 0;
  return values.map(({ value, afterMs }) => {
    nowMs += afterMs;
    condition = measured(condition, rule, value, nowMs);
    return { value, nowMs, condition };
  });
}

const isBeyond = (value: number): boolean =>
  value >= RULE.upper.warning || value <= RULE.lower.warning;
const isBack = (value: number, by: number): boolean =>
  value < RULE.upper.warning - by && value > RULE.lower.warning + by;

describe("whether an alarm is due", () => {
  it("is never before a value has been beyond a limit, without coming back, for the whole delay", () => {
    fc.assert(
      fc.property(course, delay, hysteresis, (values, forMs, by) => {
        const steps = run(values, { ...RULE, forMs, hysteresis: by });
        for (const [index, { condition, nowMs }] of steps.entries()) {
          if (severityOf(condition) === undefined) continue;
          // Back to where it began: nothing in between may have been back inside.
          let began = index;
          while (began > 0 && !isBack(steps[began - 1]?.value ?? 50, by)) began--;
          const span = steps.slice(began, index + 1);
          expect(span.some(({ value }) => isBeyond(value))).toBe(true);
          const firstBeyond = span.find(({ value }) => isBeyond(value));
          expect(nowMs - (firstBeyond?.nowMs ?? nowMs)).toBeGreaterThanOrEqual(forMs);
        }
      }),
    );
  });

  it("is always once a value has been beyond a limit for the delay", () => {
    fc.assert(
      fc.property(course, delay, hysteresis, (values, forMs, by) => {
        const steps = run(values, { ...RULE, forMs, hysteresis: by });
        let sinceMs: number | undefined;
        for (const { value, nowMs, condition } of steps) {
          sinceMs = isBeyond(value) ? (sinceMs ?? nowMs) : undefined;
          if (sinceMs !== undefined && nowMs - sinceMs >= forMs)
            expect(severityOf(condition)).toBeDefined();
        }
      }),
    );
  });

  it("ends only with a value that is back by more than the hysteresis, and then at once", () => {
    fc.assert(
      fc.property(course, delay, hysteresis, (values, forMs, by) => {
        const steps = run(values, { ...RULE, forMs, hysteresis: by });
        for (const [index, { value, condition }] of steps.entries()) {
          const before = severityOf(steps[index - 1]?.condition ?? CALM);
          if (before !== undefined && severityOf(condition) === undefined)
            expect(isBack(value, by)).toBe(true);
          if (isBack(value, by)) expect(severityOf(condition)).toBeUndefined();
        }
      }),
    );
  });

  it("is critical never without being a warning, too", () => {
    fc.assert(
      fc.property(course, delay, hysteresis, (values, forMs, by) => {
        for (const { condition } of run(values, { ...RULE, forMs, hysteresis: by })) {
          if (condition.critical.asserted) expect(condition.warning.asserted).toBe(true);
        }
      }),
    );
  });

  it("stays between two values that cross a limit by less than the hysteresis", () => {
    const values = [71, 69, 72, 66, 70].map((value) => ({ value, afterMs: 600 }));
    const severities = run(values, RULE).map(({ condition }) => severityOf(condition));
    expect(severities).toEqual([undefined, undefined, "Warning", "Warning", "Warning"]);
  });

  it("comes by time alone where nothing new is read", () => {
    const pending = measured(CALM, RULE, 75, 0);
    expect(isPending(pending)).toBe(true);
    expect(severityOf(waited(pending, 999, RULE.forMs))).toBeUndefined();
    expect(severityOf(waited(pending, 1000, RULE.forMs))).toBe("Warning");
  });

  it("is kept while nothing is known, and begins anew where it was not yet", () => {
    expect(severityOf(unknown(restored("Critical", 0)))).toBe("Critical");
    expect(isPending(unknown(measured(CALM, RULE, 75, 0)))).toBe(false);
  });

  it("goes on after a restart as before, until a value is back inside", () => {
    const after = restored("Critical", 5000);
    expect(severityOf(measured(after, RULE, 76, 5001))).toBe("Critical");
    expect(severityOf(measured(after, RULE, 74, 5001))).toBe("Warning");
    expect(severityOf(measured(after, RULE, 50, 5001))).toBeUndefined();
  });

  it("of what has no value is as the rule says", () => {
    const begun = held(CALM, "Critical", true, 0, 100);
    expect(severityOf(begun)).toBeUndefined();
    expect(severityOf(held(begun, "Critical", true, 100, 100))).toBe("Critical");
    expect(severityOf(held(begun, "Critical", false, 200, 100))).toBeUndefined();
  });
});
