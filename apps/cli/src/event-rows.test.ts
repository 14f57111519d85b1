import { expect, it } from "vitest";
import { eventText, subjectOf, type EventView } from "./event-rows.js";
import { quietTransitions } from "./transition-events.js";

const transition = { action: "PowerCycle", nodes: "c[1-60]", total: 60, actor: "person:admin" };
const event = (state: string, more: Partial<EventView> = {}): EventView => ({
  kind: "transition",
  service: "power",
  data: {
    subject: "t1",
    data: {
      state,
      counts: { waiting: 45, running: 2, succeeded: 12, failed: 1 },
      changedTasks: { Succeeded: "c[1-12]" },
    },
  },
  ...more,
});

it("tells a transition as a sentence", () => {
  expect(eventText(event("InProgress", { transition: transition as never }))).toBe(
    "PowerCycle of c[1-60]: InProgress, 12 of 60 done, 1 not as asked (person:admin)",
  );
  expect(eventText(event("InProgress"))).toBe(
    "transition t1: InProgress, 12 of 60 done, 1 not as asked",
  );
});

it("tells a lock by its state, nodes and holder", () => {
  const data = { subject: "l1", data: { state: "Held", nodes: "n1", holder: "person:anna" } };
  expect(eventText({ kind: "lock", data })).toBe("Held n1 person:anna");
});

it("tells what happened to a node by its severity and sentence", () => {
  const data = {
    severity: "critical",
    kind: "console-panic",
    message: "n1 panics",
    data: { rule: "panic" },
  };
  expect(eventText({ kind: "event", node: "n1", data })).toBe("critical: n1 panics");
});

it("keeps back a transition that only counts on, for five seconds", () => {
  let nowMs = 0;
  const isQuiet = quietTransitions(() => nowMs);
  expect(isQuiet(event("InProgress"))).toBe(false);
  expect(isQuiet(event("InProgress"))).toBe(true);
  const other = event("InProgress");
  expect(isQuiet({ ...other, data: { ...other.data, subject: "t2" } })).toBe(false);
  expect(isQuiet({ kind: "result", data: {} })).toBe(false);
  nowMs = 5000;
  expect(isQuiet(event("InProgress"))).toBe(false);
  expect(isQuiet(event("Completed"))).toBe(false);
});

it("tells an alarm of the site with what it is of, and that it is over", () => {
  const subject = "agent:rack-a";
  const raised = { subject, id: "agent-away", severity: "Critical", message: "away for 60 s" };
  const alarm = (data: object): EventView => ({ kind: "alarm", data: { ...data } });
  expect(subjectOf(alarm(raised))).toBe(subject);
  expect(eventText(alarm({ ...raised, stands: true }))).toBe("agent-away: Critical: away for 60 s");
  expect(eventText(alarm({ subject, id: "agent-away", stands: false }))).toBe("agent-away is over");
});
