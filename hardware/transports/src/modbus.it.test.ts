import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { systemClock } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import type { Clock } from "@outrider/ports/time";
import { describe, expect, it } from "vitest";
import { ModbusDevice, type ModbusBit } from "./modbus.js";
import type { ModbusFraming } from "./modbus-frame.js";

const never = new AbortController().signal;

/** A board that answers as the test says: by the request, without its six bytes of head, and its number on the connection. */
async function board(
  answer: (request: Buffer, socket: Socket, whole: Buffer) => void,
  { framing = "tcp", clock = systemClock }: { framing?: ModbusFraming; clock?: Clock } = {},
) {
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => undefined);
    socket.on("data", (whole: Buffer) => {
      const request = framing === "tcp" ? whole.subarray(6) : whole;
      requests.push(request.toString("hex"));
      answer(request, socket, whole);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const device = new ModbusDevice({ host: "127.0.0.1", port, framing }, clock);
  return {
    device,
    requests,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      device[Symbol.dispose]();
      server.close();
      await once(server, "close");
    },
  };
}

/** Packs an answer for a request of Modbus TCP. */
function reply(whole: Buffer, hex: string): Buffer {
  const body = Buffer.from(hex, "hex");
  const head = Buffer.from(whole.subarray(0, 6));
  head.writeUInt16BE(body.length, 4);
  return Buffer.concat([head, body]);
}

const coil = (address: number, unit = 1): ModbusBit => ({ unit, table: "coil", address });
const failure = (promise: Promise<unknown>): Promise<PortError> =>
  promise.then(
    () => expect.unreachable("it was believed"),
    (error: unknown) => error as PortError,
  );

describe("a Modbus device", () => {
  it("is asked once for what is asked for together, on one connection", async () => {
    await using stand = await board((_, socket, whole) => socket.write(reply(whole, "01010105")));
    const { device } = stand;
    const reads = [0, 1, 2].map((address) => device.read(coil(address), never));
    expect(await Promise.all(reads)).toEqual([true, false, true]);
    expect(await device.read(coil(0), never).catch((error: PortError) => error.code)).toBe(true);
    expect(stand.requests).toEqual(["010100000003", "010100000001"]);
    expect(stand.connections()).toBe(1);
  });

  it("is asked bit by bit where it lacks one between, and tells only that one's asker", async () => {
    await using stand = await board((request, socket, whole) => {
      const [, , , address = 0, , count = 0] = request;
      const lacks = count > 1 || address === 9;
      socket.write(reply(whole, lacks ? "018102" : "01010101"));
    });
    const reads = [0, 9, 20].map((address) =>
      stand.device.read(coil(address), never).catch((error: PortError) => error.code),
    );
    expect(await Promise.all(reads)).toEqual([true, "invalid-options", true]);
  });

  it("asks one thing after the other, as a serial line behind it can carry no more", async () => {
    let underWay = 0;
    let most = 0;
    await using stand = await board((request, socket, whole) => {
      most = Math.max(most, (underWay += 1));
      setTimeout(() => {
        underWay -= 1;
        socket.write(reply(whole, request.toString("hex")));
      }, 5);
    });
    await Promise.all([0, 1, 2].map((one) => stand.device.writeCoil(coil(one), true, never)));
    expect(most).toBe(1);
    expect(stand.requests).toEqual(["01050000ff00", "01050001ff00", "01050002ff00"]);
  });

  it.each([
    [
      "another transaction",
      (whole: Buffer) => Buffer.from([0xff, 0xff, ...reply(whole, "01010101").subarray(2)]),
      "another request",
    ],
    ["another unit", (whole: Buffer) => reply(whole, "02010101"), "unit 2 has answered"],
    ["another function", (whole: Buffer) => reply(whole, "01020101"), "function 2"],
    ["more bits than were asked for", (whole: Buffer) => reply(whole, "0101020101"), "2 bytes"],
    ["no bits", (whole: Buffer) => reply(whole, "010100"), "0 bytes"],
    [
      "a web page",
      () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
      "does not speak Modbus TCP",
    ],
    [
      "an endless answer",
      () => Buffer.from("000100000fff0101", "hex"),
      "does not speak Modbus TCP",
    ],
  ])("is not believed when it answers %s", async (_, answer, why) => {
    await using stand = await board((_request, socket, whole) => void socket.write(answer(whole)));
    const error = await failure(stand.device.read(coil(0), never));
    expect(error).toMatchObject({ name: "PortError", code: "protocol" });
    expect(error.message).toContain(why);
  });

  it.each([
    ["018501", "unsupported"],
    ["018502", "invalid-options"],
    ["018504", "refused"],
    ["018506", "refused"],
    ["01850b", "unreachable"],
    ["01050001ff00", "protocol"],
    ["010500000000", "protocol"],
  ])("that answers %s to a coil has failed as %s", async (answer, code) => {
    await using stand = await board((_, socket, whole) => void socket.write(reply(whole, answer)));
    expect(await failure(stand.device.writeCoil(coil(0), true, never))).toMatchObject({ code });
  });

  it("is put together from pieces, and its half answer is none", async () => {
    await using whole = await board((_, socket, asked) => {
      for (const byte of reply(asked, "01010101")) socket.write(Buffer.from([byte]));
    });
    expect(await whole.device.read(coil(0), never)).toBe(true);
    await using half = await board((_, socket, asked) => {
      socket.end(reply(asked, "01010101").subarray(0, 8));
    });
    const error = await failure(half.device.read(coil(0), never));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain("read before repeating");
  });

  it("that restarts between two questions is asked on a new connection", async () => {
    await using stand = await board(
      (_, socket, whole) => void socket.end(reply(whole, "01010101")),
    );
    expect(await stand.device.read(coil(0), never)).toBe(true);
    // The end of the connection has been told.
    await expect.poll(async () => stand.device.read(coil(0), never).catch(() => false)).toBe(true);
    expect(stand.connections()).toBeGreaterThan(1);
  });

  it("that answers after the deadline is not taken to answer the next question", async () => {
    const clock = new ManualClock();
    const late: (() => void)[] = [];
    await using stand = await board(
      (request, socket, whole) => {
        if (request[1] === 5) late.push(() => socket.write(reply(whole, request.toString("hex"))));
        else socket.write(reply(whole, "01010100"));
      },
      { clock },
    );
    const writing = failure(stand.device.writeCoil(coil(0), true, never));
    await expect.poll(() => late.length).toBe(1);
    const waiting = failure(stand.device.writeCoil(coil(1), true, never));
    clock.advance(5000);
    expect(await writing).toMatchObject({ code: "timed-out" });
    expect(await waiting).toMatchObject({ code: "timed-out" });
    for (const answer of late) answer();
    expect(await stand.device.read(coil(0), never)).toBe(false);
    expect(stand.connections()).toBe(2);
    // What nobody waited for any more was never asked.
    expect(stand.requests.filter((one) => one.startsWith("0105"))).toEqual(["01050000ff00"]);
  });

  it("is not believed on a serial line whose answer was disturbed", async () => {
    await using stand = await board(
      (_, socket) => void socket.write(Buffer.from("010101010000", "hex")),
      {
        framing: "rtu",
      },
    );
    const error = await failure(stand.device.read(coil(0), never));
    expect(error).toMatchObject({ code: "protocol" });
    expect(error.message).toContain("disturbed (CRC)");
    // The request as the specification of the serial line has it.
    expect(stand.requests).toEqual(["010100000001fdca"]);
  });
});
