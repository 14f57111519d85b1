import { nextAfter } from "@outrider/console-link/console-stream";
import type { LinkedConsole } from "@outrider/console-link/linked-console";
import { LinkServer } from "@outrider/console-link/link-server";
import { microClock } from "@outrider/console-link/micro-clock";
import { milliseconds, systemClock } from "@outrider/contracts/clock";

/**
 * A console service that takes what comes, counts it and keeps nothing. Started as a process of its own, so that it
 * costs whoever measures nothing; says a {@link ServiceCount} on a line five times a second.
 */
export interface ServiceCount {
  /** Linked and up now. */
  readonly up: number;
  readonly bytes: number;
  /** Of gaps; null: one of them does not know its size. */
  readonly lostBytes: number | null;
}

const up = new Set<LinkedConsole>();
let bytes = 0;
let lostBytes: number | null = 0;

function take(console: LinkedConsole): void {
  up.add(console);
  console.onGone(() => up.delete(console));
  console.onItems((items) => {
    for (const item of items) {
      if (item.kind === "bytes") bytes += item.bytes.length;
      if (item.kind === "gap")
        lostBytes = lostBytes === null || item.lost === undefined ? null : lostBytes + item.lost;
    }
    const last = items.at(-1);
    if (last) console.acknowledge(nextAfter(last));
  });
  console.resume(undefined);
}

const server = new LinkServer({
  verify: () => Promise.resolve({ stillStands: () => true }),
  onConsole: take,
  clock: systemClock,
  nowMicros: microClock(systemClock),
});
const port = await server.listen("127.0.0.1", 0);
process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
systemClock.every(milliseconds(200), () => {
  const count = [...up].filter(({ condition }) => condition.up).length;
  const answer: ServiceCount = { up: count, bytes, lostBytes };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
