import { lines } from "./boot-text.js";

/** What a shell may do with the machine it runs on. */
export interface ShellHost {
  readonly hostname: string;
  uptime(): number;
  /** What the kernel has said since it started. */
  kernelLog(): string;
  /** Says something on the console, in order with all else. */
  print(text: string | Buffer): void;
  /** Says a long text piece by piece until it is through or interrupted; no prompt comes before. */
  pour(pieces: Iterable<string | Buffer>, done: () => void): { interrupt(): void };
  panic(why: string): void;
  restart(): void;
  powerOff(): void;
}

const INTERRUPT = 0x03;
const END_OF_INPUT = 0x04;
const BACKSPACES: readonly number[] = [0x08, 0x7f];
const LINE_LIMIT = 255;
const POUR_LINES = 400;

/** The terminal's line discipline, a login that takes any name without a password, and a tiny shell. */
export class SimulatedShell {
  #user: string | undefined;
  #line: number[] = [];
  #afterReturn = false;
  #pouring: { interrupt(): void } | undefined;
  /** So many bytes are still given back as they come, whatever they are. */
  #looping = 0;

  constructor(private readonly host: ShellHost) {}

  input(bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#looping > 0) {
        const back = bytes.subarray(from, from + this.#looping);
        from += back.length;
        this.#looping -= back.length;
        this.host.print(Buffer.from(back));
        if (this.#looping === 0) this.#prompt();
      } else {
        this.#key(bytes[from] ?? 0);
        from += 1;
      }
    }
  }

  #key(key: number): void {
    const second = this.#afterReturn && key === 0x0a;
    this.#afterReturn = key === 0x0d;
    if (second) return;
    if (key === INTERRUPT) this.#interrupt();
    else if (this.#pouring) return;
    else if (key === 0x0d || key === 0x0a) this.#enter();
    else if (key === END_OF_INPUT) {
      if (this.#line.length === 0 && this.#user !== undefined) this.#logOut();
    } else if (BACKSPACES.includes(key)) {
      if (this.#line.pop() !== undefined) this.host.print("\b \b");
    } else if (key >= 0x20 && this.#line.length < LINE_LIMIT) {
      this.#line.push(key);
      this.host.print(Buffer.of(key));
    }
  }

  #interrupt(): void {
    this.#line = [];
    this.host.print("^C\r\n");
    if (this.#pouring) this.#pouring.interrupt();
    else this.#prompt();
  }

  #enter(): void {
    const text = Buffer.from(this.#line).toString("utf8").trim();
    this.#line = [];
    this.host.print("\r\n");
    if (this.#user !== undefined) return this.#run(text);
    if (text !== "") {
      this.#user = text.replaceAll(/[^A-Za-z0-9._-]/g, "").slice(0, 32) || "user";
      this.host.print(lines(`Linux ${this.host.hostname} 6.1.0-18-arm64 aarch64`, ""));
    }
    this.#prompt();
  }

  #prompt(): void {
    const { hostname } = this.host;
    this.host.print(
      this.#user === undefined
        ? `${hostname} login: `
        : `${this.#user}@${hostname}:~${this.#user === "root" ? "#" : "$"} `,
    );
  }

  #logOut(): void {
    this.#user = undefined;
    this.host.print("logout\r\n\r\n");
    this.#prompt();
  }

  #run(text: string): void {
    const [command = "", ...words] = text.split(/\s+/);
    const count = Math.min(Number(words[0] ?? 0) || 0, 100_000_000);
    switch (command) {
      case "flood":
        return this.#pour(flood(count));
      case "bytes":
        return this.#pour(allBytes(count || 256));
      case "loop":
        this.#looping = count;
        if (count === 0) this.#prompt();
        return;
      case "panic":
        return this.host.panic("sysrq triggered crash");
      case "reboot":
        return this.host.restart();
      case "poweroff":
      case "halt":
        return this.host.powerOff();
      case "exit":
      case "logout":
        return this.#logOut();
      default:
        this.host.print(this.#answer(command, words));
        this.#prompt();
    }
  }

  #answer(command: string, words: readonly string[]): string {
    switch (command) {
      case "":
        return "";
      case "help":
        return lines(
          "bytes [N], dmesg, echo …, exit, flood N, hostname, loop N, ls, panic, poweroff, reboot, uname, uptime, whoami",
        );
      case "uptime":
        return lines(
          ` up ${Math.floor(this.host.uptime())} seconds,  1 user,  load average: 0.00, 0.00, 0.00`,
        );
      case "dmesg":
        return this.host.kernelLog();
      case "ls":
        return lines("README  notes.txt");
      case "uname":
        return lines(`Linux ${this.host.hostname} 6.1.0-18-arm64 aarch64 GNU/Linux`);
      case "hostname":
        return lines(this.host.hostname);
      case "whoami":
        return lines(this.#user ?? "");
      case "echo":
        return lines(words.join(" "));
      default:
        return lines(`-sh: ${command}: not found`);
    }
  }

  #pour(pieces: Iterable<string | Buffer>): void {
    this.#pouring = this.host.pour(pieces, () => {
      this.#pouring = undefined;
      this.#prompt();
    });
  }
}

/** Numbered lines of 64 bytes each, so that whoever reads them knows what is missing. */
export function* flood(count: number): Generator<string> {
  for (let from = 1; from <= count; from += POUR_LINES) {
    const until = Math.min(count, from + POUR_LINES - 1);
    let text = "";
    for (let line = from; line <= until; line++) text += floodLine(line);
    yield text;
  }
}

export function floodLine(line: number): string {
  return `flood ${String(line).padStart(9, "0")} The quick brown fox jumps over a lazy dog.....\r\n`;
}

/** 0 to 255 and again, untouched by any terminal, so many bytes in all. */
export function* allBytes(count: number): Generator<Buffer> {
  const block = Buffer.from(Array.from({ length: 16_384 }, (_, index) => index & 0xff));
  for (let left = count; left > 0; left -= block.length) yield block.subarray(0, left);
}
