import { ContractError } from "@outrider/contracts/codec";
import { seconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, test } from "vitest";
import { PresenceGuard, presenceDocuments } from "./presence.js";
import { agentPresence, statusOf } from "./testing/samples.js";

test("the birth is said again for whatever else stands there, but not more than once a second", async () => {
  const clock = new VirtualClock();
  let said = 0;
  const guard = new PresenceGuard(clock, "birth", () => said++);
  guard.seen("birth");
  expect(said).toBe(0);
  guard.seen("will");
  expect(said).toBe(1);
  // Two clients that both insist take turns once a second, instead of as fast as the broker can.
  for (let n = 0; n < 10; n++) guard.seen("the other’s birth");
  guard.seen("birth");
  expect(said).toBe(1);
  await clock.advance(seconds(1));
  expect(said).toBe(2);
  guard.seen("");
  guard.end();
  await clock.advance(seconds(10));
  expect(said).toBe(2);
  guard.seen("will");
  expect(said).toBe(2);
});

test("documents carry the epoch, and one that breaks its contract is a defect", () => {
  const documents = presenceDocuments(agentPresence("a1"), "e1");
  expect(documents.topic).toBe("outrider/v1/agent/a1/status");
  expect(JSON.parse(documents.birth)).toEqual(statusOf("ready", "e1"));
  expect(JSON.parse(documents.will)).toEqual(statusOf("lost", "e1"));
  expect(documents.leaving).toBe(documents.will);
  const broken = { ...agentPresence("a1"), will: () => ({ state: "gone" }) };
  expect(() => presenceDocuments(broken, "e1")).toThrow(ContractError);
});
