import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { check } from "@outrider/contracts/codec";
import { Detected } from "@outrider/contracts/agent-request";
import { systemClock } from "@outrider/contracts/clock";
import { listDrivers, loadDriver } from "@outrider/drivers/registry";
import { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noSecrets } from "../testing/no-secrets.js";
import { boardSensors } from "./board-sensors.js";
import { detectWith } from "./detect.js";
import { DETECTORS } from "./detectors.js";
import type { Detecting, Detector } from "./detector.js";
import { gpioChips } from "./gpio-chips.js";
import { i2cChips } from "./i2c-chips.js";
import { serialPorts } from "./serial-ports.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "or-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

const detecting = (): Detecting => ({
  clock: systemClock,
  signal: new AbortController().signal,
  secret: noSecrets,
  asked: {},
  root,
  trouble: (message) => {
    throw new Error(message);
  },
  looked: () => {},
});

describe("serial ports", () => {
  it("are named by the port of the bus that they are plugged into, since identical adapters change places", async () => {
    for (const tty of ["ttyUSB0", "ttyUSB1", "ttyACM0"]) {
      link(`sys/class/tty/${tty}/device`, "../../../devices/usb");
    }
    link("dev/serial/by-path/platform-usb-0:1.2:1.0-port0", "../../ttyUSB0");
    link("dev/serial/by-path/platform-usbv2-0:1.2:1.0-port0", "../../ttyUSB0");
    link("dev/serial/by-path/platform-usb-0:1.3:1.0-port0", "../../ttyUSB1");
    link("dev/serial/by-id/usb-FTDI_FT232R-if00-port0", "../../ttyUSB1");
    const found = await serialPorts.detect(detecting());
    expect(found.map(({ options, confidence }) => [options["path"], confidence])).toEqual([
      ["/dev/ttyACM0", "low"],
      ["/dev/serial/by-path/platform-usb-0:1.2:1.0-port0", "medium"],
      ["/dev/serial/by-path/platform-usb-0:1.3:1.0-port0", "medium"],
    ]);
    expect(found[2]?.why).toContain("FTDI_FT232R");
    expect(found[0]?.why).toContain("changes with the order of plugging");
  });

  it("are none that the kernel has only room for", async () => {
    link("sys/class/tty/ttyS0/device", "../../../devices/pnp");
    file("sys/class/tty/ttyS0/type", "4\n");
    link("sys/class/tty/ttyS1/device", "../../../devices/platform");
    file("sys/class/tty/ttyS1/type", "0\n");
    mkdirSync(join(root, "sys/class/tty/tty0"), { recursive: true });
    mkdirSync(join(root, "sys/class/tty/ptmx"), { recursive: true });
    const found = await serialPorts.detect(detecting());
    expect(found.map(({ options }) => options["path"])).toEqual(["/dev/ttyS0"]);
  });
});

