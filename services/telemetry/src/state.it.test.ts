import { nodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import type { EndpointReading } from "@outrider/contracts/reading-report";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lookOf, TelemetryStage, voltageOf } from "./testing/telemetry-stage.js";

let stage: TelemetryStage;
let seq = 0;
/** What the agent goes on saying, as one does, until it is told to say something else. */
let saying: () => readonly EndpointReading[] = () => [];
let talking: NodeJS.Timeout;

/** Each try of a test has nodes of its own: one that it is about, and one more. */
let node = "";
let other = "";
const left = Array.from({ length: 28 }, (_, at) => `n${at + 1}`);

beforeAll(async () => {
  stage = await TelemetryStage.start(left);
  talking = setInterval(() => {
    const readings = saying();
    if (readings.length === 0) return;
    seq += 1;
    stage.send({ spool: "s1", oldest: seq, seq, readings: [...readings] }).catch(() => undefined);
  }, 500);
});
afterAll(async () => {
  clearInterval(talking);
  await stage?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  saying = () => [];
  [node = "", other = ""] = left.splice(0, 2);
  if (!stage.service.running) await stage.startService();
});

const status = (of: string): object | undefined => {
  const last = stage.statuses.findLast((one) => one.node === of)?.payload;
  if (!last) return undefined;
  const { management, liveness, health } = last;
  return { management, liveness, health };
};
const becomes = (of: string, expected: object): Promise<unknown> =>
  eventually(`${of} is ${JSON.stringify(expected)}`, () => {
    expect(status(of)).toMatchObject(expected);
    return true;
  });
const kinds = (of: string): string[] =>
  stage.events.filter((one) => one.node === of).map(({ payload }) => payload.kind);

describe("the status of a node", () => {
  it("says that it can be managed while its agent is there", async () => {
    await becomes(node, { management: "Available", liveness: "Unknown" });
    stage.agentIs("lost");
    await becomes(node, { management: "Unavailable" });
    stage.agentIs("ready");
    await becomes(node, { management: "Available" });
  });

  it("says that it lives as soon as one heartbeat is heard, and that it is silent when none is", async () => {
    stage.supplies(node, {});
    saying = () => [lookOf(node, "link", true), lookOf(node, "lan", true)];
    await becomes(node, { liveness: "Alive", health: "OK" });
    expect(kinds(node)).toEqual([]);
    // A halted machine has a carrier, too.
    saying = () => [lookOf(node, "link", true), lookOf(node, "lan", false)];
    await becomes(node, { liveness: "Silent" });
    await eventually("it is told", () => kinds(node).length === 2);
    expect(kinds(node)).toEqual(["heartbeat-missed", "node-silent"]);
    saying = () => [lookOf(node, "lan", true)];
    await becomes(node, { liveness: "Alive" });
    await eventually("it is told", () => kinds(node).includes("node-alive"));
    expect(kinds(node).slice(2, 4).toSorted()).toEqual(["heartbeat-returned", "node-alive"]);
  });

  it("does not know whether it lives when nobody looks any more", async () => {
    saying = () => [lookOf(node, "lan", true)];
    await becomes(node, { liveness: "Alive" });
    saying = () => [];
    await becomes(node, { liveness: "Unknown", management: "Available" });
    await eventually("it is told", () => kinds(node).includes("heartbeat-late"));
  });

  it("makes no event of the silence of a node without supply", async () => {
    const now = new Date().toISOString();
    const off = {
      evidence: "ReadBack",
      since: now,
      observedAt: now,
      staleAfterMs: 60_000,
    } as const;
    saying = () => [lookOf(node, "lan", true)];
    await becomes(node, { liveness: "Alive" });
    stage.supplies(node, { supply: { value: "Off", ...off } });
    saying = () => [lookOf(node, "lan", false)];
    await becomes(node, { liveness: "Silent" });
    expect(kinds(node)).toEqual([]);
  });

  it("says that it is unwell while its power has a fault", async () => {
    saying = () => [lookOf(node, "lan", true)];
    await becomes(node, { liveness: "Alive" });
    stage.supplies(node, { fault: "three attempts to switch on have failed" });
    await becomes(node, { health: "Critical" });
    stage.supplies(node, {});
    await becomes(node, { health: "OK" });
  });

  it("is there again after the service was killed, and gone with its node", async () => {
    await stage.service.kill("SIGKILL");
    // Of a node that left meanwhile.
    stage.inventory.retain(nodeDescription, { node: nodeId(other) }, undefined);
    const before = stage.statuses.length;
    await stage.startService();
    await eventually("it is told again", () =>
      stage.statuses.slice(before).some((one) => one.node === node),
    );
    await eventually("what stood of the other is cleared", () => stage.cleared.includes(other));
    expect(stage.cleared).not.toContain(node);
  });
});

describe("what sensors say", () => {
  it("is told at most once a second, again while it holds, and as absent when it is too old", async () => {
    const before = stage.telemetry.length;
    let volts = 5;
    saying = () => [voltageOf(node, (volts += 0.01), Date.now())];
    await eventually("it is told a few times", () => stage.telemetry.length >= before + 4);
    saying = () => [];
    const told = (): object[] => stage.telemetry.slice(before).map(({ payload }) => payload);
    await eventually("it is too old", () => {
      expect(told().at(-1)).toMatchObject({ absent: { supply: "TimedOut" } });
      return true;
    });
    const values = told().map((one) => JSON.stringify(one));
    // Repeated without anything new: the same words again.
    expect(values.length).toBeGreaterThan(new Set(values).size);
    expect(values.filter((one) => one.includes("TimedOut"))).toHaveLength(1);
  });
});
