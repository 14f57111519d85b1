/** Transfers on a bus of a guest, each on a connection of its own: the drivers there may use another back end. */
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { I2cBus, type I2cTransfer } from "@outrider/transports/i2c-bus";
import type { I2cLibraryName } from "@outrider/transports/i2c-buses";
import { I2cDev } from "@outrider/transports/i2c-dev";
import { I2cLibrary } from "@outrider/transports/i2c-library";

/** An emulated processor is slow. */
const WITHIN = milliseconds(10_000);

/** All of them asked for at once. @returns what each read @throws PortError */
export async function transfers(
  library: I2cLibraryName,
  path: string,
  asked: readonly (I2cTransfer & { readonly write?: Iterable<number> })[],
): Promise<number[][]> {
  const backEnd = library === "i2c-dev" ? new I2cDev(path) : new I2cLibrary(path);
  await using bus = new I2cBus(`The I²C bus ${path}`, backEnd, systemClock, WITHIN);
  const never = new AbortController().signal;
  const answers = asked.map((transfer) =>
    bus.transfer(
      // As it came in a message.
      transfer.kind === "exchange"
        ? { ...transfer, write: Uint8Array.from(transfer.write) }
        : transfer,
      never,
    ),
  );
  return (await Promise.all(answers)).map((bytes) => [...bytes]);
}
