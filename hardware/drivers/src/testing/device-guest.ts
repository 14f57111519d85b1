/**
 * Program: runs inside a virtual machine with real Linux devices. Opens drivers as an agent does, calls their ports, and
 * runs programs, as it is told on its console. `second` is another process, so that there are two agents on one host.
 */
import { execFile, fork, type ChildProcess } from "node:child_process";
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { milliseconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { openDeclared, type Declared } from "../open.js";
import type { PortKind } from "@outrider/ports/driver";
import { driverContext } from "./context.js";
import type { PortError } from "@outrider/ports/port-error";

export type GuestRequest = { readonly id: number; readonly agent?: "second" } & (
  | { readonly do: "open"; readonly port: PortKind; readonly declared: Declared }
  | {
      readonly do: "call";
      readonly handle: number;
      readonly method: string;
      readonly args: readonly unknown[];
      /** Given up before it begins. */
      readonly aborted: boolean;
    }
  | { readonly do: "abort"; readonly call: number; readonly reason: string }
  | { readonly do: "close"; readonly handle: number }
  | { readonly do: "run"; readonly command: readonly string[] }
  | {
      readonly do: "detect";
      readonly module: string;
      readonly function: string;
      readonly args: readonly unknown[];
    }
  | { readonly do: "kill-second" }
);

/** What was opened: its plain properties, and what can be called. */
export interface GuestPort {
  readonly handle: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly methods: readonly string[];
}

/** An emulated processor on a busy machine is slow: what has a deadline has so many times as long. */
const SLOWER = 4;
const clock: Clock = {
  now: () => systemClock.now(),
  monotonicMs: () => systemClock.monotonicMs() / SLOWER,
  sleep: (span, signal) => systemClock.sleep(milliseconds(span * SLOWER), signal),
  every: (span, run) => systemClock.every(milliseconds(span * SLOWER), run),
};

type Opened = AsyncDisposable & { readonly port: object };
const opened = new Map<number, Opened>();
const calls = new Map<number, AbortController>();
let handles = process.pid * 1000;
let second: ChildProcess | undefined;

const say = (message: object): void => {
  if (process.send) process.send(message);
  else writeSync(1, `@${JSON.stringify(message)}\n`);
};

async function obey(request: GuestRequest): Promise<unknown> {
  switch (request.do) {
    case "open": {
      const one = await openDeclared(request.port, request.declared, driverContext({ clock }));
      const handle = (handles += 1);
      opened.set(handle, one);
      const entries = Object.entries(one.port as object);
      const facts = Object.fromEntries(entries.filter(([, value]) => typeof value !== "function"));
      const methods = entries.filter(([, value]) => typeof value === "function");
      return { handle, facts, methods: methods.map(([name]) => name) } satisfies GuestPort;
    }
    case "call": {
      const port = opened.get(request.handle)?.port as Record<
        string,
        (...args: unknown[]) => unknown
      >;
      const controller = new AbortController();
      calls.set(request.id, controller);
      if (request.aborted) controller.abort(new Error("given up"));
      try {
        return await port[request.method]?.(...request.args, controller.signal);
      } finally {
        calls.delete(request.id);
      }
    }
    case "abort":
      calls.get(request.call)?.abort(new Error(request.reason));
      return undefined;
    case "close": {
      const one = opened.get(request.handle);
      opened.delete(request.handle);
      return one?.[Symbol.asyncDispose]();
    }
    case "run":
      return new Promise((resolve) => {
        const [program = "", ...args] = request.command;
        execFile(program, args, (error, stdout, stderr) =>
          resolve({ code: error ? 1 : 0, stdout, stderr }),
        );
      });
    case "detect": {
      const module = (await import(request.module)) as Record<
        string,
        (...args: unknown[]) => unknown
      >;
      return module[request.function]?.(...request.args);
    }
    case "kill-second":
      if (second) {
        const gone = new Promise((resolve) => second?.once("exit", resolve));
        second.kill("SIGKILL");
        await gone;
        second = startSecond();
      }
      return undefined;
  }
}

/** Started before it is asked for: Node takes long to start on an emulated processor. */
function startSecond(): ChildProcess {
  return fork(process.argv[1] ?? "", [], { execArgv: [] }).on("message", (word) =>
    say(word as object),
  );
}

function take(request: GuestRequest): void {
  const { agent, ...own } = request;
  if (agent === "second") {
    second ??= startSecond();
    second.send(own);
    return;
  }
  obey(request).then(
    (answer) => say({ id: request.id, answer: answer ?? null }),
    (error: PortError) => {
      const { name, message, code } = error;
      say({ id: request.id, error: { name, message, code } });
    },
  );
}

if (process.send) process.on("message", (request) => take(request as GuestRequest));
else {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const at = line.indexOf("{");
    if (at >= 0) take(JSON.parse(line.slice(at)) as GuestRequest);
  });
  say({ ready: true });
  second = startSecond();
}
