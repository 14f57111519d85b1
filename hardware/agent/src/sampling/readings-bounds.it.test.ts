import { join } from "node:path";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import { encode } from "@outrider/contracts/codec";
import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import { silentLog } from "@outrider/messaging/log";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { eventually } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";
import { expect, it } from "vitest";
import { logWith } from "../log.js";
import { Readings } from "./readings.js";

const node = nodeId("n1");
const host = endpointId(node, "heartbeat", "host");

it("readings fit into messages, whatever hosts say of themselves; what no message can say is left out", async () => {
  await using folder = await tempDir("readings-");
  const clock = new ManualClock();
  const sent: AgentReadings[] = [];
  let stored = 0;
  const readings: Readings = await Readings.open({
    agent: agentId("a1"),
    session: {
      epoch: "e1",
      publish: async (_contract: unknown, _parameters: unknown, message: object) => {
        encode(agentReading, message as AgentReadings);
        const { seq } = message as AgentReadings;
        sent.push(message as AgentReadings);
        if (seq === stored + 1) stored = seq;
        queueMicrotask(() => readings.acknowledged({ epoch: "e1", reading: stored }));
      },
    },
    directory: join(folder.path, "readings"),
    limitBytes: 16_777_216,
    bootId: "boot-1",
    clock,
    log: logWith(silentLog, {}),
  });
  readings.connected();
  const take = (said: { uptimeSeconds?: number; detail?: string }): void =>
    readings.take({
      endpoint: host,
      node,
      at: clock.now().toISOString(),
      takenMs: clock.monotonicMs(),
      said: { heartbeat: { proves: "system", alive: true, ...said }, problem: said.detail },
    });
  take({ uptimeSeconds: 1e11 });
  // Each becomes six characters of JSON.
  for (let at = 0; at < 400; at++) take({ detail: "\u0001".repeat(500) });
  take({ uptimeSeconds: 60 });
  readings.stop();
  readings.start();
  const seen = await eventually("all are told", () => {
    clock.advance(1000);
    const all = new Map(sent.map((one) => [one.seq, one.readings]));
    const told = [...all.values()].flat();
    return told.length >= 401 && told;
  });
  expect(seen).toHaveLength(401);
  expect(seen.filter(({ heartbeat }) => heartbeat?.uptimeSeconds !== undefined)).toHaveLength(1);
  await readings.close();
});
