import { Integer, OneOf, Optional } from "@outrider/contracts/decorators";
import {
  FLOW_CONTROLS,
  PARITIES,
  type ControlLines,
  type LineSettings,
} from "@outrider/ports/console-port";
import { IsIn } from "class-validator";

const CONTROL_STATES = ["on", "off", "leave"] as const;

/** How a serial line is set when it is opened. */
export class LineOptions {
  /** Default 115200. */
  @Optional()
  @Integer(50, 12_000_000)
  baudRate?: number;
  /** Default 8. */
  @Optional()
  @Integer(5, 8)
  dataBits?: 5 | 6 | 7 | 8;
  /** Default none. */
  @Optional()
  @OneOf(PARITIES)
  parity?: LineSettings["parity"];
  /** Default 1; 1.5 with five data bits only. */
  @Optional()
  @IsIn([1, 1.5, 2])
  stopBits?: 1 | 1.5 | 2;
  /** Default none. */
  @Optional()
  @OneOf(FLOW_CONTROLS)
  flowControl?: LineSettings["flowControl"];
  /** What DTR is set to when the port is opened. Default: left as it is. */
  @Optional()
  @OneOf(CONTROL_STATES)
  dtr?: (typeof CONTROL_STATES)[number];
  /** What RTS is set to when the port is opened. Default: left as it is. */
  @Optional()
  @OneOf(CONTROL_STATES)
  rts?: (typeof CONTROL_STATES)[number];
}

export function settingsOf(options: LineOptions): LineSettings {
  return {
    baudRate: options.baudRate ?? 115_200,
    dataBits: options.dataBits ?? 8,
    parity: options.parity ?? "none",
    stopBits: options.stopBits ?? 1,
    flowControl: options.flowControl ?? "none",
  };
}

export function controlOf({ dtr = "leave", rts = "leave" }: LineOptions): Partial<ControlLines> {
  return {
    ...(dtr === "leave" ? {} : { dtr: dtr === "on" }),
    ...(rts === "leave" ? {} : { rts: rts === "on" }),
  };
}
