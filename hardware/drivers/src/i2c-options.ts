import { Integer, OneOf, Optional } from "@outrider/contracts/decorators";
import { I2C_LIBRARIES, type I2cLibraryName } from "@outrider/transports/i2c-buses";
import { Matches } from "class-validator";

/** The addresses that chips may have (I²C-bus specification, UM10204 §3.1.12). */
const FIRST = 0x08;
const LAST = 0x77;

/** A chip on an I²C bus of the agent's host. */
export class I2cChipOptions {
  /** `i2c-1`, or the adapter's name as `i2cdetect -l` has it, which stays when the numbers change. */
  @Matches(/^[^\n]{1,128}$/) bus!: string;
  /** The chip's address with seven bits. Default: the part's first. */
  @Optional() @Integer(FIRST, LAST) address?: number;
  /** By what the bus is spoken to. `i2c-bus` is a package that has to be built on the agent's host; where it is missing, the endpoint names the command. Default `i2c-dev`. */
  @Optional() @OneOf(I2C_LIBRARIES) library?: I2cLibraryName;
}
