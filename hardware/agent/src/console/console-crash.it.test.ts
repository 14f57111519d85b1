import type { StreamGap, StreamItem } from "@outrider/console-link/console-stream";
import { knownBytes } from "@outrider/simulators/known-stream";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Stage } from "../testing/stage.js";
import { FarEnd } from "./testing/far-end.js";
import { LinkService } from "./testing/link-service.js";

const SEED = 7;
/** More than three ports at 1.5 Mbaud. */
const BYTES_PER_SECOND = 500_000;
/** The spool writes after 50 ms; the rest is what a machine that is busy may be late. */
const SLACK_MICROS = 2_000_000;

describe("a console whose agent is killed in the middle of a flood", () => {
  let stage: Stage;
  let service: LinkService;
  let farEnd: FarEnd;

  beforeEach(async () => {
    service = new LinkService("the secret of a1");
    await service.start();
    farEnd = await FarEnd.start(SEED);
    stage = await Stage.start();
    await stage.startAgent(await stage.linkedTo(service));
    await stage.configureEndpoints([stage.tcpConsole("n1", farEnd.port)]);
  });

  afterEach(async () => {
    await farEnd[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const more = async (bytes: number): Promise<void> => {
    const until = farEnd.offset + bytes;
    await eventually(`${bytes} bytes more`, () => farEnd.offset >= until);
  };
  const killAndRestart = async (): Promise<void> => {
    const connections = farEnd.connections.length;
    await stage.agent.kill("SIGKILL");
    await more(50_000);
    await stage.startAgent(await stage.linkedTo(service));
    await eventually("the agent reads again", () => farEnd.connections.length > connections);
  };

  it("P8: loses nothing but what the gaps mark, also while the console service is away", async () => {
    const { stream } = await service.up("n1");
    farEnd.begin(BYTES_PER_SECOND);
    await more(600_000);
    await service.stop();
    await more(600_000);
    await killAndRestart();
    await more(600_000);
    await service.start();
    await service.up("n1");
    await more(300_000);
    await killAndRestart();
    await more(300_000);
    farEnd.pause();

    const tail = knownBytes(SEED, farEnd.offset - 1000, 1000);
    await eventually("the last byte has come", () =>
      lastBytes(service.items("n1", stream), 1000).equals(tail),
    );
    expect(farEnd.droppedBytes).toBe(0);
    const items = service.items("n1", stream);
    const gaps = items.filter((item) => item.kind === "gap");
    expect(gaps.map(({ reason }) => reason)).toEqual(["agent-down", "agent-down"]);
    let at = 0;
    let connection = 0;
    for (const item of items) {
      if (item.kind === "bytes") {
        const same = knownBytes(SEED, at, item.bytes.length).equals(item.bytes);
        expect(same, `what came after ${at} bytes`).toBe(true);
        at += item.bytes.length;
      } else if (item.kind === "gap") {
        const next = farEnd.connections[++connection]?.offset ?? Number.NaN;
        expectRight(item, at, next);
        at = next;
      }
    }
    expect(at).toBe(farEnd.offset);
  });

  /** What is missing was sent between the gap's two times. */
  function expectRight(gap: StreamGap, from: number, until: number): void {
    expect(until).toBeGreaterThan(from);
    expect(gap.lost).toBeUndefined();
    expect(gap.fromMicros).toBeLessThanOrEqual(gap.toMicros);
    expect(farEnd.writtenAt(from)).toBeGreaterThanOrEqual(gap.fromMicros - SLACK_MICROS);
    expect(farEnd.writtenAt(until - 1)).toBeLessThanOrEqual(gap.toMicros + SLACK_MICROS);
  }
});

function lastBytes(items: readonly StreamItem[], count: number): Buffer {
  const last = items.slice(-20).flatMap((item) => (item.kind === "bytes" ? [item.bytes] : []));
  return Buffer.concat(last).subarray(-count);
}
