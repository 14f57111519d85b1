import { REASON_CODES } from "@outrider/contracts/reasons";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EXIT,
  exitOfAll,
  exitOfCode,
  exitOfResult,
  exitOfTask,
  type ExitCode,
} from "./exit-code.js";

describe("the exit code of a result", () => {
  it.each([
    ["Succeeded", undefined, 0],
    ["Rejected", "not-allowed", 4],
    ["Rejected", "locked", 5],
    ["Rejected", "busy", 5],
    ["Rejected", "supply-off", 5],
    ["Rejected", "unknown-node", 5],
    ["Rejected", "invalid", 2],
    ["Rejected", "agent-away", 7],
    ["Failed", "unreachable", 7],
    ["Failed", "refused", 1],
    ["TimedOut", "not-obeyed", 6],
    ["Unknown", "agent-lost", 6],
    ["Canceled", "superseded", 1],
  ] as const)("%s/%s is %i", (status, reasonCode, code) => {
    expect(exitOfResult({ status, reasonCode })).toBe(code);
  });

  it("is zero for success alone, whatever reason comes with it", () => {
    for (const status of ["Failed", "Rejected", "Canceled", "TimedOut", "Unknown"] as const) {
      for (const reasonCode of [undefined, ...REASON_CODES]) {
        expect(exitOfResult({ status, reasonCode })).not.toBe(0);
      }
    }
  });

  it("is 1 for a reason that only a later version knows", () => {
    expect(exitOfResult({ status: "Rejected", reasonCode: "from-the-future" as never })).toBe(1);
  });
});

describe("the exit code of several nodes", () => {
  const codes = fc.array(fc.constantFrom<ExitCode>(0, 1, 4, 5, 6, 7), { minLength: 1 });

  it("is zero when all are verified, 3 when only some are, and never zero otherwise", () => {
    fc.assert(
      fc.property(codes, (all) => {
        const done = all.filter((code) => code === 0).length;
        const code = exitOfAll(all);
        expect(code === 0).toBe(done === all.length);
        expect(code === 3).toBe(done > 0 && done < all.length);
      }),
    );
  });

  it("is what all have in common, else 1; and 130 when anything was interrupted", () => {
    expect(exitOfAll([5, 5])).toBe(EXIT.precondition);
    expect(exitOfAll([5, 7])).toBe(EXIT.error);
    expect(exitOfAll([0, 130])).toBe(EXIT.interrupted);
  });
});

describe("the exit code of a refused request", () => {
  it.each([
    ["not-signed-in", 401, "", 4],
    ["not-allowed", 403, "", 4],
    ["locked", 423, "", 5],
    ["interlocked", 409, "", 5],
    ["precondition-failed", 412, "", 5],
    ["unknown-node", 404, "node", 5],
    ["invalid", 422, "nodes", 5],
    ["invalid", 422, "parallel", 2],
    ["unavailable", 503, "", 7],
    ["timed-out", 504, "", 6],
    ["from-the-future", 403, "", 4],
    ["from-the-future", 418, "", 1],
    ["constructor", 500, "", 1],
  ] as const)("%s with status %i of %j is %i", (code, status, field, exit) => {
    expect(exitOfCode(code, status, field)).toBe(exit);
  });
});

describe("the exit code of a node's task", () => {
  it.each([
    ["Succeeded", undefined, 0],
    ["Waiting", undefined, 6],
    ["Canceled", "aborted", 1],
    ["Canceled", "expired", 6],
    ["Rejected", "interlocked", 5],
    ["Failed", "drain-failed", 5],
    ["TimedOut", "no-start-slot", 6],
  ] as const)("%s/%s is %i", (state, reasonCode, exit) => {
    expect(exitOfTask({ state, ...(reasonCode ? { reasonCode } : {}) })).toBe(exit);
  });
});
