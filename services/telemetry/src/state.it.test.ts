import { nodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import type { EndpointReading } from "@outrider/contracts/reading-report";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lookOf, TelemetryStage, voltageOf } from "./testing/telemetry-stage.js";

let stage: TelemetryStage;
let seq = 0;
/** What the agent goes on saying, as one does, until it is told to say something else. */
let saying: () => readonly EndpointReading[] = () => [];
let talking: NodeJS.Timeout;

beforeAll(async () => {
  stage = await TelemetryStage.start(["n1", "n2"]);
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

const status = (node: string): object | undefined => {
  const last = stage.statuses.findLast((one) => one.node === node)?.payload;
  if (!last) return undefined;
  const { management, liveness, health } = last;
  return { management, liveness, health };
};
const becomes = (node: string, expected: object): Promise<unknown> =>
  eventually(`${node} is ${JSON.stringify(expected)}`, () => {
    expect(status(node)).toMatchObject(expected);
    return true;
  });
const kinds = (node: string): string[] =>
  stage.events.filter((one) => one.node === node).map(({ payload }) => payload.kind);

describe("the status of a node", () => {
  it("says that it can be managed while its agent is there", async () => {
    await becomes("n1", { management: "Available", liveness: "Unknown" });
    stage.agentIs("lost");
    await becomes("n1", { management: "Unavailable" });
    stage.agentIs("ready");
    await becomes("n1", { management: "Available" });
  });

  it("says that it lives as soon as one heartbeat is heard, and that it is silent when none is", async () => {
    stage.supplies("n1", {});
    saying = () => [lookOf("n1", "link", true), lookOf("n1", "lan", true)];
    await becomes("n1", { liveness: "Alive", health: "OK" });
    expect(kinds("n1")).toEqual([]);
    // A halted machine has a carrier, too.
    saying = () => [lookOf("n1", "link", true), lookOf("n1", "lan", false)];
    await becomes("n1", { liveness: "Silent" });
    await eventually("it is told", () => kinds("n1").length === 2);
    expect(kinds("n1")).toEqual(["heartbeat-missed", "node-silent"]);
    saying = () => [lookOf("n1", "lan", true)];
    await becomes("n1", { liveness: "Alive" });
    await eventually("it is told", () => kinds("n1").includes("node-alive"));
    expect(kinds("n1").slice(2, 4).toSorted()).toEqual(["heartbeat-returned", "node-alive"]);
  });

  it("does not know whether it lives when nobody looks any more", async () => {
    saying = () => [];
    await becomes("n1", { liveness: "Unknown", management: "Available" });
    await eventually("it is told", () => kinds("n1").includes("heartbeat-late"));
  });

  it("makes no event of the silence of a node without supply", async () => {
    const now = new Date().toISOString();
    const off = {
      evidence: "ReadBack",
      since: now,
      observedAt: now,
      staleAfterMs: 60_000,
    } as const;
    saying = () => [lookOf("n2", "lan", true)];
    await becomes("n2", { liveness: "Alive" });
    stage.supplies("n2", { supply: { value: "Off", ...off } });
    saying = () => [lookOf("n2", "lan", false)];
    await becomes("n2", { liveness: "Silent" });
    expect(kinds("n2")).toEqual([]);
  });

  it("says that it is unwell while its power has a fault", async () => {
    stage.supplies("n2", { fault: "three attempts to switch on have failed" });
    await becomes("n2", { health: "Critical" });
    stage.supplies("n2", {});
    await becomes("n2", { health: "OK" });
  });

  it("is there again after the service was killed, and gone with its node", async () => {
    await stage.service.kill("SIGKILL");
    // Of a node that left meanwhile.
    stage.inventory.retain(nodeDescription, { node: nodeId("n2") }, undefined);
    const before = stage.statuses.length;
    await stage.startService();
    await eventually("n1 is told again", () =>
      stage.statuses.slice(before).some(({ node }) => node === "n1"),
    );
    await eventually("what stood of n2 is cleared", () => stage.cleared.includes("n2"));
    expect(stage.cleared).not.toContain("n1");
  });
});

describe("what sensors say", () => {
  it("is told at most once a second, again while it holds, and as absent when it is too old", async () => {
    const before = stage.telemetry.length;
    let volts = 5;
    saying = () => [voltageOf("n1", (volts += 0.01), Date.now())];
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
