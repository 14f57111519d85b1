import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** The far end of a slot's console, for tests that read what the guest says and type to it. */
export class ConsoleProbe {
  /** All that was received. */
  text = "";
  #read = 0;
  readonly #waiting = new Set<() => void>();

  private constructor(private readonly socket: Socket) {
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      this.text += chunk;
      for (const look of this.#waiting) look();
    });
    socket.on("error", () => {});
  }

  static async open(path: string, signal: AbortSignal): Promise<ConsoleProbe> {
    const socket = connect(path);
    const probe = new ConsoleProbe(socket);
    await once(socket, "connect", { signal });
    return probe;
  }

  type(text: string): void {
    this.socket.write(text);
  }

  /**
   * Waits for output that fits, after what earlier calls have found.
   * @throws Error with the output so far when the signal is aborted
   */
  async expect(pattern: RegExp, signal: AbortSignal): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text.slice(this.#read));
      if (found) {
        this.#read += found.index + found[0].length;
        return found;
      }
      if (signal.aborted)
        throw new Error(
          `The console never said ${pattern.source}. It said: ${this.text.slice(-2000)}`,
        );
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          signal.removeEventListener("abort", look);
          resolve();
        };
        this.#waiting.add(look);
        signal.addEventListener("abort", look, { once: true });
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
