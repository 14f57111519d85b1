import { Integer, OneOf, Optional } from "@outrider/contracts/decorators";
import { IsBoolean, Matches } from "class-validator";

/** A GPIO line of the agent's host by the kernel's old interface. */
export class GpioSysfsLineOptions {
  /** The chip's label, as in `/sys/class/gpio/gpiochip…/label`. */
  @Matches(/^[^\n]{1,64}$/) chip!: string;
  /** The line's number on its chip: its number in sysfs less the chip's base, which is another one after each start. */
  @Integer(0, 1023) line!: number;
  /** Whether the line is active when its level is low. Default: when it is high. */
  @Optional() @IsBoolean() activeLow?: boolean;
}

export class GpioSysfsOutputOptions extends GpioSysfsLineOptions {
  /** What the line is set to in one step with taking it: at each start of the agent and each change of the options, so only for a line that rests at one level, such as a reset or a button; the supply of a node refuses it. Default: the level that it has. */
  @Optional() @OneOf(["active", "inactive"]) initial?: "active" | "inactive";
}