describe("sensors of the board", () => {
  it("are what the kernel reads, by the name of the chip and never by its number", async () => {
    file("sys/class/hwmon/hwmon3/name", "ina226\n");
    file("sys/class/hwmon/hwmon3/in1_input", "5000\n");
    file("sys/class/hwmon/hwmon3/curr1_input", "900\n");
    file("sys/class/hwmon/hwmon4/name", "nothing\n");
    file("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    const found = await boardSensors.detect(detecting());
    expect(JSON.stringify(found.map(({ options }) => options))).not.toContain("hwmon3");
    expect(found.map(({ driver }) => driver)).toEqual(["hwmon", "thermal"]);
    expect(found[0]?.why).toContain("curr1_input, in1_input");
  });
});

describe("chips of one name", () => {
  it("are told apart by where they hang", async () => {
    for (const [at, address] of ["1-0040", "1-0041"].entries()) {
      file(`sys/class/hwmon/hwmon${at}/name`, "ina226\n");
      file(`sys/class/hwmon/hwmon${at}/in1_input`, "5000\n");
      link(`sys/class/hwmon/hwmon${at}/device`, `../../../devices/i2c-1/${address}`);
    }
    const found = await boardSensors.detect(detecting());
    expect(found.map(({ options }) => options)).toEqual([
      { name: "ina226", device: "1-0040" },
      { name: "ina226", device: "1-0041" },
    ]);
  });
});

describe("chips that no program can use yet", () => {
  it("are told of, with the module that gives I²C adapters a device", async () => {
    file("sys/bus/i2c/devices/i2c-1/name", "bcm2835 (i2c@7e804000)\n");
    file("sys/bus/i2c/devices/i2c-9/name", "NVIDIA i2c adapter 1 at 1:00.0\n");
    file("sys/bus/i2c/devices/1-0040/name", "ina226\n");
    const { proposals, problems } = await detectWith([i2cChips], detecting());
    expect(proposals).toEqual([]);
    expect(problems).toEqual([
      {
        detector: "i2c",
        message: expect.stringMatching(
          /^There are I²C adapters \(bcm2835 \(i2c@7e804000\)\) .* modprobe i2c-dev/,
        ) as string,
      },
    ]);
  });

  it("are proposed by sysfs where there is nothing else, with the command that the driver needs", async () => {
    file("sys/class/gpio/gpiochip512/label", "pinctrl-bcm2835\n");
    file("sys/class/gpio/gpiochip512/ngpio", "54\n");
    const { proposals } = await detectWith([gpioChips], detecting());
    expect(proposals).toMatchObject([
      { driver: "gpio-sysfs", options: { chip: "pinctrl-bcm2835", line: 0 }, confidence: "low" },
    ]);
    expect(proposals[0]?.why).toMatch(/has 54 lines.* npm install .*onoff@/);
    const { options: type } = await loadDriver("digital-output", "gpio-sysfs");
    expect(check(type, proposals[0]?.options, true)).toMatchObject({ ok: true });
  });
});

describe("all detectors", () => {
  it("find nothing on a host that has nothing, which is no problem, and each says where it looked", async () => {
    const found = await detectWith(DETECTORS, detecting());
    expect(found).toMatchObject({ proposals: [], problems: [] });
    expect(found.looked?.map(({ detector }) => detector)).toEqual(
      DETECTORS.map(({ name }) => name),
    );
    const said = found.looked?.map(({ what }) => what).join("\n");
    for (const words of ["/sys/class/tty", "no /dev/gpiochip*", "dtparam=i2c_arm=on", "--switch"]) {
      expect(said).toContain(words);
    }
    expect(check(Detected, found, true)).toMatchObject({ ok: true });
  });

  it("propose what the driver takes, where there is that driver", async () => {
    link("sys/class/tty/ttyUSB0/device", "../../../devices/usb");
    file("sys/class/hwmon/hwmon0/name", "ina226\n");
    file("sys/class/hwmon/hwmon0/in1_input", "5000\n");
    file("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    const { proposals } = await detectWith(DETECTORS, detecting());
    const known = (await listDrivers()).map(({ port, driver }) => `${port}/${driver}`);
    for (const { port, driver, options } of proposals) {
      if (!known.includes(`${port}/${driver}`)) continue;
      const { options: type } = await loadDriver(port, driver);
      expect(check(type, options, true), `${port}/${driver}`).toMatchObject({ ok: true });
    }
    expect(proposals.length).toBeGreaterThanOrEqual(3);
  });

  it("say that no switch can know a node whose addresses nobody has given", async () => {
    const asked = { switches: [{ host: "127.0.0.1" }] };
    const { problems } = await detectWith(DETECTORS, { ...detecting(), asked });
    expect(problems).toEqual([
      { detector: "poe", message: expect.stringContaining("Give nodes their macs") as string },
    ]);
  });

  it("say what one could not, beside what the others found, and wait for none for ever", async () => {
    const one = { port: "power", driver: "x", options: {}, why: "it is there" } as const;
    const detectors: Detector[] = [
      { name: "fails", detect: async () => Promise.reject(new PortError("refused", "No rights.")) },
      { name: "hangs", detect: () => new Promise(() => {}) },
      {
        name: "finds",
        detect: async ({ trouble }) => {
          trouble("One of two was away.");
          return [{ ...one, confidence: "low" }];
        },
      },
      { name: "knows", detect: async () => [{ ...one, confidence: "high" }] },
    ];
    const clock = new ManualClock();
    const found = detectWith(detectors, { ...detecting(), clock });
    clock.advance(60_000);
    const { proposals, problems } = await found;
    expect(proposals.map(({ confidence }) => confidence)).toEqual(["high", "low"]);
    expect(problems.map(({ detector }) => detector).toSorted()).toEqual([
      "fails",
      "finds",
      "hangs",
    ]);
    expect(problems).toContainEqual({ detector: "finds", message: "One of two was away." });
  });

  it("answer no more than a message holds", async () => {
    const many = Array.from({ length: 5000 }, (_, line) => ({
      port: "digital-output" as const,
      driver: "gpio",
      options: { chip: "x".repeat(100), line },
      why: "y".repeat(2000),
      confidence: "low" as const,
    }));
    const found = await detectWith([{ name: "many", detect: async () => many }], detecting());
    expect(check(Detected, found, true)).toMatchObject({ ok: true });
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(60_000);
    expect(found.problems[0]?.message).toMatch(/^\d+ more were found and left out\.$/);
  });
});
