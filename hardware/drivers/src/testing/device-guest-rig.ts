import { once } from "node:events";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { PortKind, Ports } from "@outrider/ports/driver";
import { PortError, type PortErrorCode } from "@outrider/ports/port-error";
import { buildDeviceGuest, GPIO_PAGE } from "@outrider/simulators/device-guest-image";
import { lacksGuest } from "@outrider/simulators/lacks-guest";
import { LINUX_PEERS } from "@outrider/simulators/peers";
import type { Declared } from "../open.js";
import type { GuestPort, GuestRequest } from "./device-guest.js";
import { DEVICE_GUEST } from "./device-guest-setup.js";

type Asking = GuestRequest extends infer R ? (R extends unknown ? Omit<R, "id"> : never) : never;

/** Programs and files that the guest is made with. */
const PEERS = { ...LINUX_PEERS, xz: "xz-utils", setpriv: "util-linux" };
/** The stub's bus: the only one of the guest. */
export const STUB_BUS = "SMBus stub driver";
export const GUEST_CHIP = "AMDIF031:00";

/** Registers of the guest's GPIO chip (drivers/gpio/gpio-amdpt.c). */
const DIRECTION = 0;
const INPUT = 4;
const OUTPUT = 8;

/** A virtual machine with real devices, seen from a test; drivers are opened inside. */
export interface DeviceGuest extends AsyncDisposable {
  /** Opens a driver in the guest, as an agent there does; its port, called over the guest's console. */
  open<P extends PortKind>(port: P, declared: Declared, agent?: "second"): Promise<Ports[P]>;
  /** Ends the second agent as a crash does. */
  killSecond(): Promise<void>;
  /** Runs a program in the guest. @returns what it said */
  run(...command: readonly string[]): Promise<string>;
  /** Calls a function of a module of the guest. */
  call<T>(module: string, name: string, ...args: readonly unknown[]): Promise<T>;
  /** Waits until no other test file has it; kept until disposal. */
  lock(name: string): Promise<void>;
  /** A register of a chip of the stub, by busybox past the drivers. */
  peek(address: number, register: number, mode?: "b" | "w"): Promise<number>;
  poke(address: number, register: number, value: number, mode?: "b" | "w"): Promise<void>;
  /** The GPIO chip from outside the machine. */
  readonly gpio: {
    isOutput(line: number): boolean;
    output(line: number): boolean;
    /** Writes the output register past the kernel. */
    setOutput(line: number, high: boolean): void;
    drive(line: number, high: boolean): void;
  };
}

/** Whether the tests have to be left out here, said loudly. */
export function lacksDeviceGuest(tests: string): Promise<boolean> {
  return lacksGuest(tests, PEERS, buildDeviceGuest);
}

export async function joinDeviceGuest(): Promise<DeviceGuest> {
  const socket = connect(process.env[DEVICE_GUEST] ?? "/nowhere");
  await once(socket, "connect");
  socket.on("error", () => {});
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const joined = Promise.withResolvers<string>();
  createInterface({ input: socket }).on("line", (line) => {
    const word = JSON.parse(line) as {
      id: number;
      answer?: unknown;
      error?: { name: string; message: string; code?: PortErrorCode };
      memory?: string;
      failed?: string;
    };
    if (word.memory !== undefined) joined.resolve(word.memory);
    if (word.failed !== undefined) joined.reject(new Error(word.failed));
    const question = waiting.get(word.id);
    waiting.delete(word.id);
    if (word.error?.code) question?.reject(new PortError(word.error.code, word.error.message));
    else if (word.error) question?.reject(new Error(word.error.message));
    else question?.resolve(word.answer);
  });
  const memory = openSync(await joined.promise, "r+");
  let ids = 0;
  const ask = <T>(
    request: Asking | { do: "lock"; name: string },
    agent?: "second",
  ): [number, Promise<T>] => {
    const id = (ids += 1);
    const question = Promise.withResolvers<unknown>();
    waiting.set(id, question);
    // A question that nobody waits for any more may still fail: who crashes an agent of the guest knows that.
    question.promise.catch(() => {});
    socket.write(`${JSON.stringify({ ...request, id, ...(agent ? { agent } : {}) })}\n`);
    return [id, question.promise as Promise<T>];
  };
  const run = async (...command: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await ask<{ code: number; stdout: string; stderr: string }>({
      do: "run",
      command,
    })[1];
    if (code !== 0) throw new Error(`${command.join(" ")} failed: ${stderr}`);
    return stdout.trim();
  };
  const word = (register: number, value?: number): number => {
    const bytes = Buffer.alloc(4);
    if (value === undefined) readSync(memory, bytes, 0, 4, GPIO_PAGE + register);
    else {
      bytes.writeUInt32LE(value >>> 0);
      writeSync(memory, bytes, 0, 4, GPIO_PAGE + register);
    }
    return bytes.readUInt32LE();
  };
  const bit = (register: number, line: number, high: boolean): void => {
    const mask = 1 << line;
    word(register, high ? word(register) | mask : word(register) & ~mask);
  };
  const i2c = (tool: string, ...args: readonly string[]) =>
    run("/tmp/busybox", tool, "-f", "-y", "0", ...args);
  const hex = (value: number): string => `0x${value.toString(16)}`;
  return {
    open: async <P extends PortKind>(port: P, declared: Declared, agent?: "second") => {
      const { handle, facts, methods } = await ask<GuestPort>(
        { do: "open", port, declared },
        agent,
      )[1];
      const call =
        (method: string) =>
        async (...args: unknown[]): Promise<unknown> => {
          const signal =
            args.at(-1) instanceof AbortSignal ? (args.pop() as AbortSignal) : undefined;
          const aborted = signal?.aborted === true;
          const [id, answered] = ask<unknown>({ do: "call", handle, method, args, aborted }, agent);
          const abort = (): void => {
            const reason = String((signal?.reason as Error | undefined)?.message);
            void ask({ do: "abort", call: id, reason }, agent)[1];
          };
          signal?.addEventListener("abort", abort, { once: true });
          return answered.catch((error: unknown) => {
            throw signal?.aborted ? (signal.reason as Error) : error;
          });
        };
      return {
        ...facts,
        ...Object.fromEntries(methods.map((method) => [method, call(method)])),
        [Symbol.asyncDispose]: () => ask({ do: "close", handle }, agent)[1],
      } as unknown as Ports[P];
    },
    killSecond: () => ask<void>({ do: "kill-second" })[1],
    run,
    call: <T>(module: string, name: string, ...args: readonly unknown[]) =>
      ask<T>({
        do: "detect",
        module: `/app/node_modules/@outrider/${module}`,
        function: name,
        args,
      })[1],
    lock: (name) => ask<void>({ do: "lock", name })[1],
    peek: async (address, register, mode = "b") =>
      Number(await i2c("i2cget", hex(address), hex(register), mode)),
    poke: async (address, register, value, mode = "b") =>
      void (await i2c("i2cset", hex(address), hex(register), hex(value), mode)),
    gpio: {
      isOutput: (line) => ((word(DIRECTION) >> line) & 1) === 1,
      output: (line) => ((word(OUTPUT) >> line) & 1) === 1,
      setOutput: (line, high) => bit(OUTPUT, line, high),
      drive: (line, high) => bit(INPUT, line, high),
    },
    [Symbol.asyncDispose]: async () => {
      closeSync(memory);
      socket.end();
      await once(socket, "close");
    },
  };
}
