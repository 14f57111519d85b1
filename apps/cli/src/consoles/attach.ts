import { milliseconds, seconds, systemClock } from "@outrider/contracts/clock";
import type { AttachMode, ConsoleTold } from "@outrider/contracts/console-attach";
import type { WebSocket } from "ws";
import { ApiError, type Api } from "../api.js";
import type { Console } from "../console.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { plain } from "../plain.js";
import { exitOfBye } from "./bye.js";
import { EscapeWatch } from "./escape-watch.js";
import { TerminalModes } from "@outrider/contracts/terminal-modes";

export interface AttachWish {
  readonly node: string;
  readonly mode: AttachMode;
  /** As it is asked for, or as suits: some lines for a person, nothing for a program. */
  readonly replay: string | undefined;
  readonly escape: string;
  /** Once input has ended, and who looks on has none: leave so long after the last byte. Undefined: stay. */
  readonly lingerMs: number | undefined;
}

/** What waits to be sent before typing is held up. */
const MAX_WAITING_BYTES = 262_144;
const PING = seconds(15);
/** How long a far end may take to say anything at all, once it is asked for a sign of life. */
const SIGN_OF_LIFE = seconds(30);
/** How long the far end may take to let somebody go. */
const LEAVE = seconds(2);

/**
 * A terminal at a console: for a person keys go out as they are pressed, and the far end interprets the escape; for a
 * program bytes go both ways as they are.
 */
export async function attach(api: Api, wish: AttachWish, console: Console): Promise<ExitCode> {
  const { inputIsTerminal, outputIsTerminal } = console.bytes;
  const isPerson = inputIsTerminal && outputIsTerminal;
  const socket = await api.connect(`/nodes/${encodeURIComponent(wish.node)}/console/attach`, {
    mode: wish.mode,
    replay: wish.replay ?? (isPerson ? "lines:20" : "none"),
    way: "cli",
    ...(isPerson ? { escape: wish.escape } : { raw: true }),
  });
  return new Attached(socket, wish, console, isPerson).run();
}

