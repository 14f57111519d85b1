import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { QmpMonitor, type QmpEvent } from "./qmp-monitor.js";

/** A plain QMP client, for tests that look at a machine past every driver. */
export class QmpProbe {
  readonly events: QmpEvent[] = [];
  readonly #monitor: QmpMonitor;
  readonly #waiting = new Set<() => void>();
  /** Resolves when the other side closes the connection. */
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    this.#monitor = new QmpMonitor(socket, (event) => {
      this.events.push(event);
      for (const look of this.#waiting) look();
    });
  }

  /** @throws QmpError `SupplyLost` when the supply is off, or the error of the connection */
  static async open(path: string, signal: AbortSignal): Promise<QmpProbe> {
    const socket = connect(path);
    await once(socket, "connect", { signal });
    const probe = new QmpProbe(socket);
    await probe.#monitor.open();
    return probe;
  }

  /** @throws QmpError */
  execute(command: string, args?: unknown): Promise<unknown> {
    return this.#monitor.execute(command, args);
  }

  /** The run state of QEMU: `running`, `shutdown`, `guest-panicked`, `paused` … */
  async status(): Promise<string> {
    return ((await this.execute("query-status")) as { status: string }).status;
  }

  /** The first event of that name that came or will come. @throws the signal's reason */
  async event(name: string, signal: AbortSignal): Promise<QmpEvent> {
    for (;;) {
      signal.throwIfAborted();
      const found = this.events.find((it) => it.event === name);
      if (found) return found;
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
