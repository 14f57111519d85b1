import type { DriverContext, PortKind, Ports } from "@outrider/ports/driver";
import { useI2cBus } from "@outrider/transports/i2c-buses";
import { openDeclared, type Declared } from "../open.js";
import { SimulatedI2c } from "./simulated-i2c.js";

let buses = 0;

/** A bus of this process under a name of its own, on which drivers open as on any other. */
export function simulatedBus(bitsPerSecond?: number) {
  const bus = new SimulatedI2c(bitsPerSecond);
  // Chips are claimed on the whole host, and test files run beside each other.
  const path = `/simulated/i2c-${process.pid}-${(buses += 1)}`;
  let hanging = Promise.withResolvers<void>();
  return {
    bus,
    path,
    open: async <P extends PortKind>(
      port: P,
      declared: Declared,
      context: DriverContext,
    ): Promise<Ports[P]> => {
      // Whoever comes first makes the bus for all.
      const own = await useI2cBus(path, "i2c-dev", context.clock, () => bus);
      const options = { ...(declared.options as object), bus: path };
      try {
        const { port: opened, ...rest } = await openDeclared(
          port,
          { ...declared, options },
          context,
        );
        return {
          ...opened,
          [Symbol.asyncDispose]: async () => {
            await rest[Symbol.asyncDispose]();
            await own[Symbol.asyncDispose]();
          },
        };
      } catch (error) {
        await own[Symbol.asyncDispose]();
        throw error;
      }
    },
    silence: async (silent: boolean): Promise<void> => {
      if (silent) {
        hanging = Promise.withResolvers<void>();
        bus.hangs = hanging.promise;
      } else {
        bus.hangs = undefined;
        hanging.resolve();
        // What was under way has its end.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
