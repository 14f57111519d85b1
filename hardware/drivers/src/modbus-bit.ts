import { Integer, OneOf, Optional } from "@outrider/contracts/decorators";
import type { DriverContext } from "@outrider/ports/driver";
import { ModbusDevice } from "@outrider/transports/modbus";
import { MODBUS_FRAMINGS, type ModbusFraming } from "@outrider/transports/modbus-frame";
import { SharedByClock, type Share } from "@outrider/transports/shared";
import { IsBoolean, Matches } from "class-validator";

/** One bit of a Modbus device. */
export class ModbusBitOptions {
  /** Name or address of the board, or of the gateway before its serial line. */
  @Matches(/^[A-Za-z0-9:][A-Za-z0-9.:-]{0,254}$/)
  host!: string;
  /** TCP port. Default: 502. */
  @Optional() @Integer(1, 65_535) port?: number;
  /** Unit (slave) on the board's line. Default: 1. */
  @Optional() @Integer(0, 255) unit?: number;
  /** Counts from 0, as the protocol does: what a manual calls coil 1, 00001 or input 10001 is 0. */
  @Integer(0, 65_535) address!: number;
  /** `rtu` for a gateway that passes on the bytes of the serial line as they are. Default: `tcp`. */
  @Optional() @OneOf(MODBUS_FRAMINGS) framing?: ModbusFraming;
  /** Whether it is active while the bit is 0. Default: while it is 1. */
  @Optional() @IsBoolean() inverted?: boolean;
}

export const MODBUS_DEFAULTS = { port: 502, unit: 1 } as const;

const devices = new SharedByClock<ModbusDevice>();

/** The board, with one connection for all of its endpoints in this agent. */
export function useModbus(
  { host, port = MODBUS_DEFAULTS.port, framing = "tcp" }: ModbusBitOptions,
  { clock }: Pick<DriverContext, "clock">,
): Share<ModbusDevice> {
  const address = { host, port, framing };
  return devices.take(clock, JSON.stringify(address), () => new ModbusDevice(address, clock));
}
