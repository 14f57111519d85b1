import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { PacedSender } from "@outrider/simulators/paced-sender";
import type { TerminalServer } from "./console-peers.js";
import { hostMs } from "./machine.js";

/** Keys that no terminal server takes for anything else. */
const KEYS = "abcdefghijklmnopqrstuvwxyz";
const WITHIN_MS = 10_000;

/** The time from a key to its echo on one line, key after key with a pause between them, in milliseconds. */
export async function echoes(socket: Duplex, keys: number, pauseMs: number): Promise<number[]> {
  const taken: number[] = [];
  for (let at = 0; at < keys; at++) {
    const key = KEYS[at % KEYS.length] ?? "a";
    const startMs = hostMs();
    socket.write(key);
    await echoed(socket, key);
    taken.push(hostMs() - startMs);
    await pause(pauseMs);
  }
  return taken;
}

async function echoed(socket: Duplex, key: string): Promise<void> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  for (;;) {
    const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
    if (chunk.includes(key)) return;
  }
}

/** The same on many lines at once, a person at each. */
export async function echoesOfAll(
  open: (line: number) => Promise<Duplex>,
  lines: number,
  keys: number,
  pauseMs: number,
): Promise<number[]> {
  // One after another: an SSH server does not let everybody in at once.
  const sockets: Duplex[] = [];
  for (let line = 0; line < lines; line++) sockets.push(await open(line));
  const taken = await Promise.all(
    sockets.map(async (socket, at) => {
      await pause((at * pauseMs) / lines);
      return echoes(socket, keys, pauseMs);
    }),
  );
  for (const socket of sockets) socket.destroy();
  return taken.flat();
}

/** What floods give while they are measured. */
export interface Flood {
  /** Of a core. */
  readonly cores: number;
  readonly sentBytes: number;
  /** What the lines had no room for because nobody took it. */
  readonly droppedBytes: number;
  /** What people saw of it. */
  readonly seenBytes: number;
}

/** Lets all lines talk for a span, one person looking on at each. */
export async function flood(
  server: TerminalServer,
  sender: PacedSender,
  lines: number,
  spanMs: number,
): Promise<Flood> {
  const sockets = await Promise.all(Array.from({ length: lines }, (_, line) => server.open(line)));
  let seenBytes = 0;
  for (const socket of sockets) {
    socket.on("data", (chunk: Buffer) => (seenBytes += chunk.length));
  }
  const before = await sender.report();
  await sender.start();
  await pause(1000);
  const startMs = hostMs();
  const startCpuMs = server.cpuMs();
  await pause(spanMs);
  const cores = (server.cpuMs() - startCpuMs) / (hostMs() - startMs);
  await sender.stop();
  // What is under way still comes.
  await pause(1000);
  const after = await sender.report();
  for (const socket of sockets) socket.destroy();
  const sum = (of: "sent" | "droppedBytes"): number =>
    after.reduce((total, port, at) => total + port[of] - (before[at]?.[of] ?? 0), 0);
  return { cores, sentBytes: sum("sent"), droppedBytes: sum("droppedBytes"), seenBytes };
}

/** What people see of lines that talk as fast as they can, one person at each, in bytes a second together. */
export async function throughput(
  server: TerminalServer,
  sender: PacedSender,
  lines: number,
  spanMs: number,
): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: lines }, (_, line) => server.open(line)));
  let bytes = 0;
  for (const socket of sockets) socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  await sender.start();
  await pause(1000);
  const startMs = hostMs();
  bytes = 0;
  await pause(spanMs);
  const seen = (bytes * 1000) / (hostMs() - startMs);
  await sender.stop();
  for (const socket of sockets) socket.destroy();
  return seen;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
