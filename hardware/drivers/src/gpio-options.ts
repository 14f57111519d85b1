import { Integer, OneOf, Optional } from "@outrider/contracts/decorators";
import { PortError } from "@outrider/ports/port-error";
import { GPIO_BIASES, GPIO_DRIVES } from "@outrider/transports/gpio-abi";
import type { GpioLineAddress } from "@outrider/transports/gpio-chip";
import { IsBoolean, Matches } from "class-validator";

/** A line of a GPIO chip of the agent's host: by its number on the chip, or by its name. */
export class GpioLineOptions {
  /** The chip's label, such as `pinctrl-rp1` or `pinctrl-bcm2711`; `gpiodetect` lists them. Default: any chip that has a line of that name. */
  @Optional() @Matches(/^[^\n]{1,64}$/) chip?: string;
  /** The line's number on its chip. */
  @Optional() @Integer(0, 1023) line?: number;
  /** The line's name, such as `GPIO17`; `gpioinfo` lists them. In the place of its number. */
  @Optional() @Matches(/^[^\n]{1,32}$/) name?: string;
  /** Whether the line is active when its level is low. Default: when it is high. */
  @Optional() @IsBoolean() activeLow?: boolean;
  /** A resistor in the chip. Default: left as it is. */
  @Optional() @OneOf(GPIO_BIASES) bias?: (typeof GPIO_BIASES)[number];
}

export class GpioOutputOptions extends GpioLineOptions {
  /** Whether only low (`open-drain`) or only high (`open-source`) is driven. Default: both. */
  @Optional() @OneOf(GPIO_DRIVES) drive?: (typeof GPIO_DRIVES)[number];
  /** What the line is set to in one step with taking it: at each start of the agent and each change of the options, so only for a line that rests at one level, such as a reset or a button; the supply of a node refuses it. Default: the level that it has. */
  @Optional() @OneOf(["active", "inactive"]) initial?: "active" | "inactive";
}

/** @throws PortError `invalid-options` */
export function gpioAddress({ chip, line, name }: GpioLineOptions): GpioLineAddress {
  if ((line === undefined) === (name === undefined)) {
    throw new PortError("invalid-options", "A GPIO line needs one of the options line and name.");
  }
  if (line !== undefined && chip === undefined) {
    throw new PortError("invalid-options", "A GPIO line by its number needs the option chip.");
  }
  return { chip, line: line ?? name ?? "" };
}

/** Who the kernel says has the line. */
export const gpioConsumer = (): string => `outrider/pid ${process.pid}`;
