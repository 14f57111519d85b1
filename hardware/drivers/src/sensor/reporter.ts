import { Optional } from "@outrider/contracts/decorators";
import type { Absence, Quantity, Sample } from "@outrider/contracts/reading";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { HostDisk, HostReadings } from "@outrider/transports/reporter";
import { Matches } from "class-validator";
import { WAIT_MS } from "../host-options.js";
import { openReporter, REPORTER_EXAMPLE, ReporterOptions } from "../reporter-options.js";

/** The reporter of a host, and which of its disks. */
export class ReporterSensorOptions extends ReporterOptions {
  /**
   * One disk of the host, by its serial number or by the kernel's name (`sda`, `nvme0n1`), which may be another one
   * after a boot. Left out: the host as a whole.
   */
  @Optional()
  @Matches(/^[\w.:+ -]{1,64}$/)
  disk?: string;
}

const OF_HOST = [
  "load1m",
  "load5m",
  "load15m",
  "memoryTotalBytes",
  "memoryAvailableBytes",
  "diskHealthy",
] as const satisfies readonly Quantity[];
const OF_DISK = [
  "diskHealthy",
  "temperatureCelsius",
  "mediaLifeLeftPercent",
] as const satisfies readonly Quantity[];

export const driver = defineDriver({
  port: "sensor",
  driver: "reporter",
  summary:
    "The reporter on the host says, signed, its load and memory and whether its disks are healthy; of one disk also its temperature and the life that is left of it.",
  actions: [],
  options: ReporterSensorOptions,
  example: { options: REPORTER_EXAMPLE },
  proof: "smartctl 7.3 on an NVMe disk of QEMU 7.2",
  open: async (options, context) => {
    const { waitMs = WAIT_MS, disk } = options;
    const reporter = await openReporter(options, context);
    return {
      quantities: disk === undefined ? OF_HOST : OF_DISK,
      read: async (signal) => {
        const readings = await reporter.readings(waitMs, signal);
        return disk === undefined
          ? hostSample(readings)
          : diskSample(diskOf(readings, disk, reporter.what));
      },
      [Symbol.asyncDispose]: async () => reporter[Symbol.dispose](),
    };
  },
});

function hostSample({ load, memoryTotalBytes, memoryAvailableBytes, disks }: HostReadings): Sample {
  const [load1m, load5m, load15m] = load;
  return {
    load1m: orNone(load1m),
    load5m: orNone(load5m),
    load15m: orNone(load15m),
    memoryTotalBytes,
    memoryAvailableBytes,
    diskHealthy: flag(allHealthy(Object.values(disks))),
  };
}

/** One that fails is enough; of those that say nothing nobody knows. */
function allHealthy(disks: readonly HostDisk[]): boolean | undefined {
  const known = disks.flatMap(({ healthy }) => (healthy === undefined ? [] : [healthy]));
  return known.length === 0 ? undefined : known.every(Boolean);
}

function diskSample({ healthy, temperatureCelsius, mediaLifeLeftPercent }: HostDisk): Sample {
  return {
    diskHealthy: flag(healthy),
    temperatureCelsius: orNone(temperatureCelsius),
    mediaLifeLeftPercent: orNone(mediaLifeLeftPercent),
  };
}

function diskOf({ disks }: HostReadings, wanted: string, reporter: string): HostDisk {
  const found =
    Object.values(disks).find(({ serial }) => serial === wanted) ??
    (Object.hasOwn(disks, wanted) ? disks[wanted] : undefined);
  if (found) return found;
  const there = Object.entries(disks).map(([name, { serial, model }]) =>
    [name, ...[model, serial].filter(Boolean)].join(" "),
  );
  throw new PortError(
    "unreachable",
    `${reporter}: its host has no disk ${wanted}. ${there.length > 0 ? `It has ${there.join(", ").slice(0, 300)}` : "It has none"}.`,
  );
}

const orNone = (value: number | undefined): number | Absence => value ?? "NoReading";
const flag = (yes: boolean | undefined): number | Absence =>
  yes === undefined ? "NoReading" : Number(yes);
