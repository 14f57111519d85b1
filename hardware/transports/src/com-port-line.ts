import type { ConsoleListener, ControlLines, LineSettings } from "@outrider/ports/console-port";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Duration } from "@outrider/ports/time";
import {
  COM_CONTROL,
  COM_PURGE,
  comPortPayload,
  LINE_STATE,
  MODEM_STATE,
  readComPort,
  type ComPortMessage,
} from "@outrider/telnet/com-port";
import { flowNumber, parityNumber, stopNumber } from "@outrider/telnet/com-port-settings";
import { OPTION } from "@outrider/telnet/telnet-codes";
import type { OpenLine } from "./reconnecting-line.js";
import type { StreamSocketOptions } from "./stream-socket.js";
import { TelnetLine } from "./telnet-line.js";

export interface ComPortLineOptions extends StreamSocketOptions {
  readonly settings: LineSettings;
  /** What the lines are set to once it is open; one that is missing is left as it is. */
  readonly control: Partial<ControlLines>;
}

/** Messages that are answered with the value that is now in force. */
type Asked = Extract<
  ComPortMessage,
  { readonly kind: "baud" | "data-size" | "parity" | "stop-size" | "control" | "purge" }
>;

interface Waiting {
  readonly asked: Asked;
  resolve(value: number): void;
}

const ANSWER_WITHIN = seconds(4);
/** What is told of by itself. */
const LINE_MASK = LINE_STATE.breakDetect | LINE_STATE.overrun;
const MODEM_MASK = 255;
/** A divided clock is not exact, and what is this near is still understood. */
const NEAR = 0.03;

/** Values of `control` that exclude each other: an answer is to the question of its own kind. */
const { breakOn, breakOff, dtrOn, dtrOff, rtsOn, rtsOff } = COM_CONTROL;
const GROUPS = [
  [breakOn, breakOff],
  [dtrOn, dtrOff],
  [rtsOn, rtsOff],
] as const satisfies readonly (readonly number[])[];

/** A serial port behind a terminal server, by the COM-PORT-OPTION of telnet (RFC 2217). */
export class ComPortLine implements OpenLine {
  readonly ended: OpenLine["ended"];
  readonly #waiting: Waiting[] = [];
  /** Pending while the far side wants nothing sent. */
  #suspended: PromiseWithResolvers<void> | undefined;

  private constructor(
    private readonly telnet: TelnetLine,
    private readonly options: ComPortLineOptions,
  ) {
    this.ended = telnet.ended;
  }

  /** @throws PortError `unsupported`: it speaks no RFC 2217 · `refused`: it does not do what is set · as {@link TelnetLine} */
  static async open(
    options: ComPortLineOptions,
    listener: ConsoleListener,
    signal: AbortSignal,
  ): Promise<ComPortLine> {
    const offered = Promise.withResolvers<boolean>();
    let line: ComPortLine | undefined;
    const telnet = await TelnetLine.open(
      {
        ...options,
        also: [OPTION.COM_PORT],
        hear: {
          changed: (side, option, on) => {
            if (option === OPTION.COM_PORT && side === "us") offered.resolve(on);
          },
          subnegotiation: (option, payload) => {
            const message = option === OPTION.COM_PORT ? readComPort("server", payload) : undefined;
            if (message && line) line.#hear(message, listener);
          },
        },
      },
      listener,
      signal,
    );
    line = new ComPortLine(telnet, options);
    try {
      telnet.want("us", OPTION.COM_PORT);
      await line.#ready(offered.promise, signal);
      return line;
    } catch (error) {
      await line[Symbol.asyncDispose]();
      throw error;
    }
  }

  async write(piece: Uint8Array, signal: AbortSignal): Promise<void> {
    while (this.#suspended) await orGivenUp(this.#suspended.promise, signal);
    await this.telnet.write(piece, signal);
  }

  writeNow(piece: Uint8Array): number {
    return this.#suspended ? 0 : this.telnet.writeNow(piece);
  }

  /** @throws PortError `refused` when the far side does something else, which then is in force */
  async setLine(settings: LineSettings, signal: AbortSignal): Promise<void> {
    const { baudRate, dataBits, parity, stopBits, flowControl } = settings;
    const near = (value: number): boolean => Math.abs(value - baudRate) <= baudRate * NEAR;
    await this.#set({ kind: "baud", value: baudRate }, `${baudRate} baud`, signal, near);
    await this.#set({ kind: "data-size", value: dataBits }, `${dataBits} data bits`, signal);
    await this.#set({ kind: "parity", value: parityNumber(parity) }, `parity ${parity}`, signal);
    await this.#set(
      { kind: "stop-size", value: stopNumber(stopBits) },
      `${stopBits} stop bits`,
      signal,
    );
    const flow = flowNumber(flowControl);
    await this.#set({ kind: "control", value: flow }, `flow control ${flowControl}`, signal);
  }

