import type { AlarmRecord } from "@outrider/contracts/telemetry-pages";
import { expect, it } from "vitest";
import { alarmFindings } from "./alarm-findings.js";

const NOW = new Date("2026-11-23T05:00:00.000Z");
const before = (seconds: number): string => new Date(NOW.getTime() - seconds * 1000).toISOString();

function alarm(subject: string, given: Partial<AlarmRecord> = {}): AlarmRecord {
  const { rule = "soc-temperature" } = given;
  return {
    seq: 1,
    subject,
    id: rule,
    rule,
    kind: "threshold",
    severity: "Warning",
    message: "temperature of soc is 77 °C",
    raisedAt: before(60),
    ...given,
  };
}

it("says that none stands, and that it is not known", () => {
  expect(alarmFindings({ alarms: [], now: NOW })).toEqual([
    { level: "ok", what: "no alarm stands", advice: "" },
  ]);
  expect(alarmFindings({ alarmsProblem: "nobody is there" })).toMatchObject([
    { level: "warning", what: expect.stringContaining("nobody is there") as string },
  ]);
});

it("has the worst first, how long, who has seen it, and what to do", () => {
  const said = alarmFindings({
    now: NOW,
    alarms: [
      alarm("node:n1"),
      alarm("node:n2", {
        kind: "silent",
        rule: "silent",
        severity: "Critical",
        message: "no sign of life",
        raisedAt: before(7200),
        acknowledged: { actor: "person:anna", at: before(10), comment: "on my way" },
      }),
      alarm("agent:rack-a", {
        kind: "silent",
        rule: "agent-away",
        severity: "Critical",
        message: "not connected; look at its host",
        raisedAt: before(300),
      }),
    ],
  });
  expect(said.map(({ level, what }) => `${level} ${what}`)).toEqual([
    "error agent:rack-a: not connected; look at its host (Critical for 5m)",
    "error n2: no sign of life (Critical for 2h, seen by person:anna (on my way))",
    "warning n1: temperature of soc is 77 °C (Warning for 1m)",
  ]);
  expect(said.map(({ advice }) => advice)).toEqual([
    "see `outrider alarms` and `outrider events`; `outrider alarms ack agent:rack-a/agent-away` once seen",
    "see `outrider power status n2`, then the console log",
    "see `outrider sensors n1 --history 6h`; `outrider alarms ack n1/soc-temperature` once seen",
  ]);
});

it("has those of one rule together, and no more than people read", () => {
  const many = Array.from({ length: 40 }, (_, index) =>
    alarm(`node:n${index + 1}`, { raisedAt: before(60 + index * 60) }),
  );
  const others = Array.from({ length: 30 }, (_, index) =>
    alarm(`node:n${index + 1}`, { rule: `inlet-${index}`, raisedAt: before(1) }),
  );
  const said = alarmFindings({ now: NOW, alarms: [...others, ...many] });
  expect(said[0]).toEqual({
    level: "warning",
    what: "n[1-40]: soc-temperature, 40 alarms; n40: temperature of soc is 77 °C (Warning for 1m to 40m)",
    advice:
      "see `outrider sensors 'n[1-40]' --history 6h`; `outrider alarms ack 'n[1-40]/soc-temperature'` once seen",
  });
  expect(said).toHaveLength(21);
  expect(said.at(-1)).toMatchObject({
    what: "11 more alarms stand",
    advice: "see `outrider alarms`",
  });
});
