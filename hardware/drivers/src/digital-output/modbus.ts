import { defineDriver } from "@outrider/ports/driver";
import { MODBUS_DEFAULTS, ModbusBitOptions, useModbus } from "../modbus-bit.js";

export const driver = defineDriver({
  port: "digital-output",
  driver: "modbus",
  summary: "A coil of a relay board that speaks Modbus TCP, or RTU behind a gateway.",
  actions: [],
  options: ModbusBitOptions,
  exclusive: ["host", "port", "unit", "address"],
  exclusiveDefaults: MODBUS_DEFAULTS,
  network: "host",
  example: { options: { host: "10.0.0.50", unit: 1, address: 0 } },
  proof: "pymodbus 3.8.6, by TCP and by RTU over TCP",
  open: async (options, context) => {
    const { unit = MODBUS_DEFAULTS.unit, address, inverted = false } = options;
    const board = useModbus(options, context);
    const coil = { unit, table: "coil", address } as const;
    return {
      evidence: "ReadBack",
      read: async (signal) => (await board.value.read(coil, signal)) !== inverted,
      set: (active, signal) => board.value.writeCoil(coil, active !== inverted, signal),
      [Symbol.asyncDispose]: async () => board[Symbol.dispose](),
    };
  },
});
