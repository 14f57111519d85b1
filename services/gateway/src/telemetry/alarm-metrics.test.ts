import type { NodeDescription } from "@outrider/contracts/node";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, it } from "vitest";
import { Mirror } from "../mirror/mirror.js";
import { alarmOf } from "../testing/telemetry-stand-in.js";
import { MOST_ALARMS, tellAlarms } from "./alarm-metrics.js";
import { Exposition } from "./exposition.js";

it("names so many alarms, those of the site and the worst of nodes, and counts the others", () => {
  const mirror = new Mirror(new VirtualClock());
  for (let index = 0; index < MOST_ALARMS; index++) {
    const id = `n${index}`;
    mirror.hear(id, "description", { id } as unknown as NodeDescription);
    mirror.hearAlarm(id, "dim", alarmOf("dim"));
  }
  mirror.hearAlarm(`n${MOST_ALARMS - 1}`, "hot", { ...alarmOf("hot"), severity: "Critical" });
  mirror.hearSiteAlarm("service:power", "away", alarmOf("away"));
  const told = new Exposition();
  tellAlarms(told, { kind: "person", name: "a", rights: ["read"] }, { mirror });
  const lines = told.text().split("\n");
  const named = lines.filter((line) => line.startsWith("outrider_alarm{"));
  expect(named).toHaveLength(MOST_ALARMS);
  expect(named.slice(0, 3)).toEqual([
    'outrider_alarm{subject="service:power",alarm="away",severity="Warning"} 1',
    `outrider_alarm{subject="node:n${MOST_ALARMS - 1}",alarm="hot",severity="Critical"} 1`,
    'outrider_alarm{subject="node:n0",alarm="dim",severity="Warning"} 1',
  ]);
  expect(lines).toContain("outrider_alarms_not_named 2");
});
