import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SenderCommand } from "./paced-sender-main.js";
import type { PacedPortReport, PacedPortSpec } from "./paced-port.js";

export type { PacedPortReport, PacedPortSpec } from "./paced-port.js";
export {
  KNOWN_LINE_BYTES,
  knownBytes,
  knownLines,
  withoutDropped,
  type Dropped,
} from "./known-stream.js";

/** A process that plays the far ends of serial ports. It ends with the one who started it. */
export interface PacedSender extends AsyncDisposable {
  readonly pid: number;
  /** Begins to send on all ports, where they stopped. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What each port has done so far, in the order of the specs. */
  report(): Promise<PacedPortReport[]>;
  /** The newest 1 MiB that a port has heard. */
  heard(port: number): Promise<Buffer>;
  /** Sends these bytes before anything else, waiting for room. */
  say(port: number, bytes: Uint8Array): Promise<void>;
  /** Pulls a port out, as a USB adapter: its link and its terminal go. */
  unplug(port: number): Promise<void>;
  plug(port: number): Promise<void>;
  /** Hears nothing until it is thawed, so that whoever writes gets stuck. */
  freeze(port: number): Promise<void>;
  thaw(port: number): Promise<void>;
}

/**
 * Opens a pseudo terminal for each port, links it to the port's path, and sends a known stream on it at a given rate by
 * the clock, whether or not anybody reads. What there was no room for is dropped and counted, as by a UART.
 */
export async function startPacedSender(specs: readonly PacedPortSpec[]): Promise<PacedSender> {
  const main = fileURLToPath(new URL("./paced-sender-main.js", import.meta.url));
  const child = spawn(process.execPath, [main, JSON.stringify(specs)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const waiting: ((answer: unknown) => void)[] = [];
  const ready = Promise.withResolvers<void>();
  waiting.push(() => ready.resolve());
  createInterface({ input: child.stdout }).on("line", (line) =>
    waiting.shift()?.(JSON.parse(line) as unknown),
  );
  child.stdin.on("error", () => {});
  await Promise.race([
    ready.promise,
    exited.then(() => Promise.reject(new Error("The paced sender ended at once."))),
  ]);
  const ask = <T = void>(command: SenderCommand): Promise<T> =>
    new Promise((resolve) => {
      waiting.push((answer) => resolve(answer as T));
      child.stdin.write(`${JSON.stringify(command)}\n`);
    });
  return {
    pid: child.pid as number,
    start: () => ask({ do: "start" }),
    stop: () => ask({ do: "stop" }),
    report: () => ask<PacedPortReport[]>({ do: "report" }),
    heard: async (port) => Buffer.from(await ask<string>({ do: "heard", port }), "base64"),
    say: (port, bytes) => ask({ do: "say", port, base64: Buffer.from(bytes).toString("base64") }),
    unplug: (port) => ask({ do: "unplug", port }),
    plug: (port) => ask({ do: "plug", port }),
    freeze: (port) => ask({ do: "freeze", port }),
    thaw: (port) => ask({ do: "thaw", port }),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
