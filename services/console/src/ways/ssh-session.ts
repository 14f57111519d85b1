import type { ServerChannel, Session } from "ssh2";
import type { Clock } from "@outrider/contracts/clock";
import type { ConsoleDoor } from "../sessions/attachment.js";
import { TextSession } from "../sessions/text-session.js";
import { DEFAULT_ESCAPE, readExecCommand, type ExecCommand } from "./exec-command.js";
import { runExec } from "./exec-run.js";
import { pumpInput } from "./input-pump.js";
import type { Guest } from "./sign-in-desk.js";
import { StreamOutput } from "./stream-output.js";
import type { Writable } from "node:stream";

export interface SshSessionParts {
  readonly door: ConsoleDoor;
  readonly clock: Clock;
  readonly guest: Guest;
  /** The console that the user name says. */
  readonly node: string | undefined;
  /** Said before a menu, when the user name was no console. */
  readonly hint: string | undefined;
  /** The connection below. */
  readonly socket: Writable;
}

/** Why a text session that ended so was no success. */
const FAILURES = new Set(["not-found", "not-allowed", "no-console", "too-many", "stopping"]);

/**
 * One session channel: a terminal (`shell`) or a command (`exec`). Environment, agent, X11, subsystems and forwarding
 * are not listened for, so ssh2 refuses them; there is no shell of this host behind any of it.
 */
export class SshSession {
  readonly #parts: SshSessionParts;
  readonly #gone = new AbortController();
  #isTerminal = false;
  #channel: ServerChannel | undefined;
  #text: TextSession | undefined;

  constructor(session: Session, parts: SshSessionParts) {
    this.#parts = parts;
    session.on("pty", (accept) => {
      this.#isTerminal = true;
      accept?.();
    });
    // A serial console has no size; the answer keeps clients quiet.
    session.on("window-change", (accept) => accept?.());
    session.on("shell", (accept) => {
      this.#begin(accept());
      this.#attach(this.#parts.node, "write", undefined, DEFAULT_ESCAPE);
    });
    session.on("exec", (accept, _reject, { command }) => {
      this.#begin(accept());
      this.#exec(command);
    });
    session.on("close", () => this.gone());
  }

  /** A break that the client's own escape asked for. @returns whether there is a console to break */
  broke(ms: number): boolean {
    this.#text?.breakReceived(ms === 0 ? undefined : ms);
    return this.#text !== undefined;
  }

  /** Says why, and ends it. */
  end(reason: string): void {
    this.#text?.restore();
    this.#complain(reason);
    this.#exit(1);
  }

  /** The far end is gone. */
  gone(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#text?.closed();
  }

  #begin(channel: ServerChannel): void {
    this.#channel = channel;
    channel.on("error", () => this.gone());
    channel.once("close", () => this.gone());
  }

  #exec(text: string): void {
    const { door, guest, node: named, hint } = this.#parts;
    const isConsole = (name: string): boolean => door.has(name, guest.visitor);
    const command = readExecCommand(text, named, { isConsole, hint });
    if ("problem" in command) {
      this.#complain(command.problem);
      this.#exit(command.noConsole ? 1 : 2);
    } else if (this.#isTerminal && isExact(command)) {
      this.#complain("exact bytes are not for a terminal: leave out -t, and redirect the output");
      this.#exit(2);
    } else if (command.verb === "attach") {
      const { node, mode, replay, escape } = command;
      this.#attach(node, mode, replay, escape);
    } else void this.#run(command);
  }

  #attach(
    node: string | undefined,
    mode: "write" | "spy" | "take",
    replay: string | undefined,
    escape: string,
  ): void {
    const channel = this.#channel;
    if (!channel) return;
    const { door, clock, guest, socket, hint } = this.#parts;
    if (node === undefined && hint !== undefined) this.#complain(hint);
    const output = new StreamOutput(channel, socket);
    const text = new TextSession({
      door,
      node,
      visitor: guest.visitor,
      mode,
      replay: replay ?? (this.#isTerminal ? "screen" : "none"),
      escape: this.#isTerminal ? escape : "none",
      clock,
      output: {
        write: (bytes) => output.write(bytes),
        onDrain: (callback) => output.onDrain(callback),
        end: (_reason, code) => this.#exit(FAILURES.has(code) ? 1 : 0),
      },
    });
    this.#text = text;
    if (mode === "spy" && !this.#isTerminal) {
      // Nothing is typed, and nothing being there to read is no reason to stop looking.
      channel.resume();
      return;
    }
    pumpInput(channel, (bytes) => text.input(bytes));
    channel.once("end", () => {
      text.closed();
      this.#exit(0);
    });
  }

  async #run(command: Exclude<ExecCommand, { verb: "attach" }>): Promise<void> {
    const channel = this.#channel;
    if (!channel) return;
    const { door, clock, guest, socket } = this.#parts;
    const output = new StreamOutput(channel, socket);
    if (command.verb !== "raw") channel.resume();
    const status = await runExec(command, {
      door,
      clock,
      visitor: guest.visitor,
      gone: this.#gone.signal,
      out: (bytes) => output.write(bytes),
      onDrain: (callback) => output.onDrain(callback),
      say: (line) => void output.write(Buffer.from(`${line}${this.#newline}`)),
      complain: (line) => this.#complain(line),
      onInput: (take, end) => {
        pumpInput(channel, take);
        channel.once("end", end);
      },
    });
    this.#exit(status);
  }

  #complain(line: string): void {
    const channel = this.#channel;
    if (!channel?.writable) return;
    const bytes = Buffer.from(`[outrider: ${line}]${this.#newline}`);
    if (this.#isTerminal) channel.write(bytes);
    else channel.stderr.write(bytes);
  }

  #exit(status: number): void {
    const channel = this.#channel;
    if (!channel?.writable) return;
    // The status goes before the end, and both after what was written.
    channel.write(Buffer.alloc(0), () => {
      channel.exit(status);
      channel.end();
    });
  }

  get #newline(): string {
    return this.#isTerminal ? "\r\n" : "\n";
  }
}

/** Whether it answers with bytes as the machine said them, which a terminal would obey. */
function isExact(command: ExecCommand): boolean {
  return command.verb === "raw" || (command.verb === "log" && command.wish.format === "raw");
}
