import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { gatherWrites } from "./gather-writes.js";

/** As mqtt-packet writes a packet: corked for itself, in pieces. */
function writePacket(stream: Writable, pieces: readonly string[]): void {
  stream.cork();
  process.nextTick(() => stream.uncork());
  for (const piece of pieces) stream.write(piece);
}

function recorder(): { readonly stream: Writable; readonly calls: string[] } {
  const calls: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      calls.push(chunk.toString());
      done();
    },
    writev: (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join(""));
      done();
    },
  });
  return { stream, calls };
}

test("packets of one turn leave together and in order, those of the next one by themselves", async () => {
  const { stream, calls } = recorder();
  gatherWrites(stream);
  writePacket(stream, ["a", "b"]);
  await Promise.resolve();
  writePacket(stream, ["c"]);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  writePacket(stream, ["d", "e"]);
  expect(calls).toEqual([]);
  await turn();
  writePacket(stream, ["f"]);
  await turn();
  expect(calls).toEqual(["abcde", "f"]);
});

test("without it each tick makes a write of its own", async () => {
  const { stream, calls } = recorder();
  writePacket(stream, ["a"]);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  writePacket(stream, ["b"]);
  await turn();
  expect(calls).toEqual(["a", "b"]);
});

test("much leaves before the turn is over", async () => {
  const { stream, calls } = recorder();
  gatherWrites(stream);
  const large = "x".repeat(40_000);
  for (let packet = 0; packet < 5; packet++) {
    writePacket(stream, [large]);
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(stream.writableLength).toBeLessThan(130_000);
  }
  await turn();
  expect(calls.join("")).toHaveLength(5 * large.length);
  expect(calls.length).toBeGreaterThan(1);
});

test("the end of a stream takes along what is gathered", async () => {
  const { stream, calls } = recorder();
  gatherWrites(stream);
  writePacket(stream, ["a"]);
  stream.end();
  await new Promise<void>((resolve) => stream.once("finish", resolve));
  expect(calls).toEqual(["a"]);
  await turn();
});
