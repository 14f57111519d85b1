import { systemClock } from "@outrider/contracts/clock";
import type {
  ConsoleLink,
  ConsoleListener,
  ConsoleLoss,
  ConsolePort,
  ModemLines,
} from "@outrider/ports/console-port";
import { openDriver, type Driver } from "@outrider/ports/driver";
import { driverContext } from "./context.js";

/** A console driver and the real far end of its line. */
export interface ConsoleRig extends AsyncDisposable {
  readonly driver: Driver<"console">;
  /** Options of the endpoint. */
  options(): object;
  /** What its secrets are, by the file that refers to them. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What a message must name so that a person finds the line. */
  readonly address: string;
  /** Whether two may not have the line at once. */
  readonly exclusive: boolean;
  /** Lets the far end say exactly these bytes. */
  say(bytes: Uint8Array): Promise<void>;
  /** All that the far end has heard so far, where it can hand it back untouched. */
  heard?(): Promise<Buffer>;
  /** Text that the far end answers in a way that shows that it came: what to type, what comes back. */
  readonly dialogue: { readonly type: string; readonly expect: RegExp };
  /** How many breaks the far end has seen. Missing where the mechanism carries none. */
  breaks?(): Promise<number>;
  /** Takes the far end away, as by pulling a cable or ending a process. */
  lose(): Promise<void>;
  /** Brings it back. */
  restore(): Promise<void>;
  /** Lets the far end take nothing that is written, for as long as the returned object lives. Missing where it cannot be stopped. */
  freeze?(): Promise<AsyncDisposable>;
  /** Lets what answers the opening stay silent. Missing where opening asks nobody. */
  mute?(): Promise<AsyncDisposable>;
}

export const forever: AbortSignal = new AbortController().signal;

export function openConsole(
  { driver, options, secrets = {} }: Pick<ConsoleRig, "driver" | "options" | "secrets">,
  clock = systemClock,
): Promise<ConsolePort> {
  return openDriver(driver, options(), driverContext({ clock, secrets }));
}

/** Keeps everything that a console tells, in order. */
export class ConsoleRecorder implements ConsoleListener {
  readonly chunks: Buffer[] = [];
  readonly links: ConsoleLink[] = [];
  readonly losses: ConsoleLoss[] = [];
  readonly lines: ModemLines[] = [];
  /** What came in which order: `up`, `down`, `lost`, `bytes`, `break`; repeats left out. */
  readonly story: string[] = [];
  breaks = 0;

  get all(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.all.toString("latin1");
  }

  get up(): boolean {
    return this.links.at(-1)?.up ?? false;
  }

  bytes(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.#tell("bytes");
  }

  lost(loss: ConsoleLoss): void {
    this.losses.push(loss);
    this.#tell("lost");
  }

  link(link: ConsoleLink): void {
    this.links.push(link);
    this.#tell(link.up ? "up" : "down");
  }

  modem(lines: ModemLines): void {
    this.lines.push(lines);
  }

  broke(): void {
    this.breaks += 1;
    this.#tell("break");
  }

  #tell(what: string): void {
    if (this.story.at(-1) !== what) this.story.push(what);
  }
}