class Attached {
  readonly #ended = Promise.withResolvers<ExitCode>();
  readonly #stopped = new AbortController();
  readonly #escape: EscapeWatch | undefined;
  readonly #modes = new TerminalModes();
  #heardMs = systemClock.monotonicMs();
  #byteMs = systemClock.monotonicMs();
  #bye: ConsoleTold | undefined;
  #blocked = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly wish: AttachWish,
    private readonly console: Console,
    private readonly isPerson: boolean,
  ) {
    if (isPerson && wish.escape !== "none") this.#escape = new EscapeWatch(wish.escape);
  }

  async run(): Promise<ExitCode> {
    const { socket, console } = this;
    const { input, output } = console.bytes;
    using _keys = this.isPerson ? console.bytes.keys() : undefined;
    const interrupted = (): void => this.#end(EXIT.interrupted);
    console.interrupted.addEventListener("abort", interrupted);
    if (console.interrupted.aborted) interrupted();
    socket.on("message", (data: Buffer, isBinary) => {
      this.#heardMs = systemClock.monotonicMs();
      if (isBinary) this.#show(data);
      else this.#told(readTold(data));
    });
    socket.on("pong", () => void (this.#heardMs = systemClock.monotonicMs()));
    socket.on("close", (code, reason) => this.#closed(code, reason.toString()));
    // What breaks the connection closes it, which is told above.
    socket.on("error", () => socket.terminate());
    const stopPinging = systemClock.every(PING, () => this.#lives());
    const reads = this.wish.mode !== "spy" || this.isPerson;
    const typed = (bytes: Buffer): void => this.#typed(bytes);
    const inputEnded = (): void => void this.#inputEnded().catch(() => undefined);
    if (reads) input.on("data", typed).once("end", inputEnded);
    else inputEnded();
    socket.resume();
    try {
      return await this.#ended.promise;
    } finally {
      this.#stopped.abort();
      stopPinging();
      console.interrupted.removeEventListener("abort", interrupted);
      if (reads) input.off("data", typed).off("end", inputEnded).pause();
      socket.terminate();
      if (this.isPerson) output.write(`${this.#modes.undo()}\r\n`);
    }
  }

  #show(data: Buffer): void {
    const { output } = this.console.bytes;
    this.#byteMs = systemClock.monotonicMs();
    if (this.isPerson) this.#modes.saw(data);
    if (output.write(data) || this.#blocked) return;
    // No faster than it is taken: the console service then leaves out for us what is too much.
    this.#blocked = true;
    this.socket.pause();
    output.once("drain", () => {
      this.#blocked = false;
      this.#heardMs = systemClock.monotonicMs();
      this.socket.resume();
    });
  }

  #typed(bytes: Buffer): void {
    const { socket, console } = this;
    if (socket.readyState !== socket.OPEN) return;
    if (this.#escape?.typed(bytes)) void this.#leave().catch(() => undefined);
    socket.send(bytes, () => {
      if (socket.bufferedAmount < MAX_WAITING_BYTES / 2 && !this.#stopped.signal.aborted) {
        console.bytes.input.resume();
      }
    });
    if (socket.bufferedAmount > MAX_WAITING_BYTES) console.bytes.input.pause();
  }

  /** With an escape most of what is told stands among the bytes, and only the last is told. */
  #told(told: ConsoleTold): void {
    const { text, writes } = told;
    if (told.told === "bye") {
      this.#bye = told;
      this.socket.close();
    }
    // A person has read it in the terminal.
    if (text !== undefined && !this.isPerson) this.console.error(plain(`outrider: ${text}`));
    if (told.told !== "attached" || writes || this.wish.mode === "spy") return;
    const { node } = this.wish;
    this.console.error(
      `outrider: somebody else types at ${node}; --spy looks on, --take takes the console, \`outrider console who ${node}\` says who`,
    );
    this.#end(EXIT.precondition);
  }

  #closed(code: number, reason: string): void {
    if (this.#stopped.signal.aborted) return;
    const bye = this.#bye?.code ?? (code === 1000 && reason === "" ? "left" : reason);
    const exit = code === 1006 || code === 1005 ? EXIT.unreachable : exitOfBye(bye);
    if (code === 1006) {
      const eol = this.isPerson ? "\r\n" : "";
      this.console.error(
        `${eol}outrider: the connection has broken: the gateway or the console service has gone, or your sign-in has ended`,
      );
    }
    this.#end(exit);
  }

  /** The far end lets go whoever typed the escape and a full stop; one that hangs is left alone. */
  async #leave(): Promise<void> {
    const askedMs = systemClock.monotonicMs();
    this.socket.ping();
    await systemClock.sleep(LEAVE, this.#stopped.signal);
    if (this.#heardMs > askedMs && !this.#blocked) return;
    this.console.error("\r\noutrider: the console service did not answer; left");
    this.#end(EXIT.verified);
  }

  async #inputEnded(): Promise<void> {
    const { lingerMs } = this.wish;
    if (this.isPerson) return this.#end(EXIT.verified);
    if (lingerMs === undefined) return;
    this.#byteMs = systemClock.monotonicMs();
    for (;;) {
      const leftMs = this.#byteMs + lingerMs - systemClock.monotonicMs();
      if (leftMs <= 0) return this.#end(EXIT.verified);
      // One after the other: each wait is for the byte that came last.
      await systemClock.sleep(milliseconds(Math.ceil(leftMs)), this.#stopped.signal);
    }
  }

  #lives(): void {
    if (this.#blocked) return;
    if (systemClock.monotonicMs() - this.#heardMs > SIGN_OF_LIFE) {
      this.console.error("\r\noutrider: nothing is heard from the console service any more; left");
      return this.#end(EXIT.unreachable);
    }
    this.socket.ping();
  }

  #end(code: ExitCode): void {
    this.#ended.resolve(code);
  }
}

/** Does something over a console's WebSocket as whoever types there. @throws ApiError where somebody else does */
export async function withConsole<T>(
  api: Api,
  { node, take }: { readonly node: string; readonly take: boolean },
  use: (ask: (what: object) => Promise<ConsoleTold>) => Promise<T>,
): Promise<T> {
  const socket = await api.connect(`/nodes/${encodeURIComponent(node)}/console/attach`, {
    mode: take ? "take" : "write",
    replay: "none",
    way: "cli",
    raw: true,
  });
  const waiting = new Map<number, (told: ConsoleTold) => void>();
  const attached = Promise.withResolvers<ConsoleTold>();
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  socket.on("error", () => socket.terminate());
  socket.on("close", (code, reason) =>
    broken.reject(
      new ApiError(`the console was left: ${reason.toString() || code}`, EXIT.unreachable),
    ),
  );
  socket.on("message", (data: Buffer, isBinary) => {
    if (isBinary) return;
    const told = readTold(data);
    if (told.told === "attached") attached.resolve(told);
    if (told.ref !== undefined) waiting.get(told.ref)?.(told);
  });
  socket.resume();
  try {
    const { writes } = await Promise.race([attached.promise, broken.promise]);
    if (!writes) {
      throw new ApiError(
        `somebody else types at ${node}; --take takes the console, \`outrider console who ${node}\` says who`,
        EXIT.precondition,
      );
    }
    let last = 0;
    return await use((what) => {
      const ref = ++last;
      const answer = Promise.withResolvers<ConsoleTold>();
      waiting.set(ref, answer.resolve);
      socket.send(JSON.stringify({ ...what, ref }));
      return Promise.race([answer.promise, broken.promise]);
    });
  } finally {
    socket.close();
  }
}

/** What is told by something that is no console service ends the connection. */
function readTold(data: Buffer): ConsoleTold {
  const bye = { told: "bye", code: "unreadable", text: "what was told cannot be read" } as const;
  try {
    const read = JSON.parse(data.toString()) as unknown;
    return typeof read === "object" && read !== null ? (read as ConsoleTold) : bye;
  } catch {
    return bye;
  }
}
