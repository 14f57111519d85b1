import type { ConsolePort } from "@outrider/ports/console-port";
import { ReconnectingLine } from "@outrider/transports/reconnecting-line";
import { openSlotConsole } from "@outrider/transports/slot-console";
import { SlotDevice, type SlotsOptions } from "@outrider/transports/slots";

/** The console of a slot of a rack or chassis: bytes over an upgraded connection, breaks by request. */
export function slotConsole(options: SlotsOptions): ConsolePort {
  const { address, slot, clock } = options;
  const device = new SlotDevice(options);
  const line = new ReconnectingLine({
    clock,
    what: `${device.what}, console`,
    open: (listener, signal) =>
      openSlotConsole({ address, slot, what: `${device.what}, console`, clock }, listener, signal),
  });
  return {
    start: (listener) => line.start(listener),
    write: (bytes, signal) => line.write(bytes, signal),
    sendBreak: async (duration, signal) => {
      signal.throwIfAborted();
      // While somebody else has the console, or nobody can, a break of ours is none.
      void line.open;
      await device.sendBreak(duration, signal);
    },
    [Symbol.asyncDispose]: async () => {
      await line[Symbol.asyncDispose]();
      device[Symbol.dispose]();
    },
  };
}
