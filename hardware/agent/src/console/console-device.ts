import type {
  ConsoleAbility,
  ConsoleCondition,
  ConsoleRequest,
} from "@outrider/console-link/console-stream";
import { milliseconds, type Clock, type Duration } from "@outrider/contracts/clock";
import type { ConsoleLink, ConsolePort, ControlLines } from "@outrider/ports/console-port";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { ConsoleRecorder } from "./console-recorder.js";

/** Time for a device to take or do anything, beside the time that bytes and breaks need on the wire. */
const ANSWER_WITHIN_MS = 10_000;
/** The longest break that is asked of a device. */
const LONGEST_BREAK_MS = 5000;
const LONGEST_PULSE_MS = 60_000;
/** Start, eight data bits, parity, two stop bits. */
const LONGEST_CHARACTER_BITS = 12;
/** What a wire of unknown speed is taken for. */
const SLOW_BAUD_RATE = 9600;
/** The kernel takes the key within five seconds after the break (Linux, admin-guide/sysrq). */
const SYSRQ_BREAK = milliseconds(300);

/** What a device is asked for; whether it is to be had at all is not its own matter. */
export type DeviceRequest = Exclude<ConsoleRequest, { kind: "close" | "open" }>;

/**
 * The device of a console on its way in: one thing at a time, in order, each with a deadline. What the device cannot do
 * is refused as `unsupported`, and nothing waits for a device that is not there.
 */
