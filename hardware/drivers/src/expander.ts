import { Integer, Optional } from "@outrider/contracts/decorators";
import type { DigitalInputPort } from "@outrider/ports/digital-input-port";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import type { DriverContext, Resource } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { claim, type Claim } from "@outrider/transports/claim";
import { useI2cBus } from "@outrider/transports/i2c-buses";
import { identified, I2cChip, type Identify } from "@outrider/transports/i2c-chip";
import { SharedDevices } from "@outrider/transports/shared";
import { IsBoolean } from "class-validator";
import { basename } from "node:path";
import { Latch } from "./expander-latch.js";
import { I2cChipOptions } from "./i2c-options.js";

/** A line of an I²C expander. */
export class ExpanderLineOptions extends I2cChipOptions {
  /** Counted from 0: P00 to P07 are 0 to 7, P10 to P17 are 8 to 15; of an MCP23017 GPA0 to GPA7, then GPB0 to GPB7. */
  @Integer(0, 15) line!: number;
  /** Whether the line is active when its level is low. Default: when it is high. */
  @Optional() @IsBoolean() activeLow?: boolean;
}

/**
 * How a part is spoken to, eight lines at a time. A set bit of `directions` is an input; in a part without directions, a
 * line is one as long as its output is high.
 */
export interface ExpanderPart {
  readonly part: string;
  readonly lines: number;
  readonly address: number;
  readonly identify?: Identify;
  readLevels(chip: I2cChip, bank: number, signal: AbortSignal): Promise<number>;
  readOutputs(chip: I2cChip, bank: number, signal: AbortSignal): Promise<number>;
  writeOutputs(chip: I2cChip, bank: number, outputs: number, signal: AbortSignal): Promise<void>;
  readDirections?(chip: I2cChip, bank: number, signal: AbortSignal): Promise<number>;
  writeDirections?(chip: I2cChip, bank: number, inputs: number, signal: AbortSignal): Promise<void>;
}

/** The chip: its lines share registers, which parts of another kind have elsewhere. */
export function expanderResource({ address }: ExpanderPart): Resource<"bus" | "address"> {
  return { kind: "i2c", options: ["bus", "address"], defaults: { address } };
}

type Direction = "input" | "output";

/** One chip in this process: who has which of its lines. No other process may have any, as lines share registers. */
class Expander implements AsyncDisposable {
  readonly taken = new Map<number, Direction>();
  /** Of a part without directions, which has one bank. */
  readonly latch = new Latch();
  #claimed: Promise<Claim> | undefined;

