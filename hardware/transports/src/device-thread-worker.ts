/** A thread for devices: calls that may wait for a device wait here, and stall nobody else. */
import { closeSync, constants, openSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import koffi from "koffi";
import type { DeviceAnswer, DeviceCall } from "./device-thread.js";

const ioctl = koffi.load(null).func("int ioctl(int fd, unsigned long request, void *argument)");
const ioctlValue = koffi.load(null).func("ioctl", "int", ["int", "unsigned long", "long"]);

const say = (answer: DeviceAnswer | "online"): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  parentPort?.postMessage(answer);
};
parentPort?.on("message", (call: DeviceCall) => say(obey(call)));
say("online");

function obey(call: DeviceCall): DeviceAnswer {
  switch (call.do) {
    case "open":
      try {
        return { result: openSync(call.path, constants.O_RDWR) };
      } catch (error) {
        return { result: -1, errno: -((error as NodeJS.ErrnoException).errno ?? 0) };
      }
    case "close":
      closeSync(call.fd);
      return { result: 0 };
    case "ioctl": {
      for (const { request, value } of call.before ?? []) {
        if (Number(ioctlValue(call.fd, request, value)) < 0)
          return { result: -1, errno: koffi.errno() };
      }
      const bytes = Buffer.from(call.bytes);
      const inside = (call.inside ?? []).map(({ at, bytes: data }) => {
        const buffer = Buffer.from(data);
        if (at >= 0) writePointer(bytes, at, koffi.address(buffer));
        return buffer;
      });
      return point(inside, call, bytes);
    }
  }
}

function point(
  inside: readonly Buffer[],
  call: DeviceCall & { do: "ioctl" },
  bytes: Buffer,
): DeviceAnswer {
  // What messages of an array point at lies behind the array.
  for (const { in: holder, at, to } of call.pointers ?? []) {
    const [from, target] = [inside[holder], inside[to]];
    if (from && target) writePointer(from, at, koffi.address(target));
  }
  const result = Number(ioctl(call.fd, call.request, bytes));
  if (result < 0) return { result, errno: koffi.errno() };
  return { result, bytes, inside };
}

function writePointer(bytes: Buffer, at: number, address: bigint): void {
  if (koffi.sizeof("void *") === 8) bytes.writeBigUInt64LE(address, at);
  else bytes.writeUInt32LE(Number(address), at);
}
