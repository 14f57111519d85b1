import { closeSync, constants, openSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { PortError } from "@outrider/ports/port-error";
import { claim, type Claim } from "./claim.js";
import { rightsAdvice } from "./device-rights.js";
import { whoHas } from "./device-trouble.js";
import { Terminal, TerminalError } from "./serial-ioctl.js";
import { Shared, type Share } from "./shared.js";

export type ControlLine = "dtr" | "rts";

export interface SerialControlOptions {
  /** `/dev/serial/by-path/…` or `/dev/ttyS1`. */
  readonly path: string;
  readonly line: ControlLine;
  /** Who takes it, told to the next who asks. */
  readonly owner: string;
  /** What it is set to in taking it. Missing: as it is. */
  readonly on?: boolean | undefined;
}

const OPEN_FLAGS = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;

/** A port of which nothing but its lines is used, shared by those who have one each. */
class ParkedPort implements Disposable {
  #open: { readonly fd: number; readonly terminal: Terminal } | undefined;

  constructor(private readonly path: string) {
    void this.terminal;
  }

  /** Opened again when it was lost. @throws an error of the system · TerminalError · "in use" */
  get terminal(): Terminal {
    if (this.#open) return this.#open.terminal;
    const fd = openSync(this.path, OPEN_FLAGS);
    try {
      const terminal = new Terminal(fd);
      if (!terminal.lock()) throw new InUse();
      const { dtr, rts } = terminal.controls;
      terminal.exclude();
      terminal.park();
      // On the way to zero baud Linux has dropped what it raised in opening.
      terminal.control({ dtr, rts });
      this.#open = { fd, terminal };
      return terminal;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** It does not answer as it should: it is opened anew for the next. */
  lose(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open) closeSync(open.fd);
  }

  [Symbol.dispose](): void {
    this.lose();
  }
}

/** Somebody else has the port, its console for one. */
class InUse extends Error {
  override readonly name = "InUse";
}

const ports = new Shared<ParkedPort>();

/**
 * DTR or RTS of a serial port that is used for nothing else. It keeps its state when it is closed, and when it is opened
 * again on the same boot; the very first opening raises both lines for a moment, which is how Linux opens serial ports.
 */
export class SerialControl implements AsyncDisposable {
  private constructor(
    private readonly options: SerialControlOptions,
    private readonly what: string,
    private readonly taken: Claim,
    private readonly port: Share<ParkedPort>,
  ) {}

  /** @throws PortError `refused`: somebody else has it · `unreachable`: it is not there · `unsupported`: it has no such lines */
  static async open(options: SerialControlOptions): Promise<SerialControl> {
    const { path, line, owner, on } = options;
    const what = `The line ${line.toUpperCase()} of the serial port ${path}`;
    const device = await realpath(path).catch(() => path);
    const taken = await claim(`serial${device}/${line}`, what, owner);
    try {
      const port = await explained(what, path, () =>
        ports.take(device, () => new ParkedPort(device)),
      );
      const control = new SerialControl(options, what, taken, port);
      try {
        if (on !== undefined) await control.set(on);
        return control;
      } catch (error) {
        port[Symbol.dispose]();
        throw error;
      }
    } catch (error) {
      await taken[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What the line was told last, as the system has it; no port measures it. @throws PortError */
  read(): Promise<boolean> {
    return this.#attempt((terminal) => terminal.controls[this.options.line]);
  }

  /** @throws PortError */
  set(on: boolean): Promise<void> {
    return this.#attempt((terminal) => terminal.control({ [this.options.line]: on }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.port[Symbol.dispose]();
    await this.taken[Symbol.asyncDispose]();
  }

  #attempt<T>(work: (terminal: Terminal) => T): Promise<T> {
    const { port, what } = this;
    return explained(what, this.options.path, () => {
      try {
        return work(port.value.terminal);
      } catch (error) {
        port.value.lose();
        throw error;
      }
    });
  }
}

/** Says of what the system refuses what it means and what to do. */
async function explained<T>(what: string, path: string, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    if (error instanceof TerminalError && error.missing) {
      const advice = "A pseudo terminal has none; choose a UART or a USB adapter.";
      throw new PortError("unsupported", `${what}: it has no control lines. ${advice}`, {
        cause: error,
      });
    }
    const { code = (error as Error).message } = error as NodeJS.ErrnoException;
    if (error instanceof InUse || code === "EBUSY") {
      const holder = (await whoHas(path)) ?? "this agent itself, or another program";
      throw new PortError(
        "refused",
        `${what}: the port is in use by ${holder}. A port is a console or an output, not both; end the other, or take another port.`,
        { cause: error },
      );
    }
    const advice =
      code === "EACCES"
        ? await rightsAdvice(path, "tty")
        : "Check plug and cable; ls -l /dev/serial/by-path shows the adapters that are there.";
    throw new PortError("unreachable", `${what} cannot be had (${code}). ${advice}`, {
      cause: error,
    });
  }
}
