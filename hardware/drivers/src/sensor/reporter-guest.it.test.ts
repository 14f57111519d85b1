import type { Sample } from "@outrider/contracts/reading";
import { openDriver } from "@outrider/ports/driver";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { driver as button } from "../button/reporter.js";
import { driver as heartbeat } from "../heartbeat/reporter.js";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import {
  askUntil,
  DISK_SERIAL,
  GUEST_MEGABYTES,
  lacksReporterGuest,
  startReporterGuest,
  type ReporterGuest,
} from "../testing/reporter-guest.js";
import { driver as sensor } from "./reporter.js";

const skip = await lacksReporterGuest("the reporter of a virtual machine");

describe.skipIf(skip)("the reporter of a virtual machine", { timeout: 240_000 }, () => {
  let guest: ReporterGuest;
  const context = () => driverContext({ secrets: guest.secrets });
  const open = (disk?: string): Promise<SensorPort> =>
    openDriver(sensor, disk === undefined ? guest.options : { ...guest.options, disk }, context());
  const until = async (port: SensorPort, will: (sample: Sample) => boolean): Promise<Sample> => {
    try {
      return await askUntil(() => port.read(never), will);
    } catch (error) {
      throw new Error(`The guest said: ${guest.log()}`, { cause: error });
    }
  };

  beforeAll(async () => {
    guest = await startReporterGuest();
  });
  afterAll(async () => {
    await guest[Symbol.asyncDispose]();
  });

  it("tells its load and its memory, and which kernel runs", async () => {
    await using port = await open();
    const sample = await until(port, () => true);
    const megabytes = Number(sample.memoryTotalBytes) / 1_048_576;
    expect(megabytes).toBeLessThan(GUEST_MEGABYTES);
    expect(megabytes).toBeGreaterThan(GUEST_MEGABYTES * 0.7);
    expect(sample.memoryAvailableBytes).toBeLessThan(Number(sample.memoryTotalBytes));
    expect(sample.load1m).toBeGreaterThan(0);
    await using life = await openDriver(heartbeat, guest.options, context());
    const { alive, detail } = await life.read(never);
    expect(alive).toBe(true);
    expect(detail).toMatch(/^Linux \d+\.\d+\..*cloud-amd64$/);
  });

  it("tells what its disk says of itself to smartctl, and that it begins to fail", async () => {
    await using disk = await open(DISK_SERIAL);
    await using host = await open();
    const healthy = await until(disk, ({ diskHealthy }) => diskHealthy === 1);
    // QEMU's disk says 323 K, and that nothing of it is used up.
    expect(healthy).toEqual({ diskHealthy: 1, temperatureCelsius: 50, mediaLifeLeftPercent: 100 });
    onTestFinished(() => guest.failDisk(false));
    await guest.failDisk(true);
    await until(disk, ({ diskHealthy }) => diskHealthy === 0);
    await until(host, ({ diskHealthy }) => diskHealthy === 0);
    await guest.failDisk(false);
    await until(host, ({ diskHealthy }) => diskHealthy === 1);
  });

  it("goes down when it is told to", async () => {
    await using port = await openDriver(button, guest.options, context());
    await port.shutDown?.(never);
    await guest.off;
  });
});
