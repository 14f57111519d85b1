import type { TransitionTask } from "@outrider/contracts/transition";
import { expect, it } from "vitest";
import { foldedTasks } from "./folded.js";

const task = (node: string, more: Partial<TransitionTask>): TransitionTask =>
  ({ node, state: "Succeeded", ...more }) as TransitionTask;

it("gathers nodes that fared alike, those that went wrong last", () => {
  const timedOut = { state: "TimedOut", reasonCode: "not-obeyed" } as const;
  expect(
    foldedTasks([
      task("n7", { ...timedOut, detail: "n7 is still on after 120 s" }),
      task("n2", {}),
      task("n1", {}),
      task("n3", {}),
      task("n8", { ...timedOut, detail: "n8 is still on after 119 s" }),
      task("n9", { state: "Rejected", reasonCode: "locked", detail: "held by person:anna" }),
    ]),
  ).toEqual([
    "n[1-3]: Succeeded",
    "n[7-8]: TimedOut/not-obeyed: n7 is still on after 120 s",
    "n9: Rejected/locked: held by person:anna",
  ]);
});

it("lets nothing that a server says move the cursor", () => {
  expect(
    foldedTasks([task("n1", { state: "Failed", detail: "no\u001b[2J\r\nn2: Succeeded" })]),
  ).toEqual(["n1: Failed: no?[2J??n2: Succeeded"]);
});
