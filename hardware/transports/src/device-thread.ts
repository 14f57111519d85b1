import { constants } from "node:os";
import { Worker } from "node:worker_threads";

/** What the thread of a device file can be told. */
export type DeviceCall =
  | { readonly do: "open"; readonly path: string }
  | { readonly do: "close"; readonly fd: number }
  | {
      readonly do: "ioctl";
      readonly fd: number;
      readonly request: number;
      readonly bytes: Uint8Array;
      /** Calls with a number, made before it without anything between. */
      readonly before?: readonly { readonly request: number; readonly value: number }[];
      /** Memory that is pointed at, and where in `bytes` the pointer is; -1: only another of `inside` points at it. */
      readonly inside?: readonly { readonly at: number; readonly bytes: Uint8Array }[];
      /** Pointers from one of `inside` to another. */
      readonly pointers?: readonly {
        readonly in: number;
        readonly at: number;
        readonly to: number;
      }[];
    };

export interface DeviceAnswer {
  readonly result: number;
  readonly errno?: number;
  readonly bytes?: Uint8Array;
  readonly inside?: readonly Uint8Array[];
}

/** A call to the system about a device file failed. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  constructor(
    readonly call: string,
    readonly errno: number,
  ) {
    super(`${call} failed (${errnoName(errno)})`);
  }

  get code(): string {
    return errnoName(this.errno);
  }
}

/** Small: it holds no data. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };
/** A call that takes longer is taken for stuck: whoever waits behind it gets a thread of their own. */
const STUCK_AFTER_MS = 50;
/** More are not started: a host whose devices all hang is no host to work on. */
const MOST_THREADS = 16;

interface Thread {
  readonly worker: Worker;
  readonly online: Promise<void>;
  busy: PromiseWithResolvers<DeviceAnswer> | undefined;
}

/**
 * Threads for calls to device files, which may wait for the device. One serves them all as long as none is stuck, so
 * that a device that hangs holds up neither another one nor anything else of the process.
 */
export class DeviceThreads {
  readonly #threads: Thread[] = [];
  readonly #waiting: {
    readonly call: DeviceCall;
    readonly answered: PromiseWithResolvers<DeviceAnswer>;
  }[] = [];
  #watched = false;

  /** @param program what runs in the threads; only tests have another */
  constructor(private readonly program = new URL("./device-thread-worker.js", import.meta.url)) {}

  /** Resolves when there is a thread: its start takes long on a slow host, and is no fault of a device. */
  async ready(): Promise<void> {
    const [first = this.#start()] = this.#threads;
    await first.online;
  }

  /** @throws DeviceError */
  async call(name: string, call: DeviceCall): Promise<DeviceAnswer> {
    const answered = Promise.withResolvers<DeviceAnswer>();
    this.#waiting.push({ call, answered });
    this.#next();
    const answer = await answered.promise;
    if (answer.result < 0) throw new DeviceError(name, answer.errno ?? 0);
    return answer;
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#threads.find(({ busy }) => busy === undefined);
      const thread = idle ?? (this.#threads.length === 0 ? this.#start() : undefined);
      if (thread === undefined) {
        if (!this.#watched) setTimeout(() => this.#another(), STUCK_AFTER_MS);
        this.#watched = true;
        return;
      }
      const next = this.#waiting.shift();
      if (next === undefined) return;
      thread.busy = next.answered;
      thread.worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      thread.worker.postMessage(next.call);
    }
  }

  #another(): void {
    this.#watched = false;
    if (this.#waiting.length === 0) return;
    if (this.#threads.length < MOST_THREADS) this.#start();
    this.#next();
  }

  #start(): Thread {
    const worker = new Worker(this.program, { resourceLimits: LIMITS, trackUnmanagedFds: false });
    const online = Promise.withResolvers<void>();
    const thread: Thread = { worker, online: online.promise, busy: undefined };
    this.#threads.push(thread);
    const gone = (error: Error): void => {
      const at = this.#threads.indexOf(thread);
      if (at >= 0) this.#threads.splice(at, 1);
      online.reject(error);
      thread.busy?.reject(error);
      this.#next();
    };
    // Who does not wait for it need not hear of it.
    online.promise.catch(() => {});
    worker.on("message", (answer: DeviceAnswer | "online") => {
      if (answer === "online") {
        online.resolve();
        if (thread.busy === undefined) worker.unref();
        return;
      }
      const { busy } = thread;
      thread.busy = undefined;
      // An idle thread keeps nobody alive.
      worker.unref();
      busy?.resolve(answer);
      this.#next();
    });
    worker.on("error", (error) => gone(error as Error));
    worker.on("exit", () => gone(new Error("The thread for devices ended.")));
    return thread;
  }
}

/** The threads of this process. */
const threads = new DeviceThreads();

/** One device file: its calls are made one after the other, in the order in which they were asked. */
export class DeviceFiles {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly pool: DeviceThreads = threads) {}

  ready(): Promise<void> {
    return this.pool.ready();
  }

  /** @throws DeviceError */
  async open(path: string): Promise<number> {
    return (await this.#call("open", { do: "open", path })).result;
  }

  async close(fd: number): Promise<void> {
    await this.#call("close", { do: "close", fd });
  }

  /** @param name of the request, for messages @throws DeviceError */
  ioctl(name: string, call: Omit<DeviceCall & { do: "ioctl" }, "do">): Promise<DeviceAnswer> {
    return this.#call(name, { do: "ioctl", ...call });
  }

  #call(name: string, call: DeviceCall): Promise<DeviceAnswer> {
    const run = this.#last.then(() => this.pool.call(name, call));
    this.#last = run.catch(() => {});
    return run;
  }
}

function errnoName(errno: number): string {
  const [name] = Object.entries(constants.errno).find(([, value]) => value === errno) ?? [];
  return name ?? EXTRA[errno] ?? `errno ${errno}`;
}

/** Numbers of Linux that Node has no name for. */
const EXTRA: Readonly<Record<number, string>> = { 121: "EREMOTEIO" };
