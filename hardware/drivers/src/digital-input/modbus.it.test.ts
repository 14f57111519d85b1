import { openDriver } from "@outrider/ports/driver";
import { MODBUS_FRAMINGS } from "@outrider/transports/modbus-frame";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describeDigitalInputPort } from "../testing/digital-input-conformance.js";
import { pymodbus, startModbusBoard } from "../testing/modbus-board.js";
import { never } from "../testing/port-rig.js";
import { driver } from "./modbus.js";

const bin = await pymodbus();

describe.skipIf(bin === undefined).each(MODBUS_FRAMINGS)("a board of pymodbus by %s", (framing) => {
  describeDigitalInputPort("modbus", async () => {
    const board = await startModbusBoard(bin ?? "", framing);
    return {
      open: (context) =>
        openDriver(driver, { host: "127.0.0.1", port: board.port, framing, address: 5 }, context),
      drive: async (active) => void (await board.bit("discrete-input", 5, active)),
      silence: board.silence,
      [Symbol.asyncDispose]: () => board[Symbol.asyncDispose](),
    };
  });
});

describe.skipIf(bin === undefined)("modbus", { timeout: 60_000 }, () => {
  it("reads a coil as an input, and an inverted one", async () => {
    await using board = await startModbusBoard(bin ?? "");
    const at = { host: "127.0.0.1", port: board.port, address: 1 };
    await board.bit("coil", 1, true);
    for (const [rest, active] of [
      [{}, false],
      [{ inverted: true }, true],
      [{ table: "coil" }, true],
    ] as const) {
      await using port = await openDriver(driver, { ...at, ...rest }, driverContext());
      expect(await port.read(never)).toBe(active);
    }
  });
});
