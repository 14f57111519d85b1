import { openDriver } from "@outrider/ports/driver";
import { MODBUS_FRAMINGS } from "@outrider/transports/modbus-frame";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { pymodbus, startModbusBoard, type ModbusBoard } from "../testing/modbus-board.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import { driver } from "./modbus.js";

const bin = await pymodbus();

describe.skipIf(bin === undefined).each(MODBUS_FRAMINGS)("a board of pymodbus by %s", (framing) => {
  describeDigitalOutputPort("modbus", async () => {
    const board = await startModbusBoard(bin ?? "", framing);
    return {
      open: (context) =>
        openDriver(driver, { host: "127.0.0.1", port: board.port, framing, address: 3 }, context),
      active: () => board.bit("coil", 3),
      force: async (active) => void (await board.bit("coil", 3, active)),
      silence: board.silence,
      [Symbol.asyncDispose]: () => board[Symbol.asyncDispose](),
    };
  });
});

describe.skipIf(bin === undefined)("modbus", { timeout: 60_000 }, () => {
  let board: ModbusBoard;
  beforeAll(async () => {
    board = await startModbusBoard(bin ?? "");
  }, 60_000);
  afterAll(() => board[Symbol.asyncDispose]());
  const open = (options: object) =>
    openDriver(driver, { host: "127.0.0.1", port: board.port, ...options }, driverContext());

  it("switches its coil and no other, of its unit and of no other", async () => {
    await using coil = await open({ address: 2 });
    await using same = await open({ address: 2, unit: 7 });
    await coil.set(true, never);
    const coils = [0, 1, 2, 3, 4, 5, 6, 7].map((address) => board.bit("coil", address));
    expect(await Promise.all(coils)).toEqual([
      false,
      false,
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(await same.read(never)).toBe(false);
    await coil.set(false, never);
  });

  it("is active while its coil is off, where it is inverted", async () => {
    await using coil = await open({ address: 4, inverted: true });
    expect(await coil.read(never)).toBe(true);
    await coil.set(false, never);
    expect(await board.bit("coil", 4)).toBe(true);
    expect(await coil.read(never)).toBe(false);
  });

  it("says which unit does not answer behind its gateway", async () => {
    await using coil = await open({ address: 0, unit: 9 });
    const error = await failure(coil.read(never));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain(`127.0.0.1:${board.port}, unit 9: the gateway has no answer`);
  });

  it("does not believe a board about a coil that it does not have", async () => {
    await using coil = await open({ address: 8 });
    expect(["invalid-options", "protocol"]).toContain((await failure(coil.read(never))).code);
    expect(await failure(coil.set(true, never))).toMatchObject({ code: "invalid-options" });
  });

  it("is told of a wrong framing, and serves again after it", async () => {
    await using wrong = await open({ address: 0, framing: "rtu" });
    const error = await failure(wrong.read(AbortSignal.timeout(1000)));
    expect(["protocol", "timed-out", "unreachable"]).toContain(error.code);
    await using right = await open({ address: 0 });
    expect(await right.read(never)).toBe(false);
  });

  it("is unreachable where nobody listens, and back with its board", async () => {
    const own = await startModbusBoard(bin ?? "");
    await using coil = await open({ address: 0, port: own.port });
    expect(await coil.read(never)).toBe(false);
    await own[Symbol.asyncDispose]();
    const error = await failure(coil.set(true, never));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain(`127.0.0.1:${own.port}`);
  });
});