export class ConsoleDevice {
  #turn: Promise<unknown> = Promise.resolve();
  /** Those whose turn it is, or will be. */
  #waiting = 0;
  /** What DTR and RTS were set to, on which link: with a new one they are as declared. */
  #control: { readonly link: ConsoleLink | undefined; readonly lines: Partial<ControlLines> } = {
    link: undefined,
    lines: {},
  };

  constructor(
    private readonly name: string,
    private readonly port: ConsolePort,
    private readonly recorder: ConsoleRecorder,
    private readonly clock: Clock,
  ) {}

  /** Whether a break can be sent, and with it Magic SysRq. */
  get breaks(): boolean {
    return this.port.sendBreak !== undefined;
  }

  condition(): ConsoleCondition {
    const { linked, lines } = this.recorder;
    const { line, declaredLine, device } = this.port;
    return {
      up: linked?.up ?? false,
      detail: linked ? linked.detail : "It is being connected.",
      abilities: this.#abilities(),
      ...(device === undefined ? {} : { device }),
      ...(line === undefined ? {} : { line: { ...line } }),
      ...(declaredLine === undefined ? {} : { declaredLine: { ...declaredLine } }),
      ...(lines === undefined ? {} : { modem: { ...lines } }),
    };
  }

  /** @throws PortError · the signal's reason */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#inTurn(signal, () => this.#write(bytes, signal));
  }

  /** What the device takes at once, unless it is somebody's turn. @returns how many bytes @throws PortError */
  writeNow(bytes: Uint8Array): number {
    return this.#waiting > 0 ? 0 : (this.port.writeNow?.(bytes) ?? 0);
  }

  /** @throws PortError, `unsupported` for what it cannot do · the signal's reason */
  request(request: DeviceRequest, signal: AbortSignal): Promise<void> {
    return this.#inTurn(signal, () => this.#request(request, signal));
  }

  /** Presses a Magic SysRq key: a break and the key, with nothing between them. @throws as `write` */
  press(key: string, signal: AbortSignal): Promise<void> {
    return this.#inTurn(signal, async () => {
      await this.#break(SYSRQ_BREAK, signal);
      await this.#write(Buffer.from(key), signal);
    });
  }

  #abilities(): ConsoleAbility[] {
    const { port, recorder } = this;
    const abilities: Record<ConsoleAbility, boolean> = {
      break: port.sendBreak !== undefined,
      dtr: port.setControl !== undefined,
      rts: port.setControl !== undefined,
      line: port.setLine !== undefined,
      purge: port.purge !== undefined,
      modem: recorder.lines !== undefined,
    };
    return (Object.keys(abilities) as ConsoleAbility[]).filter((ability) => abilities[ability]);
  }

  async #request(request: DeviceRequest, signal: AbortSignal): Promise<void> {
    const { port } = this;
    const within = milliseconds(ANSWER_WITHIN_MS);
    switch (request.kind) {
      case "break":
        if (!(request.ms >= 1 && request.ms <= LONGEST_BREAK_MS)) {
          throw new PortError("refused", `A break lasts 1 to ${LONGEST_BREAK_MS} ms.`);
        }
        return this.#break(milliseconds(request.ms), signal);
      case "control": {
        const { kind: _, ...lines } = request;
        return this.#setControl(lines, signal);
      }
      case "pulse":
        return this.#pulse(request.line, request.ms, signal);
      case "rest":
        return this.#rest(signal);
      case "line": {
        const set = this.#able(port.setLine?.bind(port), "change the settings of its line");
        return this.#ask(within, signal, (until) => set(request.settings, until));
      }
      case "purge": {
        const purge = this.#able(port.purge?.bind(port), "purge");
        return this.#ask(within, signal, (until) => purge(request.what, until));
      }
      default:
        return request satisfies never;
    }
  }

  /** What was set since the device was connected. */
  get #setLines(): Partial<ControlLines> {
    return this.#control.link === this.recorder.linked ? this.#control.lines : {};
  }

  /** How a line is that nobody has set. Systems raise both when they open a port. */
  #declared(line: keyof ControlLines): boolean {
    return this.port.declaredControl?.[line] ?? true;
  }

  async #setControl(lines: Partial<ControlLines>, signal: AbortSignal): Promise<void> {
    const { port, recorder } = this;
    const set = this.#able(port.setControl?.bind(port), "set DTR or RTS");
    await this.#ask(milliseconds(ANSWER_WITHIN_MS), signal, (until) => set(lines, until));
    this.#control = { link: recorder.linked, lines: { ...this.#setLines, ...lines } };
  }

  async #pulse(line: keyof ControlLines, ms: number, signal: AbortSignal): Promise<void> {
    if (!(ms >= 1 && ms <= LONGEST_PULSE_MS)) {
      throw new PortError("refused", `A pulse lasts 1 to ${LONGEST_PULSE_MS} ms.`);
    }
    const resting = this.#setLines[line] ?? this.#declared(line);
    await this.#setControl({ [line]: !resting }, signal);
    try {
      await this.clock.sleep(milliseconds(ms), signal);
    } finally {
      // Whoever asked may be gone, and the machine would stay in reset.
      await this.#setControl({ [line]: resting }, new AbortController().signal);
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const lines = this.#setLines;
    if (Object.keys(lines).length === 0) return;
    await this.#setControl(
      {
        ...(lines.dtr === undefined ? {} : { dtr: this.#declared("dtr") }),
        ...(lines.rts === undefined ? {} : { rts: this.#declared("rts") }),
      },
      signal,
    );
    this.#control = { link: undefined, lines: {} };
  }

  async #break(duration: Duration, signal: AbortSignal): Promise<void> {
    const { port } = this;
    const send = this.#able(port.sendBreak?.bind(port), "send a break");
    const within = milliseconds(ANSWER_WITHIN_MS + duration);
    await this.#ask(within, signal, (until) => send(duration, until));
  }

  async #write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const baudRate = Math.max(1, this.port.line?.baudRate ?? SLOW_BAUD_RATE);
    const wireMs = (bytes.length * LONGEST_CHARACTER_BITS * 1000) / baudRate;
    const within = milliseconds(ANSWER_WITHIN_MS + Math.ceil(wireMs));
    await this.#ask(within, signal, (until) => this.port.write(bytes, until));
  }

  #able<T>(method: T | undefined, what: string): T {
    if (method !== undefined) return method;
    throw new PortError("unsupported", `The device of ${this.name} cannot ${what}.`);
  }

  async #ask(
    within: Duration,
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    await withDeadline(this.clock, within, signal, `The device of ${this.name}`, ask);
  }

  async #inTurn(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const former = this.#turn;
    const done = Promise.withResolvers<void>();
    this.#turn = done.promise;
    this.#waiting += 1;
    try {
      await former;
      signal.throwIfAborted();
      await work();
    } finally {
      this.#waiting -= 1;
      done.resolve();
    }
  }
}
