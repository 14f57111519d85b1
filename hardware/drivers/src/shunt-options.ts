import { Finite } from "@outrider/contracts/decorators";
import { I2cChipOptions } from "./i2c-options.js";

/** A chip that measures a current by what it loses over a resistor. */
export class ShuntOptions extends I2cChipOptions {
  /** The resistor on the board, in milliohms: R100 is 100, R010 is 10, R002 is 2. */
  @Finite(0.01, 100_000) shuntMilliohms!: number;
}

/** Amperes through it, from the volts over it. */
export const amperes = (shuntVolts: number, { shuntMilliohms }: ShuntOptions): number =>
  (shuntVolts * 1000) / shuntMilliohms;