  claim(resource: string, what: string): Promise<Claim> {
    return (this.#claimed ??= claim(resource, what, `outrider, pid ${process.pid}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const held = await this.#claimed?.catch(() => undefined);
    await held?.[Symbol.asyncDispose]();
  }
}

const expanders = new SharedDevices<Expander>();

/** One line of a chip. Nothing is written and nothing read before it is used. */
interface ExpanderLine extends AsyncDisposable {
  readonly mask: number;
  readonly bank: number;
  readonly latch: Latch;
  /** Lines of its bank that this agent has as inputs. */
  inputs(): number;
  /** Alone with the chip, which is the right one. */
  alone<T>(signal: AbortSignal, work: (chip: I2cChip) => Promise<T>): Promise<T>;
}

async function openLine(
  part: ExpanderPart,
  options: ExpanderLineOptions,
  direction: Direction,
  { clock, signal }: DriverContext,
): Promise<ExpanderLine> {
  const { line, address = part.address } = options;
  if (line >= part.lines) {
    throw new PortError(
      "invalid-options",
      `The option line: a ${part.part} has the lines 0 to ${part.lines - 1}. Correct the endpoint in the site file.`,
    );
  }
  signal.throwIfAborted();
  await using stack = new AsyncDisposableStack();
  const bus = stack.use(await useI2cBus(options.bus, options.library ?? "i2c-dev", clock));
  const chip = new I2cChip(bus.value, address, part.part);
  const resource = `${basename(bus.path)}/0x${address.toString(16)}`;
  const { value: expander } = stack.use(await expanders.take(resource, () => new Expander()));
  await expander.claim(resource, chip.what);
  if (expander.taken.has(line)) {
    throw new PortError(
      "refused",
      `${chip.what}: line ${line} belongs to another endpoint of this agent. Correct the option line of one of them.`,
    );
  }
  expander.taken.set(line, direction);
  stack.defer(() => void expander.taken.delete(line));
  const closing = stack.move();
  const bank = Math.floor(line / 8);
  return {
    mask: 1 << (line % 8),
    bank,
    latch: expander.latch,
    inputs: () =>
      [...expander.taken]
        .filter(([one, way]) => way === "input" && Math.floor(one / 8) === bank)
        .reduce((lines, [one]) => lines | (1 << (one % 8)), 0),
    alone: identified(chip, part.identify),
    [Symbol.asyncDispose]: () => closing[Symbol.asyncDispose](),
  };
}

export async function openExpanderOutput(
  part: ExpanderPart,
  options: ExpanderLineOptions,
  context: DriverContext,
): Promise<DigitalOutputPort> {
  const line = await openLine(part, options, "output", context);
  const { mask, bank } = line;
  const low = options.activeLow === true;
  return {
    evidence: "ReadBack",
    read: (signal) =>
      line.alone(signal, async (chip) => {
        // A line that the chip does not drive, as after its own restart, is what its wire is.
        const inputs = (await part.readDirections?.(chip, bank, signal)) ?? 0;
        const driven = (inputs & mask) === 0;
        const levels = driven
          ? await part.readOutputs(chip, bank, signal)
          : await part.readLevels(chip, bank, signal);
        if (!part.readDirections) line.latch.seen(levels);
        return ((levels & mask) !== 0) !== low;
      }),
    set: (active, signal) =>
      line.alone(signal, async (chip) => {
        const withLine = (before: number): number =>
          active === low ? before & ~mask : before | mask;
        const read = await part.readOutputs(chip, bank, signal);
        if (!part.readDirections) {
          // An input that is low now must not be held low from now on.
          const outputs = withLine(line.latch.seen(read) | line.inputs());
          await line.latch.written(outputs, () => part.writeOutputs(chip, bank, outputs, signal));
          return;
        }
        // The level before the direction: otherwise the line would show the old one for a moment.
        await part.writeOutputs(chip, bank, withLine(read), signal);
        const inputs = await part.readDirections(chip, bank, signal);
        if ((inputs & mask) !== 0) await part.writeDirections?.(chip, bank, inputs & ~mask, signal);
      }),
    [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
  };
}

export async function openExpanderInput(
  part: ExpanderPart,
  options: ExpanderLineOptions,
  context: DriverContext,
): Promise<DigitalInputPort> {
  const line = await openLine(part, options, "input", context);
  const { mask } = line;
  return {
    read: (signal) =>
      line.alone(signal, async (chip) => {
        const levels = await readInput(part, chip, line, signal);
        return ((levels & mask) !== 0) !== (options.activeLow === true);
      }),
    [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
  };
}

/** The levels of a bank, in which the line is an input. */
async function readInput(
  part: ExpanderPart,
  chip: I2cChip,
  line: ExpanderLine,
  signal: AbortSignal,
): Promise<number> {
  const { mask, bank } = line;
  if (part.readDirections) {
    const inputs = await part.readDirections(chip, bank, signal);
    if ((inputs & mask) === 0) await part.writeDirections?.(chip, bank, inputs | mask, signal);
    return part.readLevels(chip, bank, signal);
  }
  const levels = await part.readLevels(chip, bank, signal);
  const outputs = line.latch.seen(levels);
  if ((outputs & mask) !== 0) return levels;
  // Held low by whoever is at its other end, or by its own output.
  const released = outputs | line.inputs();
  await line.latch.written(released, () => part.writeOutputs(chip, bank, released, signal));
  return part.readLevels(chip, bank, signal);
}
