import { openSync, readSync, closeSync, existsSync, mkdtempSync, rmSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  KNOWN_LINE_BYTES,
  knownBytes,
  knownLines,
  startPacedSender,
  withoutDropped,
} from "./paced-sender.js";

const POLL = { timeout: 20_000, interval: 20 };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "paced-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Reads what is there. */
function drain(fd: number): Buffer {
  const buffer = Buffer.alloc(65_536);
  const parts: Buffer[] = [];
  try {
    for (;;) {
      const bytes = readSync(fd, buffer);
      if (bytes === 0) break;
      parts.push(Buffer.from(buffer.subarray(0, bytes)));
    }
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
  }
  return Buffer.concat(parts);
}

const open = (path: string): number =>
  openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);

test("a stream of lines is the same wherever it is begun", () => {
  const whole = knownLines(3, 0, 1000);
  expect(whole.toString().split("\r\n")[7]).toBe("000000007    3");
  expect(whole.indexOf("\r\n") + 2).toBe(KNOWN_LINE_BYTES);
  expect(knownLines(3, 100, 50).equals(whole.subarray(100, 150))).toBe(true);
  const without = withoutDropped(3, 1000, [{ offset: 40, bytes: 900 }], knownLines);
  expect(without.equals(Buffer.concat([whole.subarray(0, 40), whole.subarray(940)]))).toBe(true);
});

test("each block of a known stream has every value, and no block comes twice within 128 MiB", () => {
  const seen = new Set<string>();
  for (let offset = 0; offset < 128 * 1_048_576; offset += 256) {
    const block = knownBytes(3, offset, 256);
    if (offset % 65_536 === 0) expect(new Set(block).size).toBe(256);
    seen.add(block.toString("latin1", 0, 24));
  }
  expect(seen.size).toBe(524_288);
  const overATurn = knownBytes(0, 8_388_600, 16);
  expect(overATurn.equals(knownBytes(0, 8_388_352, 512).subarray(248, 264))).toBe(true);
  expect(knownBytes(1, 100, 50).equals(knownBytes(1, 0, 200).subarray(100, 150))).toBe(true);
  expect(knownBytes(1, 0, 256).equals(knownBytes(2, 0, 256))).toBe(false);
});

test("what nobody reads is dropped and counted, and all else arrives as it is", async () => {
  const link = join(dir, "tty");
  const totalBytes = 400_000;
  await using sender = await startPacedSender([
    { link, bytesPerSecond: 400_000, seed: 7, totalBytes },
  ]);
  const fd = open(link);
  await sender.start();
  const [early] = await expect
    .poll(() => sender.report(), POLL)
    .toMatchObject([{ offset: totalBytes }])
    .then(() => sender.report());
  expect(early?.droppedBytes).toBeGreaterThan(200_000);
  const parts: Buffer[] = [];
  await expect
    .poll(async () => {
      parts.push(drain(fd));
      return (await sender.report())[0]?.waitingBytes;
    }, POLL)
    .toBe(0);
  await expect
    .poll(async () => {
      parts.push(drain(fd));
      return Buffer.concat(parts).length + ((await sender.report())[0]?.droppedBytes ?? 0);
    }, POLL)
    .toBe(totalBytes);
  const [report] = await sender.report();
  const want = withoutDropped(7, totalBytes, report?.dropped ?? []);
  expect(Buffer.concat(parts).equals(want)).toBe(true);
  closeSync(fd);
});

test("a port that is pulled out is lost to whoever has it, and comes back under its name", async () => {
  const link = join(dir, "tty");
  await using sender = await startPacedSender([{ link, bytesPerSecond: 0, seed: 0 }]);
  const fd = open(link);
  await sender.say(0, Buffer.from("here"));
  await expect.poll(() => drain(fd).toString(), POLL).toBe("here");
  await sender.unplug(0);
  expect(existsSync(link)).toBe(false);
  expect(drain(fd).length).toBe(0);
  closeSync(fd);
  await sender.plug(0);
  const again = open(link);
  await sender.say(0, Buffer.from("again"));
  await expect.poll(() => drain(again).toString(), POLL).toBe("again");
  closeSync(again);
});
