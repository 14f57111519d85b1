import { knownBytes, knownLines, withoutDropped } from "@outrider/simulators/paced-sender";
import { eventually } from "@outrider/testing/eventually";
import type { Rest } from "../fleet/rest.js";
import { nodeOf, type Lines } from "./lines.js";

export interface LoggedGap {
  readonly position: number;
  readonly reason: string;
  /** Null: unknown. */
  readonly lost: number | null;
}

/** What the log of one console has, as somebody exports it. */
export interface Logged {
  readonly bytes: Buffer;
  readonly gaps: readonly LoggedGap[];
}

/** How many bytes were sent that the log does not have. Of a log with which nothing is {@link wrongWith}. */
export function missingFrom({ bytes }: Logged, sent: Buffer): number {
  return sent.length - bytes.length;
}

export async function exported(rest: Rest, line: number): Promise<Logged> {
  const [bytes, items] = await Promise.all([log(rest, line, "raw"), log(rest, line, "jsonl")]);
  const gaps = items
    .toString()
    .split("\n")
    .filter((text) => text.includes('"gap":{'))
    .map((text) => JSON.parse(text) as { position: number; gap?: Omit<LoggedGap, "position"> })
    .flatMap(({ position, gap }) => (gap ? [{ position, ...gap }] : []));
  return { bytes, gaps };
}

/**
 * All that the lines have sent by their own count, once nothing waits for room any more. They must be stopped. A line
 * that gives back what it hears is one that says nothing else, and has heard no more than it remembers.
 */
export async function sentBy(lines: Lines): Promise<Buffer[]> {
  const reports = await eventually("the lines have sent what was due", async () => {
    const all = await lines.sender.report();
    const late = all.filter(({ waitingBytes }) => waitingBytes > 0);
    if (late.length > 0) throw new Error(JSON.stringify(late));
    return all;
  });
  return Promise.all(
    reports.map(async ({ offset, dropped }, line) => {
      const spec = lines.specs[line];
      if (spec?.echo === true) return lines.sender.heard(line);
      const stream = spec?.lines === true ? knownLines : knownBytes;
      return withoutDropped(line, offset, dropped, stream);
    }),
  );
}

/**
 * Whether a log is what was sent except where it says that something is missing: each stretch between two gaps stands
 * in what was sent, in order, and nothing is missing before the first, behind the last, or where no gap is. A gap of
 * unknown size excuses no end: something comes behind it, down to the last byte sent.
 * @returns what is wrong, or undefined
 */
export function wrongWith({ bytes, gaps }: Logged, sent: Buffer): string | undefined {
  const cuts = [...new Set(gaps.map(({ position }) => position))].toSorted((a, b) => a - b);
  let at = 0;
  let missing = 0;
  for (const [index, from] of [0, ...cuts].entries()) {
    const stretch = bytes.subarray(from, cuts[index] ?? bytes.length);
    const found = index === 0 ? 0 : sent.indexOf(stretch, at);
    const isThere = found >= 0 && sent.subarray(found, found + stretch.length).equals(stretch);
    if (!isThere) return `what is at ${from} of the log was not sent after ${at}`;
    missing += found - at;
    at = found + stretch.length;
  }
  // What was missing last is seen only where nothing comes behind it, and believed only with its size.
  missing += sent.length - at;
  const last = gaps.findLast(({ position }) => position === bytes.length);
  if (at < sent.length && typeof last?.lost !== "number") {
    return `${sent.length - at} bytes at the end are missing`;
  }
  const known = gaps.reduce((sum, { lost }) => sum + (lost ?? 0), 0);
  const isExact = gaps.every(({ lost }) => lost !== null);
  if (isExact ? missing !== known : missing < known) {
    return `${missing} bytes are missing, and the gaps say ${known}`;
  }
  return undefined;
}

async function log(rest: Rest, line: number, format: string): Promise<Buffer> {
  const response = await fetch(
    `${rest.url}/api/v1/nodes/${nodeOf(line)}/console/log?format=${format}`,
    { headers: { authorization: `Bearer ${rest.token}` } },
  );
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}
