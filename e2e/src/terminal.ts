import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findProgram } from "@outrider/testing/peers";
import { eventually } from "@outrider/testing/eventually";

/** Whether there can be a terminal: util-linux's `script` makes one. */
export const hasTerminal = (): boolean => findProgram("script") !== undefined;

/** A program of Node at a terminal of its own, with somebody who types. */
export class Terminal implements AsyncDisposable {
  #shown = "";
  readonly exited: Promise<number | null>;

  private constructor(private readonly child: ReturnType<typeof spawn>) {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#shown += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#shown += text));
    this.exited = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  }

  static run(program: string, words: readonly string[], env: NodeJS.ProcessEnv): Terminal {
    const quoted = [process.execPath, fileURLToPath(program), ...words].map(
      (word) => `'${word.replaceAll("'", `'\\''`)}'`,
    );
    // -e: ends with the exit code of the program.
    const args = ["-q", "-e", "-c", `exec ${quoted.join(" ")}`, "/dev/null"];
    return new Terminal(spawn("script", args, { env: { ...env, TERM: "xterm" }, stdio: "pipe" }));
  }

  /** Everything that was shown so far, and what the terminal echoed. */
  get shown(): string {
    return this.#shown;
  }

  async shows(pattern: RegExp): Promise<void> {
    await eventually(`the terminal shows ${String(pattern)}`, () => pattern.test(this.#shown));
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }
}
