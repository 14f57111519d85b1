import type { DeviceGuest } from "./device-guest-rig.js";

/** Lets a driver of the guest's kernel have a chip of the stub until it is disposed. */
export async function kernelDriver(
  guest: DeviceGuest,
  modules: string,
  part: string,
  address: number,
): Promise<AsyncDisposable> {
  const shell = (command: string) => guest.run("/tmp/busybox", "sh", "-c", command);
  const bus = "/sys/bus/i2c/devices/i2c-0";
  for (const module of modules.split(" ")) {
    const loaded = `/sys/module/${module.replaceAll("-", "_")}`;
    await shell(`[ -d ${loaded} ] || /tmp/busybox insmod /tmp/modules/${module}.ko`);
  }
  await shell(`echo ${part} 0x${address.toString(16)} >${bus}/new_device`);
  return {
    [Symbol.asyncDispose]: async () =>
      void (await shell(`echo 0x${address.toString(16)} >${bus}/delete_device`)),
  };
}
