import { constants } from "node:fs";
import { access, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock } from "@outrider/ports/time";
import { claim } from "./claim.js";
import { optionalPackage } from "./optional-package.js";
import { findSysfsDevice, sysfsNumber, sysfsText } from "./sysfs.js";

/** What is used of the package `onoff` 6, which a person has installed. It has this folder in it. */
interface Gpio {
  read(): Promise<0 | 1>;
  write(value: 0 | 1): Promise<void>;
  direction(): string;
  setDirection(direction: "in" | "high" | "low"): void;
  unexport(): void;
}
interface Library {
  readonly Gpio: new (
    number: number,
    direction: "in" | "high" | "low",
    edge: undefined,
    options: { readonly activeLow: boolean },
  ) => Gpio;
}

const SYSFS = "/sys/class/gpio";
const READY_WITHIN = seconds(30);
const DEADLINE = seconds(2);
/** udev gives the files of a line to their group some time after the line has come. */
const RIGHTS_WITHIN_TRIES = 40;
const RIGHTS_EVERY = milliseconds(25);

/** A chip as the old interface has it. */
export interface SysfsGpioChip {
  readonly label: string;
  readonly lines: number;
}

/** The GPIO chips of this host by the kernel's old interface. Exports no line. */
export async function listSysfsGpioChips(sysfs = SYSFS): Promise<SysfsGpioChip[]> {
  const names = (await readdir(sysfs).catch(() => [])).filter((name) => /^gpiochip\d+$/.test(name));
  const chips: SysfsGpioChip[] = [];
  for (const name of names.toSorted()) {
    const label = await sysfsText(join(sysfs, name, "label"));
    const lines = await sysfsNumber(join(sysfs, name, "ngpio"));
    if (label !== undefined && label !== "" && typeof lines === "number")
      chips.push({ label, lines });
  }
  return chips;
}

export interface SysfsLineConfig {
  readonly direction: "input" | "output";
  readonly activeLow?: boolean | undefined;
  /** What an output is set to in one step with its direction. Missing: the level that it has. */
  readonly active?: boolean;
}

/**
 * A line of the kernel's old interface, by the package `onoff`. The kernel does not say who has exported a line, and
 * what was killed leaves it exported: one that is exported already is taken, unless another of Outrider's processes on
 * this host has it.
 */
export class SysfsLine implements AsyncDisposable {
  private constructor(
    readonly what: string,
    private readonly gpio: Gpio,
    private readonly activeLow: boolean,
    private readonly clock: Clock,
    private readonly ended: () => Promise<void>,
  ) {}