  async setControl({ dtr, rts }: Partial<ControlLines>, signal: AbortSignal): Promise<void> {
    if (dtr !== undefined) await this.#control(dtr ? dtrOn : dtrOff, "DTR", signal);
    if (rts !== undefined) await this.#control(rts ? rtsOn : rtsOff, "RTS", signal);
  }

  /** Ends the break whatever happens, unless the connection is lost. */
  async sendBreak(duration: Duration, signal: AbortSignal): Promise<void> {
    const never = new AbortController().signal;
    signal.throwIfAborted();
    try {
      await this.#control(breakOn, "a break", signal);
      await this.options.clock.sleep(duration, signal);
    } finally {
      await this.#control(breakOff, "the end of a break", never);
    }
  }

  async purge(what: "receive" | "transmit" | "both", signal: AbortSignal): Promise<void> {
    await this.#set({ kind: "purge", value: COM_PURGE[what] }, "a purge", signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.telnet[Symbol.asyncDispose]();
  }

  async #ready(offered: Promise<boolean>, signal: AbortSignal): Promise<void> {
    const { what, clock, settings, control } = this.options;
    const agreed = await withDeadline(clock, ANSWER_WITHIN, signal, what, () =>
      this.#orLost(offered),
    );
    if (!agreed) {
      throw new PortError(
        "unsupported",
        `${what} speaks telnet, but not RFC 2217. Switch that on there, or choose console/telnet.`,
      );
    }
    this.#send({ kind: "line-state-mask", value: LINE_MASK });
    this.#send({ kind: "modem-state-mask", value: MODEM_MASK });
    await this.setLine(settings, signal);
    await this.setControl(control, signal);
  }

  #control(value: number, name: string, signal: AbortSignal): Promise<void> {
    return this.#set({ kind: "control", value }, name, signal);
  }

  /** Asks, and judges what is then in force. */
  async #set(
    asked: Asked,
    name: string,
    signal: AbortSignal,
    fits: (value: number) => boolean = (value) => value === asked.value,
  ): Promise<void> {
    const { what, clock } = this.options;
    const about = `${what} (${name})`;
    const value = await withDeadline(clock, ANSWER_WITHIN, signal, about, (within) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      const waiting: Waiting = { asked, resolve };
      this.#waiting.push(waiting);
      const forget = (): void => {
        const at = this.#waiting.indexOf(waiting);
        if (at >= 0) this.#waiting.splice(at, 1);
      };
      within.addEventListener("abort", forget, { once: true });
      this.#send(asked);
      return this.#orLost(promise).finally(forget);
    });
    if (fits(value)) return;
    const instead = asked.kind === "baud" ? `; it has ${value} baud` : "";
    throw new PortError(
      "refused",
      `${what} does not do ${name}${instead}. Choose what its port can do, and look whether somebody else has it.`,
    );
  }

  #send(message: ComPortMessage): void {
    this.telnet.subnegotiate(OPTION.COM_PORT, comPortPayload("client", message));
  }

  #hear(message: ComPortMessage, listener: ConsoleListener): void {
    switch (message.kind) {
      case "modem-state": {
        const { value = 0 } = message;
        const has = (bit: number): boolean => (value & bit) !== 0;
        const { cts, dsr, ri, dcd } = MODEM_STATE;
        listener.modem?.({ cts: has(cts), dsr: has(dsr), ri: has(ri), dcd: has(dcd) });
        break;
      }
      case "line-state": {
        const { value = 0 } = message;
        if ((value & LINE_STATE.overrun) !== 0)
          listener.lost({ bytes: undefined, reason: "overrun" });
        if ((value & LINE_STATE.breakDetect) !== 0) listener.broke?.();
        break;
      }
      case "flow-suspend":
        this.#suspended ??= Promise.withResolvers<void>();
        break;
      case "flow-resume":
        this.#suspended?.resolve();
        this.#suspended = undefined;
        break;
      case "signature":
        this.#send({ kind: "signature", text: "outrider" });
        break;
      default: {
        const at = this.#waiting.findIndex(({ asked }) => answers(message, asked));
        const [waiting] = at < 0 ? [] : this.#waiting.splice(at, 1);
        waiting?.resolve((message as Asked).value);
      }
    }
  }

  #orLost<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.ended.then((error) => Promise.reject(error))]);
  }
}

function answers(message: ComPortMessage, asked: Asked): boolean {
  if (message.kind !== asked.kind) return false;
  if (message.kind !== "control") return true;
  const groupOf = (value: number): number =>
    GROUPS.findIndex((group) => (group as readonly number[]).includes(value));
  return groupOf(message.value) === groupOf(asked.value);
}

function orGivenUp(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason as Error);
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(() => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    }, reject);
  });
}
