import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import type { LinkedConsole } from "@outrider/console-link/linked-console";
import { LinkServer } from "@outrider/console-link/link-server";
import { microClock } from "@outrider/console-link/micro-clock";

/**
 * A console service that is only an intake: each item is a line of a file, and it goes on after what is in there.
 * Started as a process of its own, to be killed and stopped: `recording-service.js <directory> <port>`.
 */
const [directory = "", port] = process.argv.slice(2);

/** What was stored of a console before, a torn last line cut off. */
function stored(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) writeFileSync(file, whole);
  const last = whole.split("\n").at(-2);
  return last ? (JSON.parse(last) as { next: number }).next : undefined;
}

function lineOf(item: StreamItem): string {
  const bytes = item.kind === "bytes" ? Buffer.from(item.bytes).toString("latin1") : undefined;
  return `${JSON.stringify({ ...item, bytes, next: nextAfter(item) })}\n`;
}

function take(console: LinkedConsole): void {
  const file = join(directory, `${console.address.node}-${console.stream}`);
  let next = stored(file);
  let acknowledged = next ?? 0;
  console.onItems((items) => {
    appendFileSync(file, items.map(lineOf).join(""));
    next = nextAfter(items.at(-1) as StreamItem);
  });
  const stop = systemClock.every(milliseconds(100), () => {
    if (next === undefined || next <= acknowledged) return;
    acknowledged = next;
    console.acknowledge(next);
  });
  console.onGone(stop);
  console.resume(next);
}

const server = new LinkServer({
  verify: () => Promise.resolve({ stillStands: () => true }),
  onConsole: take,
  clock: systemClock,
  nowMicros: microClock(systemClock),
  timing: {
    ping: milliseconds(200),
    dead: milliseconds(1500),
    hello: milliseconds(1000),
    refusal: milliseconds(50),
  },
});
const listening = await server.listen("127.0.0.1", Number(port));
process.stdout.write(`${JSON.stringify({ ready: true, port: listening })}\n`);
