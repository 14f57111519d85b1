import type { WireLines, WireSettings } from "@outrider/console-link/console-stream";
import type { ConsoleTold } from "@outrider/contracts/console-attach";
import { COM_CONTROL, COM_PURGE, LINE_STATE, type ComPortMessage } from "@outrider/telnet/com-port";
import type { Attachment } from "../sessions/attachment.js";
import {
  answerFor,
  concernsMask,
  isAboutLine,
  lineText,
  modemOctet,
  PRETENDED_LINE,
  PRETENDED_MODEM,
  sameLine,
  withMessage,
} from "./com-port-line.js";

/** More than this asked and not yet answered, and the connection is cut. */
const MAX_WAITING = 1000;

/**
 * The access server of RFC 2217 for one connection: takes the client's messages in order, does what they ask at the
 * console, and answers with what is so afterwards. What a console has no lines or settings for is pretended, because
 * nothing depends on it and clients insist.
 */
export class ComPortServer {
  readonly #attachment: Attachment;
  readonly #send: (message: ComPortMessage) => void;
  readonly #name: string;
  #waiting: ComPortMessage[] = [];
  #working: Promise<void> | undefined;
  #pretended = PRETENDED_LINE;
  #dtr = true;
  #rts = true;
  #broken = false;
  #lineMask = 0;
  #modemMask = 255;
  #modemTold: WireLines | undefined;

  /** @param name what it says that it is */
  constructor(attachment: Attachment, name: string, send: (message: ComPortMessage) => void) {
    this.#attachment = attachment;
    this.#name = name;
    this.#send = send;
  }

  /** @returns false when the client asks faster than can be answered */
  receive(...messages: readonly ComPortMessage[]): boolean {
    if (this.#waiting.length + messages.length > MAX_WAITING) return false;
    this.#waiting.push(...messages);
    this.#working ??= this.#work();
    return true;
  }

  /** Resolves when all was done that was asked. */
  async done(): Promise<void> {
    await this.#working;
  }

  /** Tells the client how the lines are, once it has said that it speaks RFC 2217. */
  begin(): void {
    this.#tellModem();
  }

  modem(lines: WireLines): void {
    const before = this.#modemTold ?? PRETENDED_MODEM;
    if (concernsMask(lines, before, this.#modemMask)) this.#tellModem();
  }

  /** Something that the far end's UART has seen: bits of `LINE_STATE`. */
  lineState(bits: number): void {
    const wanted = bits & this.#lineMask;
    if (wanted !== 0) this.#send({ kind: "line-state", value: wanted });
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (isAboutLine(next)) {
        // A client that opens the port sets all of the line at once; the wire is switched once.
        const together = [next];
        for (let more = this.#waiting[0]; more && isAboutLine(more); more = this.#waiting[0]) {
          together.push(more);
          this.#waiting.shift();
        }
        const line = await this.#setLine(together.reduce(withMessage, this.#line));
        for (const one of together) this.#send(answerFor(line, one));
      } else {
        const answer = await this.#answer(next);
        if (answer) this.#send(answer);
      }
    }
    this.#working = undefined;
  }

  get #line(): WireSettings {
    return this.#attachment.line ?? this.#pretended;
  }

  /** @returns the settings as they are afterwards */
  async #setLine(wanted: WireSettings): Promise<WireSettings> {
    if (!this.#attachment.line) return (this.#pretended = wanted);
    if (!sameLine(wanted, this.#line)) {
      const told = await this.#attachment.ask({ ask: "line", settings: lineText(wanted) });
      if (told.told === "done") return wanted;
    }
    return this.#line;
  }

  async #answer(message: ComPortMessage): Promise<ComPortMessage | undefined> {
    switch (message.kind) {
      case "signature":
        return message.text === "" ? { kind: "signature", text: this.#name } : undefined;
      case "control":
        return { kind: "control", value: await this.#control(message.value) };
      case "line-state-mask":
        this.#lineMask = message.value;
        return message;
      case "modem-state-mask":
        this.#modemMask = message.value;
        return message;
      case "line-state": {
        const { shiftRegisterEmpty, holdingRegisterEmpty } = LINE_STATE;
        return { kind: "line-state", value: shiftRegisterEmpty | holdingRegisterEmpty };
      }
      case "modem-state":
        return { kind: "modem-state", value: this.#modemOctet() };
      case "purge": {
        await this.#purge(message.value);
        return message;
      }
      default:
        return undefined;
    }
  }

  async #control(value: number): Promise<number> {
    const { askBreak, breakOn, breakOff, askDtr, dtrOn, dtrOff, askRts, rtsOn, rtsOff } =
      COM_CONTROL;
    switch (value) {
      case breakOn:
      case breakOff:
        this.#broken = isDone(await this.#attachment.holdBreak(value === breakOn))
          ? value === breakOn
          : false;
        return this.#broken ? breakOn : breakOff;
      case askBreak:
        return this.#broken ? breakOn : breakOff;
      case dtrOn:
      case dtrOff:
        if (await this.#switched({ dtr: value === dtrOn })) this.#dtr = value === dtrOn;
        return this.#dtr ? dtrOn : dtrOff;
      case askDtr:
        return this.#dtr ? dtrOn : dtrOff;
      case rtsOn:
      case rtsOff:
        if (await this.#switched({ rts: value === rtsOn })) this.#rts = value === rtsOn;
        return this.#rts ? rtsOn : rtsOff;
      case askRts:
        return this.#rts ? rtsOn : rtsOff;
      default:
        return value;
    }
  }

  /** Whether a line is as was asked; a console that has none is pretended to obey. */
  async #switched(lines: { readonly dtr?: boolean; readonly rts?: boolean }): Promise<boolean> {
    const told = await this.#attachment.control(lines);
    return isDone(told) || told.code === "unsupported";
  }

  async #purge(value: number): Promise<void> {
    if (value === COM_PURGE.receive) await this.#attachment.purge("receive");
    else if (value === COM_PURGE.transmit) await this.#attachment.purge("transmit");
    else if (value === COM_PURGE.both) await this.#attachment.purge("both");
  }

  #tellModem(): void {
    this.#send({ kind: "modem-state", value: this.#modemOctet() });
  }

  #modemOctet(): number {
    const now = this.#attachment.modem ?? PRETENDED_MODEM;
    const octet = modemOctet(now, this.#modemTold);
    this.#modemTold = now;
    return octet;
  }
}

const isDone = ({ told }: ConsoleTold): boolean => told === "done";
