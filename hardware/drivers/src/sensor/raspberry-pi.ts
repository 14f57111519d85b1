import { join } from "node:path";
import { Optional } from "@outrider/contracts/decorators";
import type { Quantity, Sample } from "@outrider/contracts/reading";
import { withDeadline } from "@outrider/ports/deadline";
import { defineDriver, type DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { seconds, type Clock } from "@outrider/ports/time";
import { CHILD_PATH, runChild } from "@outrider/transports/child";
import { findSysfsDevice, sysfsNumber } from "@outrider/transports/sysfs";
import { Matches } from "class-validator";
import { within } from "../sample.js";

/** The host on which the agent runs. */
export class RaspberryPiOptions {
  /** Where vcgencmd is, with its name: nothing else is run. Default: where the system looks for programs. */
  @Optional() @Matches(/^\/([^\u0000]{1,240}\/)?vcgencmd$/) vcgencmd?: string;
}

/** Bits of `vcgencmd get_throttled` (raspberrypi/documentation, os/graphics-utilities). */
const BITS = {
  underVoltage: 0,
  frequencyCapped: 1,
  throttled: 2,
  softTemperatureLimit: 3,
  underVoltageOccurred: 16,
  throttledOccurred: 18,
} as const satisfies Partial<Record<Quantity, number>>;

const QUANTITIES: readonly Quantity[] = [
  ...(Object.keys(BITS) as (keyof typeof BITS)[]),
  "voltageVolts",
  "powerWatts",
];
const WITHIN = seconds(5);

export const driver = defineDriver({
  port: "sensor",
  driver: "raspberry-pi",
  summary:
    "What a Raspberry Pi knows of itself: under-voltage, throttling and, of a Pi 5, its input voltage and power. The agent runs on it.",
  actions: [],
  options: RaspberryPiOptions,
  example: { options: {} },
  open: async ({ vcgencmd = "vcgencmd" }, context) =>
    openRaspberryPi(context, "/", (command, signal) =>
      askBy(vcgencmd, command, context.clock, signal),
    ),
});

/** @param root where `/sys` is; only tests have another @param ask runs vcgencmd */
export function openRaspberryPi(
  { clock }: Pick<DriverContext, "clock">,
  root: string,
  ask: (command: string, signal: AbortSignal) => Promise<string>,
): SensorPort {
  return {
    quantities: QUANTITIES,
    read: (signal) =>
      withDeadline(clock, WITHIN, signal, "vcgencmd", async (until) => {
        const [flags, pmic, low] = await Promise.allSettled([
          ask("get_throttled", until).then(flagsOf),
          ask("pmic_read_adc", until).then(pmicOf),
          lowVoltageOf(root),
        ]);
        if (flags.status === "rejected" && low.status === "rejected") throw flags.reason;
        const none = Object.fromEntries(QUANTITIES.map((quantity) => [quantity, "NoReading"]));
        return within({ ...none, ...said(low), ...said(flags), ...said(pmic) });
      }),
    [Symbol.asyncDispose]: async () => {},
  };
}

const said = (one: PromiseSettledResult<Sample>): Sample =>
  one.status === "fulfilled" ? one.value : {};

/** `throttled=0x50005`. */
function flagsOf(text: string): Sample {
  const bits = /^throttled=0x([0-9a-f]+)\s*$/i.exec(text)?.[1];
  if (bits === undefined)
    throw new PortError(
      "protocol",
      "vcgencmd get_throttled says something else than throttled=0x….",
    );
  const word = Number.parseInt(bits, 16);
  return Object.fromEntries(
    Object.entries(BITS).map(([quantity, bit]) => [quantity, (word >>> bit) & 1]),
  );
}

/** Lines `NAME_A current(n)=x.xA` and `NAME_V volt(n)=x.xV`: the sum over what has both is what the board draws. */
function pmicOf(text: string): Sample {
  const volts = new Map<string, number>();
  const amperes = new Map<string, number>();
  for (const [, name = "", kind, value] of text.matchAll(
    /^\s*(\w+)_[AV]\s+(current|volt)\(\d+\)=(-?[\d.]+)[AV]\s*$/gm,
  ))
    (kind === "volt" ? volts : amperes).set(name, Number(value));
  const both = [...amperes].filter(([name]) => volts.has(name));
  const input = volts.get("EXT5V");
  return {
    ...(input === undefined ? {} : { voltageVolts: input }),
    ...(both.length === 0
      ? {}
      : { powerWatts: both.reduce((sum, [name, amps]) => sum + amps * (volts.get(name) ?? 0), 0) }),
  };
}

/** The kernel's own word for it, which needs no program. */
async function lowVoltageOf(root: string): Promise<Sample> {
  const folder = await findSysfsDevice(join(root, "sys/class/hwmon"), "name", "rpi_volt");
  const alarm = await sysfsNumber(join(folder, "in0_lcrit_alarm"));
  return { underVoltage: alarm };
}

async function askBy(
  program: string,
  asked: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const env = { PATH: CHILD_PATH, LC_ALL: "C" };
  const run = { command: program, args: [asked], env, what: "vcgencmd", deadline: WITHIN, clock };
  try {
    const { code, stdout } = await runChild(run, signal);
    if (code === 0) return stdout;
    throw useless(asked);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof PortError && cause.code !== "invalid-options") throw cause;
    throw useless(asked, cause);
  }
}

/** There is no such program, or it has no say here. */
const useless = (asked: string, cause?: unknown): PortError =>
  new PortError(
    "unsupported",
    `vcgencmd ${asked} does not work here. It is for an agent on a Raspberry Pi; add the user of the agent to the group video.`,
    { cause },
  );