  /**
   * @param chip its label, as in `/sys/class/gpio/gpiochip…/label` @param line counted on the chip
   * @throws PortError `unsupported`: no such interface, or no `onoff` · `unreachable`: no such chip ·
   *   `invalid-options`: no such line · `refused`: somebody else has it, or this process may not
   */
  static async open(
    { chip, line }: { readonly chip: string; readonly line: number },
    config: SysfsLineConfig,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<SysfsLine> {
    const what = `The GPIO line ${line} of ${chip}`;
    const { Gpio } = await withDeadline(clock, READY_WITHIN, signal, what, () =>
      optionalPackage<Library>("onoff", what, "use the driver gpio, which needs none"),
    );
    return withDeadline(clock, DEADLINE, signal, what, async (within) => {
      const number = await numberOf(chip, line, what);
      await using stack = new AsyncDisposableStack();
      stack.use(await claim(`gpio/${number}`, what, `outrider, pid ${process.pid}`));
      await exportLine(number, what, clock, within);
      const activeLow = config.activeLow === true;
      const direction = await directionOf(number, config, activeLow);
      within.throwIfAborted();
      const gpio = attempt(
        what,
        () => new Gpio(number, direction, undefined, { activeLow: false }),
      );
      stack.defer(() => gpio.unexport());
      // It keeps to itself that a line could not be configured.
      const wanted = config.direction === "input" ? "in" : "out";
      if (attempt(what, () => gpio.direction()) !== wanted) {
        throw new PortError(
          "unsupported",
          `${what} does not become an ${config.direction}. Choose another line.`,
        );
      }
      const closing = stack.move();
      return new SysfsLine(what, gpio, activeLow, clock, () => closing[Symbol.asyncDispose]());
    });
  }

  /** Whether it is active now, as the chip says. */
  async read(signal: AbortSignal): Promise<boolean> {
    return ((await this.#ask(signal, () => this.gpio.read())) === 1) !== this.activeLow;
  }

  async set(active: boolean, signal: AbortSignal): Promise<void> {
    const high = active !== this.activeLow;
    await this.#ask(signal, async () => {
      try {
        await this.gpio.write(high ? 1 : 0);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
        // Somebody has made it an input.
        this.gpio.setDirection(high ? "high" : "low");
      }
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.ended();
  }

  #ask<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return withDeadline(this.clock, DEADLINE, signal, this.what, () =>
      work().catch((error: unknown) => {
        throw portError(error, this.what);
      }),
    );
  }
}

/** The number of a line among those of all chips, which is another one after each start. */
async function numberOf(chip: string, line: number, what: string): Promise<number> {
  if (!(await stat(SYSFS).catch(() => undefined))) {
    throw new PortError(
      "unsupported",
      `${what}: this kernel has no ${SYSFS}. Use the driver gpio instead.`,
    );
  }
  const folder = await findSysfsDevice(SYSFS, "label", chip);
  const base = await sysfsNumber(join(folder, "base"));
  const lines = await sysfsNumber(join(folder, "ngpio"));
  if (typeof base !== "number" || typeof lines !== "number")
    throw new PortError("unreachable", `${what}: the chip is going away. Check its supply.`);
  if (line < lines) return base + line;
  throw new PortError(
    "invalid-options",
    `${what}: there is no such line; it has the lines 0 to ${lines - 1}. Correct the option line.`,
  );
}

async function exportLine(
  number: number,
  what: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const folder = join(SYSFS, `gpio${number}`);
  try {
    await writeFile(join(SYSFS, "export"), String(number));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const exported = code === "EBUSY" && (await stat(folder).catch(() => undefined)) !== undefined;
    if (!exported) throw portError(error, what);
  }
  for (let tries = 1; ; tries += 1) {
    try {
      for (const file of ["direction", "value", "active_low"])
        await access(join(folder, file), constants.R_OK | constants.W_OK);
      return;
    } catch (error) {
      if (tries === RIGHTS_WITHIN_TRIES) throw portError(error, what);
      await clock.sleep(RIGHTS_EVERY, signal);
    }
  }
}

/** An output's level comes with its direction: nothing that hangs on it notices. */
async function directionOf(
  number: number,
  { direction, active }: SysfsLineConfig,
  activeLow: boolean,
): Promise<"in" | "high" | "low"> {
  if (direction === "input") return "in";
  if (active !== undefined) return active !== activeLow ? "high" : "low";
  const folder = join(SYSFS, `gpio${number}`);
  // Whoever had it before may have turned it round.
  const inverted = (await sysfsText(join(folder, "active_low"))) === "1";
  return ((await sysfsText(join(folder, "value"))) === "1") !== inverted ? "high" : "low";
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw portError(error, what);
  }
}

function portError(cause: unknown, what: string): PortError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case "EBUSY":
      return new PortError(
        "refused",
        `${what} belongs to another program or to a driver of the kernel, which gpioinfo names. End it, or choose another line.`,
        { cause },
      );
    case "EACCES":
    case "EPERM":
      return new PortError(
        "refused",
        `${what} may not be used: ${message}. Add the user of the agent to the group gpio.`,
        { cause },
      );
    default:
      return new PortError(
        "unreachable",
        `${what} does not answer: ${message}. Check that the chip is still there.`,
        { cause },
      );
  }
}
