import { readdir } from "node:fs/promises";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock } from "@outrider/ports/time";
import { DeviceError, DeviceFiles } from "./device-thread.js";
import {
  chipInfoBytes,
  configBytes,
  decodeChipInfo,
  decodeLineInfo,
  decodeValue,
  GET_CHIPINFO,
  GET_LINE,
  GET_LINEINFO,
  GET_VALUES,
  lineFdOf,
  lineInfoBytes,
  lineRequestBytes,
  SET_CONFIG,
  SET_VALUES,
  valueBytes,
  type GpioChipInfo,
  type GpioLineConfig,
  type GpioLineInfo,
} from "./gpio-abi.js";

const DEADLINE = seconds(2);

/** Which line: its chip by label or name, and itself by name or number on the chip. */
export interface GpioLineAddress {
  /** The chip's label, such as `pinctrl-rp1`, or its name or path. Missing: any chip that has a line of that name. */
  readonly chip?: string | undefined;
  readonly line: string | number;
}

/** Awaited before a deadline begins: what the host itself needs first. */
const READY_WITHIN = seconds(30);

/** Is told of a chip that could not be opened. */
export type LeftOut = (path: string, error: DeviceError) => void;

/** The GPIO chips of this host, as the kernel has them. Those that may not be opened are left out. */
export async function listGpioChips(
  dev = "/dev",
  leftOut: LeftOut = () => {},
): Promise<(GpioChipInfo & { path: string })[]> {
  const names = (await readdir(dev)).filter((name) => /^gpiochip\d+$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const path = `${dev}/${name}`;
      try {
        await using chip = await openChip(path);
        return { ...(await chip.info()), path };
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        leftOut(path, error);
        return undefined;
      }
    }),
  );
  return found
    .filter((chip) => chip !== undefined)
    .toSorted((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

/** A GPIO chip with its lines, and who has them. */
export interface DetectedGpioChip extends GpioChipInfo {
  readonly path: string;
  readonly offsets: readonly GpioLineInfo[];
}

/** The GPIO chips of this host with all their lines. Takes and changes none. */
export async function detectGpioChips(leftOut?: LeftOut): Promise<DetectedGpioChip[]> {
  const detected: DetectedGpioChip[] = [];
  for (const info of await listGpioChips("/dev", leftOut)) {
    await using chip = await openChip(info.path);
    const offsets: GpioLineInfo[] = [];
    for (let offset = 0; offset < info.lines; offset += 1) offsets.push(await chip.line(offset));
    detected.push({ ...info, offsets });
  }
  return detected;
}

/** One line of a chip, taken from the kernel until it is disposed. Each call has a deadline of its own. */
export class GpioLine implements AsyncDisposable {
  private constructor(
    readonly what: string,
    private readonly fd: number,
    private readonly files: DeviceFiles,
    private readonly clock: Clock,
  ) {}

  /**
   * Takes a line. An output without a value keeps the level that the line has: nothing that hangs on it notices.
   * @param consumer who the kernel says has it
   * @throws PortError `unreachable`: there is no such chip · `invalid-options`: no such line, or not one only ·
   *   `refused`: somebody else has it, or this process may not
   */
  static async open(
    address: GpioLineAddress,
    config: GpioLineConfig,
    consumer: string,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<GpioLine> {
    const what = `The GPIO line ${address.line} of ${address.chip ?? "this host"}`;
    await withDeadline(clock, READY_WITHIN, signal, what, () => new DeviceFiles().ready());
    return withDeadline(clock, DEADLINE, signal, what, async (within) => {
      const { path, offset, chip: found } = await locate(address, what);
      const named = `The GPIO line ${address.line} of ${found.label} (${found.name})`;
      await using chip = await openChip(path);
      const fd = await chip.request(offset, consumer, config, named);
      const line = new GpioLine(named, fd, chip.files, clock);
      if (within.aborted) {
        // Nobody waits for it any more, and nobody else could have it.
        await line[Symbol.asyncDispose]();
        within.throwIfAborted();
      }
      return line;
    });
  }

  /** Whether it is active now, as the chip says. */
  async read(signal: AbortSignal): Promise<boolean> {
    const bytes = await this.#ask(GET_VALUES, valueBytes(false), signal);
    return decodeValue(bytes);
  }

  async set(active: boolean, signal: AbortSignal): Promise<void> {
    await this.#ask(SET_VALUES, valueBytes(active), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.files.close(this.fd);
  }

  #ask(call: { name: string; request: number }, bytes: Buffer, signal: AbortSignal) {
    return withDeadline(this.clock, DEADLINE, signal, this.what, () =>
      ask(this.files, this.fd, call, bytes).catch((error: unknown) => {
        throw portError(error, this.what);
      }),
    );
  }
}

interface Chip extends AsyncDisposable {
  readonly files: DeviceFiles;
  info(): Promise<GpioChipInfo>;
  line(offset: number): Promise<GpioLineInfo>;
  request(offset: number, consumer: string, config: GpioLineConfig, what: string): Promise<number>;
}

async function openChip(path: string): Promise<Chip> {
  const files = new DeviceFiles();
  const fd = await files.open(path);
  const line = async (offset: number): Promise<GpioLineInfo> =>
    decodeLineInfo(await ask(files, fd, GET_LINEINFO, lineInfoBytes(offset)));
  const get = async (offset: number, consumer: string, config: GpioLineConfig) =>
    lineFdOf(await ask(files, fd, GET_LINE, lineRequestBytes(offset, consumer, config)));
  return {
    info: async () => decodeChipInfo(await ask(files, fd, GET_CHIPINFO, chipInfoBytes())),
    line,
    request: async (offset, consumer, config, what) => {
      try {
        if (config.direction !== "output" || config.active !== undefined)
          return await get(offset, consumer, config);
        const { activeLow } = config;
        const taken = await get(offset, consumer, { activeLow });
        try {
          const active = decodeValue(await ask(files, taken, GET_VALUES, valueBytes(false)));
          await ask(files, taken, SET_CONFIG, configBytes({ ...config, active }));
          return taken;
        } catch (error) {
          await files.close(taken);
          throw error;
        }
      } catch (error) {
        if (!(error instanceof DeviceError) || error.code !== "EBUSY") throw portError(error, what);
        const { consumer: holder = "the kernel" } = await line(offset);
        throw new PortError(
          "refused",
          `${what} belongs to ${holder}. Declare it with one endpoint only, end the other program, or choose another line.`,
          { cause: error },
        );
      }
    },
    files: files,
    [Symbol.asyncDispose]: () => files.close(fd),
  };
}

async function ask(
  files: DeviceFiles,
  fd: number,
  { name, request }: { name: string; request: number },
  bytes: Buffer,
): Promise<Buffer> {
  return Buffer.from((await files.ioctl(name, { fd, request, bytes })).bytes ?? []);
}

async function locate({ chip: wanted, line: wantedLine }: GpioLineAddress, what: string) {
  const chips = await listGpioChips();
  const fits = chips.filter(
    ({ name, label, path }) => wanted === undefined || [name, label, path].includes(wanted),
  );
  if (fits.length === 0) {
    const there = chips.map(({ name, label }) => `${label} (${name})`).join(", ");
    throw new PortError(
      "unreachable",
      `${what}: there is no such chip, or this user may not open it. There are: ${there || "none"}. Correct the option chip, or add the user of the agent to the group gpio.`,
    );
  }
  const places: { path: string; offset: number; chip: GpioChipInfo }[] = [];
  for (const each of fits) {
    const offset = await offsetOf(each.path, each.lines, wantedLine);
    if (offset !== undefined) places.push({ path: each.path, offset, chip: each });
  }
  const [place, ...others] = places;
  if (place && others.length === 0) return place;
  if (place) {
    const names = places.map(({ chip }) => chip.name).join(", ");
    throw invalid(what, `more than one chip fits: ${names}. Name one in the option chip`);
  }
  const [first] = fits;
  const range = first && fits.length === 1 ? `it has the lines 0 to ${first.lines - 1}` : "";
  throw invalid(what, `there is no such line${range ? `; ${range}` : ""}. Correct the option line`);
}

async function offsetOf(path: string, lines: number, line: string | number) {
  if (typeof line === "number") return line < lines ? line : undefined;
  await using chip = await openChip(path);
  for (let offset = 0; offset < lines; offset += 1)
    if ((await chip.line(offset)).name === line) return offset;
  return undefined;
}

function invalid(what: string, why: string): PortError {
  return new PortError("invalid-options", `${what}: ${why}.`);
}

function portError(error: unknown, what: string): Error {
  if (!(error instanceof DeviceError)) return error as Error;
  const options = { cause: error };
  switch (error.code) {
    case "EACCES":
    case "EPERM":
      return new PortError(
        "refused",
        `${what} may not be used: ${error.message}. Add the user of the agent to the group gpio.`,
        options,
      );
    case "EINVAL":
    case "ENOTSUP":
    case "EOPNOTSUPP":
      return new PortError(
        "unsupported",
        `${what} cannot do this: ${error.message}. Leave out bias or drive, or choose another line.`,
        options,
      );
    default:
      return new PortError(
        "unreachable",
        `${what} does not answer: ${error.message}. Check that the chip is still there.`,
        options,
      );
  }
}
