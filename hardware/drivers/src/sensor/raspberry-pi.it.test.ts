import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { afterAll, describe, expect, it, vi } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { sysfsTree } from "../testing/sysfs-tree.js";
import { driver, openRaspberryPi } from "./raspberry-pi.js";

const tree = sysfsTree({
  "class/hwmon/hwmon2/name": "rpi_volt",
  "class/hwmon/hwmon2/in0_lcrit_alarm": 0,
});
const bare = sysfsTree({});
afterAll(() => {
  tree[Symbol.dispose]();
  bare[Symbol.dispose]();
});

const PMIC = `     3V3_SYS_A current(1)=0.10000000A
     VDD_CORE_A current(7)=1.50000000A
     3V3_SYS_V volt(9)=3.30000000V
     VDD_CORE_V volt(15)=0.80000000V
        EXT5V_V volt(24)=5.12000000V
`;
const answering = (throttled: string, pmic?: string) => async (command: string) => {
  if (command === "get_throttled") return `throttled=${throttled}\n`;
  if (pmic === undefined) throw new Error("Command not registered");
  return pmic;
};

describeSensorPort("raspberry-pi", async () => {
  let word = 0;
  return {
    open: async (context) =>
      openRaspberryPi(context, tree.root, (command) =>
        answering(`0x${word.toString(16)}`)(command),
      ),
    measure: async () => {
      word = word === 0 ? 0x5_0005 : 0;
      const flag = word === 0 ? 0 : 1;
      return {
        underVoltage: flag,
        throttled: flag,
        throttledOccurred: flag,
        voltageVolts: "NoReading",
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
});

describe("raspberry-pi", () => {
  it("adds up what a Pi 5 says that its board draws", async () => {
    const port = openRaspberryPi(driverContext(), tree.root, answering("0x0", PMIC));
    expect(await port.read(never)).toMatchObject({
      voltageVolts: 5.12,
      powerWatts: expect.closeTo(1.53, 6) as number,
      underVoltageOccurred: 0,
    });
  });

  it("knows under-voltage by the kernel alone, and fails where there is neither", async () => {
    const fails = async (): Promise<string> => {
      throw new Error("no vcgencmd");
    };
    const port = openRaspberryPi(driverContext(), tree.root, fails);
    expect(await port.read(never)).toMatchObject({ underVoltage: 0, throttled: "NoReading" });
    const none = openRaspberryPi(driverContext(), bare.root, fails);
    await expect(none.read(never)).rejects.toThrow("no vcgencmd");
  });

  it("takes no answer that is none", async () => {
    const port = openRaspberryPi(driverContext(), bare.root, async () => "error=1 error_msg=x\n");
    await expect(port.read(never)).rejects.toMatchObject({ code: "protocol" });
  });
});

describe("the program of raspberry-pi", () => {
  const folder = mkdtempSync(join(tmpdir(), "pi-"));
  const vcgencmd = join(folder, "vcgencmd");
  const readBy = async (...script: string[]) => {
    writeFileSync(vcgencmd, ["#!/bin/sh", ...script, ""].join("\n"));
    chmodSync(vcgencmd, 0o755);
    await using port = await openDriver(driver, { vcgencmd }, driverContext());
    return await port.read(never);
  };
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it("is asked by name, and knows nothing of what the agent was given", async () => {
    vi.stubEnv("OUTRIDER_CANARY", "secret");
    const read = await readBy(
      `test "$1" = get_throttled || exit 1`,
      `env | grep -q CANARY && exit 1`,
      `echo throttled=0x4`,
    );
    expect(read).toMatchObject({ throttled: 1, frequencyCapped: 0, powerWatts: "NoReading" });
  });

  it.each(["/bin/sh", "vcgencmd", "/tmp/not-vcgencmd"])(
    "is no other program, whatever the endpoint says: %s",
    async (other) => {
      const opened = openDriver(driver, { vcgencmd: other }, driverContext());
      await expect(opened).rejects.toMatchObject({ code: "invalid-options" });
    },
  );

  it("says what to do where it has no access", async () => {
    await expect(readBy("exit 255")).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("group video") as string,
    });
    rmSync(vcgencmd);
    await using port = await openDriver(driver, { vcgencmd }, driverContext());
    await expect(port.read(never)).rejects.toMatchObject({ code: "unsupported" });
  });
});
