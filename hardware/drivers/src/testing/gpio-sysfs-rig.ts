import type { PortKind } from "@outrider/ports/driver";
import { GUEST_CHIP, joinDeviceGuest, type DeviceGuest } from "./device-guest-rig.js";

/** What the guest's kernel counts the lines of its one chip from. */
const BASE = 1000;

/** The old interface of a guest's kernel, and its files as anybody may write them. */
export async function gpioSysfsGuest(lines: readonly number[]) {
  const guest = await joinDeviceGuest();
  const shell = (command: string) => guest.run("/tmp/busybox", "sh", "-c", command);
  const folder = (line: number): string => `/sys/class/gpio/gpio${BASE + line}`;
  const release = (line: number) =>
    shell(`[ ! -d ${folder(line)} ] || echo ${BASE + line} >/sys/class/gpio/unexport`);
  for (const line of lines) await release(line);
  return {
    guest,
    open: <P extends PortKind>(port: P, options: object, agent?: "second") =>
      guest.open(port, { driver: "gpio-sysfs", options: { chip: GUEST_CHIP, ...options } }, agent),
    exportLine: (line: number) => shell(`echo ${BASE + line} >/sys/class/gpio/export`),
    write: (line: number, file: string, value: string) =>
      shell(`echo ${value} >${folder(line)}/${file}`),
    isExported: async (line: number) =>
      (await shell(`[ -d ${folder(line)} ] && echo yes || echo no`)) === "yes",
    [Symbol.asyncDispose]: async (): Promise<void> => {
      for (const line of lines) await release(line);
      await guest[Symbol.asyncDispose]();
    },
  } satisfies AsyncDisposable & { guest: DeviceGuest } & Record<string, unknown>;
}
