import type { Quantity, Sample } from "@outrider/contracts/reading";
import { withDeadline } from "@outrider/ports/deadline";
import type { DriverContext } from "@outrider/ports/driver";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { seconds } from "@outrider/ports/time";
import { within } from "./sample.js";

/** A chip that hangs lets the kernel wait. */
const READ_WITHIN = seconds(5);

/** A sensor that the kernel reads. */
export function sysfsSensor(
  what: string,
  quantities: readonly Quantity[],
  { clock }: Pick<DriverContext, "clock">,
  read: () => Promise<Sample>,
): SensorPort {
  return {
    quantities,
    read: (signal) =>
      withDeadline(clock, READ_WITHIN, signal, what, async () => within(await read())),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** In the quantity's unit, from the kernel's. */
export function scaled<T extends string>(value: number | T, factor: number): number | T {
  return typeof value === "number" ? value * factor : value;
}
