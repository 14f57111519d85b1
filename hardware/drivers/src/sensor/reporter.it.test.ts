import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { mustSkip } from "@outrider/simulators/peers";
import { afterAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import {
  askDisks,
  lacksReporter,
  REPORTER,
  REPORTER_SECRET_FILE,
  startReporter,
  type ReporterRig,
} from "../testing/reporter-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { sysfsTree } from "../testing/sysfs-tree.js";
import { driver } from "./reporter.js";

const tree = sysfsTree({
  "block/sda/size": 1_000_215_216,
  "block/sda/device/model": "Samsung SSD 870 ",
  "block/sda/device/hwmon/hwmon3/temp1_input": 31_000,
  "block/nvme0n1/size": 976_773_168,
  "block/nvme0n1/device/serial": "S5GXNF0R123456 ",
  "block/nvme0n1/device/hwmon1/temp1_input": 41_850,
  "block/mmcblk0/size": 61_071_360,
  "block/mmcblk0/device/name": "DG4032",
  "block/mmcblk0/device/life_time": "0x03 0x02",
  "block/mmcblk0/device/pre_eol_info": "0x01",
  "block/mmcblk0boot0/size": 8192,
  "block/zram0/size": 4096,
  "block/loop0/size": 4096,
  "block/sdb/size": 0,
  "block/sdc/size": 1_000_215_216,
});
afterAll(() => tree[Symbol.dispose]());

const open = (rig: ReporterRig, disk?: string): Promise<SensorPort> =>
  openDriver(
    driver,
    disk === undefined ? rig.options : { ...rig.options, disk },
    driverContext({ secrets: rig.secrets }),
  );

/** What smartctl 7.3 prints with --json, cut to what is read of it. */
const smart = (passed: boolean): string =>
  JSON.stringify({
    model_name: "Samsung SSD 870 EVO 500GB",
    serial_number: "S6PXNX0T654321",
    smart_status: { passed },
    temperature: { current: 33 },
  });
const NVME = JSON.stringify({
  smart_status: { passed: true, nvme: { value: 0 } },
  nvme_smart_health_information_log: { critical_warning: 0, percentage_used: 4 },
});

describe.skipIf(lacksReporter("sensor/reporter"))(
  "the reporter of this machine as a sensor",
  { timeout: 60_000 },
  () => {
    describeSensorPort("reporter", async () => {
      const rig = await startReporter({ root: tree.root });
      let wear = 2;
      return {
        open: (context) =>
          openDriver(
            driver,
            { ...rig.options, disk: "mmcblk0" },
            { ...context, secret: driverContext({ secrets: rig.secrets }).secret },
          ),
        measure: async () => {
          wear += 1;
          tree.set("block/mmcblk0/device/life_time", `0x0${wear} 0x02`);
          return {
            mediaLifeLeftPercent: 100 - 10 * wear,
            diskHealthy: 1,
            temperatureCelsius: "NoReading",
          };
        },
        silence: async (silent) => rig.freeze(silent),
        [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
      };
    });

    it("says load and memory as the kernel has them", async () => {
      await using rig = await startReporter({ root: tree.root });
      await using port = await open(rig);
      const sample = await port.read(never);
      const meminfo = readFileSync("/proc/meminfo", "utf8");
      expect(sample.memoryTotalBytes).toBe(Number(/MemTotal:\s+(\d+)/.exec(meminfo)?.[1]) * 1024);
      expect(sample.memoryAvailableBytes).toBeLessThanOrEqual(Number(sample.memoryTotalBytes));
      expect(sample.memoryAvailableBytes).toBeGreaterThan(0);
      for (const load of [sample.load1m, sample.load5m, sample.load15m])
        expect(load).toBeGreaterThanOrEqual(0);
    });

    it("tells of disks what the kernel knows, where nobody may ask them", async () => {
      await using rig = await startReporter({ root: tree.root });
      await using sata = await open(rig, "sda");
      expect(await sata.read(never)).toEqual({
        diskHealthy: "NoReading",
        temperatureCelsius: 31,
        mediaLifeLeftPercent: "NoReading",
      });
      await using nvme = await open(rig, "S5GXNF0R123456");
      expect(await nvme.read(never)).toMatchObject({ temperatureCelsius: 41.85 });
    });

    it("tells what disks say of their own health, as long as that is not old", async () => {
      await using rig = await startReporter({ root: tree.root });
      await using host = await open(rig);
      await using disk = await open(rig, "S6PXNX0T654321");
      await using nvme = await open(rig, "nvme0n1");
      askDisks(rig, tree.root, { sda: smart(true), nvme0n1: NVME });
      expect(await host.read(never)).toMatchObject({ diskHealthy: 1 });
      expect(await disk.read(never)).toMatchObject({ diskHealthy: 1 });
      expect(await nvme.read(never)).toEqual({
        diskHealthy: 1,
        temperatureCelsius: 41.85,
        mediaLifeLeftPercent: 96,
      });
      askDisks(rig, tree.root, { sda: smart(false) });
      expect(await host.read(never)).toMatchObject({ diskHealthy: 0 });
      expect(await disk.read(never)).toMatchObject({ diskHealthy: 0 });
      expect(await nvme.read(never)).toMatchObject({ diskHealthy: "NoReading" });
      const said = JSON.parse(readFileSync(rig.disksFile, "utf8")) as { uptimeSeconds: number };
      writeFileSync(
        rig.disksFile,
        JSON.stringify({ ...said, uptimeSeconds: said.uptimeSeconds - 3600 }),
      );
      await using again = await open(rig, "sda");
      expect(await again.read(never)).toMatchObject({ diskHealthy: "NoReading" });
      rmSync(rig.disksFile);
      expect(await host.read(never)).toMatchObject({ diskHealthy: 1 });
    });

    it("believes of temperatures what is measured now, and nothing that is older than two minutes", async () => {
      await using rig = await startReporter({ root: tree.root });
      await using seen = await open(rig, "sda");
      await using unseen = await open(rig, "sdc");
      askDisks(rig, tree.root, { sda: smart(true), sdc: smart(true) });
      expect(await seen.read(never)).toMatchObject({ diskHealthy: 1, temperatureCelsius: 31 });
      expect(await unseen.read(never)).toMatchObject({ diskHealthy: 1, temperatureCelsius: 33 });
      const said = JSON.parse(readFileSync(rig.disksFile, "utf8")) as { uptimeSeconds: number };
      const age = (seconds: number): void =>
        writeFileSync(
          rig.disksFile,
          JSON.stringify({ ...said, uptimeSeconds: said.uptimeSeconds - seconds }),
        );
      age(121);
      expect(await seen.read(never)).toMatchObject({ diskHealthy: 1, temperatureCelsius: 31 });
      expect(await unseen.read(never)).toMatchObject({
        diskHealthy: 1,
        temperatureCelsius: "NoReading",
      });
    });

    it("counts no part of the system for a disk, and says which disks there are", async () => {
      await using rig = await startReporter({ root: tree.root });
      await using port = await open(rig, "sdz");
      const error = await failure(port.read(never));
      expect(error).toMatchObject({ code: "unreachable" });
      expect(error.message).toContain("no disk sdz");
      expect(error.message).toContain(
        "It has mmcblk0 DG4032, nvme0n1 S5GXNF0R123456, sda Samsung SSD 870, sdc.",
      );
    });

    it("measures nothing with another secret", async () => {
      await using rig = await startReporter();
      const secrets = { [REPORTER_SECRET_FILE]: "canary-0000-another-secret-0123456789" };
      await using port = await openDriver(driver, rig.options, driverContext({ secrets }));
      const error = await failure(port.read(never));
      expect(error).toMatchObject({ code: "refused" });
      expect(error.message).not.toContain("canary");
    });
  },
);

describe.skipIf(mustSkip("the reporter's units", { "systemd-analyze": "systemd" }))(
  "the units of the reporter",
  () => {
    it.each([
      "outrider-reporter.service",
      "outrider-reporter-disks.service",
      "outrider-reporter-disks.timer",
    ])("%s is understood by systemd", (unit) => {
      const dir = mkdtempSync(join(tmpdir(), "or-"));
      try {
        for (const name of readdirSync(dirname(REPORTER)).filter((one) => one.includes("."))) {
          const text = readFileSync(join(dirname(REPORTER), name), "utf8");
          // It is nowhere on this machine.
          writeFileSync(
            join(dir, name),
            text.replaceAll("/usr/local/sbin/outrider-reporter", "/bin/true"),
          );
        }
        const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", join(dir, unit)], {
          env: { ...process.env, SYSTEMD_UNIT_PATH: `${dir}:` },
          encoding: "utf8",
          timeout: 30_000,
        });
        expect(stdout + stderr).toBe("");
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });
  },
);
