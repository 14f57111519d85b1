import { OneOf, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { MODBUS_DEFAULTS, ModbusBitOptions, useModbus } from "../modbus-bit.js";

export class ModbusInputOptions extends ModbusBitOptions {
  /** Where the board has it: as a discrete input, or as a coil that it only reports. Default: `discrete-input`. */
  @Optional() @OneOf(["discrete-input", "coil"]) table?: "discrete-input" | "coil";
}

export const driver = defineDriver({
  port: "digital-input",
  driver: "modbus",
  summary: "An input of a board that speaks Modbus TCP, or RTU behind a gateway.",
  actions: [],
  options: ModbusInputOptions,
  // With its table: input 0 is not coil 0.
  exclusive: ["host", "port", "unit", "address", "table"],
  exclusiveDefaults: { ...MODBUS_DEFAULTS, table: "discrete-input" },
  network: "host",
  example: { options: { host: "10.0.0.50", unit: 1, address: 0 } },
  proof: "pymodbus 3.8.6, by TCP and by RTU over TCP",
  open: async (options, context) => {
    const { unit = MODBUS_DEFAULTS.unit, address, inverted = false } = options;
    const { table = "discrete-input" } = options;
    const board = useModbus(options, context);
    const input = { unit, table, address } as const;
    return {
      read: async (signal) => (await board.value.read(input, signal)) !== inverted,
      [Symbol.asyncDispose]: async () => board[Symbol.dispose](),
    };
  },
});
