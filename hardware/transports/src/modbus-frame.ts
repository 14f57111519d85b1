import { PortError } from "@outrider/ports/port-error";

/**
 * How requests are packed (Modbus Application Protocol 1.1b3, Messaging on TCP/IP 1.0b, Serial Line 1.02): `tcp` as
 * Modbus TCP has it; `rtu` as on a serial line, which simple gateways pass on as it is.
 */
export const MODBUS_FRAMINGS = ["tcp", "rtu"] as const;
export type ModbusFraming = (typeof MODBUS_FRAMINGS)[number];

export const READ_COILS = 1;
export const READ_DISCRETE_INPUTS = 2;
export const WRITE_SINGLE_COIL = 5;

const EXCEPTION = 0x80;
/** Transaction, protocol and length, before the unit. */
const MBAP_BYTES = 6;
const CRC_BYTES = 2;
/** The longest answer that may follow the unit. */
const MOST_BYTES = 254;

/** @param number of the transaction, which the answer repeats; a serial line knows none */
export function packed(
  framing: ModbusFraming,
  number: number,
  unit: number,
  request: Buffer,
): Buffer {
  const body = Buffer.concat([Buffer.from([unit]), request]);
  if (framing === "rtu") return Buffer.concat([body, crcOf(body)]);
  const head = Buffer.alloc(MBAP_BYTES);
  head.writeUInt16BE(number, 0);
  head.writeUInt16BE(body.length, 4);
  return Buffer.concat([head, body]);
}

/**
 * The answer, from its function code on, once all of it is there; undefined until then.
 * @throws PortError `protocol` where it is no answer to this request
 */
export function unpacked(
  framing: ModbusFraming,
  number: number,
  unit: number,
  bytes: Buffer,
  what: string,
): Buffer | undefined {
  const body = framing === "rtu" ? rtuBody(bytes, what) : tcpBody(bytes, number, what);
  if (body === undefined) return undefined;
  if (body[0] !== unit) throw noAnswer(what, `unit ${body[0]} has answered for unit ${unit}`);
  return body.subarray(1);
}

function tcpBody(bytes: Buffer, number: number, what: string): Buffer | undefined {
  if (bytes.length < MBAP_BYTES) return undefined;
  const length = bytes.readUInt16BE(4);
  if (bytes.readUInt16BE(2) !== 0 || length < 2 || length > MOST_BYTES) {
    throw noAnswer(
      what,
      "it does not speak Modbus TCP there; the option framing may have to be rtu",
    );
  }
  if (bytes.readUInt16BE(0) !== number) throw noAnswer(what, "it has answered another request");
  const end = MBAP_BYTES + length;
  return bytes.length < end ? undefined : bytes.subarray(MBAP_BYTES, end);
}

function rtuBody(bytes: Buffer, what: string): Buffer | undefined {
  const [, code, count] = bytes;
  if (code === undefined || count === undefined) return undefined;
  const length = rtuLength(code, count);
  if (length === undefined) {
    throw noAnswer(
      what,
      "it does not speak Modbus RTU there; the option framing may have to be tcp",
    );
  }
  if (bytes.length < length + CRC_BYTES) return undefined;
  const body = bytes.subarray(0, length);
  if (!crcOf(body).equals(bytes.subarray(length, length + CRC_BYTES))) {
    throw noAnswer(what, "its answer was disturbed (CRC)");
  }
  return body;
}

/** A serial line says nowhere how long an answer is: it follows from what was asked. */
function rtuLength(code: number, count: number): number | undefined {
  if ((code & EXCEPTION) !== 0) return 3;
  if (code === READ_COILS || code === READ_DISCRETE_INPUTS) return 3 + count;
  return code === WRITE_SINGLE_COIL ? 6 : undefined;
}

/** CRC-16 of Modbus, low byte first. */
function crcOf(bytes: Buffer): Buffer {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return Buffer.from([crc & 0xff, crc >> 8]);
}

/** Bits from an answer, the first in the lowest. */
export function bitsOf(answer: Buffer, request: Buffer, count: number, what: string): boolean[] {
  throwExceptionOf(answer, request, what);
  const [, bytes] = answer;
  if (bytes !== Math.ceil(count / 8) || answer.length !== 2 + bytes) {
    throw noAnswer(what, `it tells ${bytes ?? 0} bytes where ${count} bits were asked for`);
  }
  return Array.from({ length: count }, (_, at) => {
    return (((answer[2 + (at >> 3)] ?? 0) >> (at & 7)) & 1) === 1;
  });
}

/** Exception codes (Modbus Application Protocol, 7). @throws PortError when the answer is one, or to another function */
export function throwExceptionOf(answer: Buffer, request: Buffer, what: string): void {
  const [code, reason = 0] = answer;
  if (code === request[0]) return;
  // Some gateways do not repeat the function.
  if (code !== (request[0] ?? 0) + EXCEPTION && code !== EXCEPTION) {
    throw noAnswer(what, `it answers function ${code} where ${request[0]} was asked`);
  }
  switch (reason) {
    case 1:
      throw new PortError(
        "unsupported",
        `${what} does not know function ${request[0]} (exception 1). Look up what it has; another driver may fit.`,
      );
    case 2:
      throw new PortError(
        "invalid-options",
        `${what} has no such address (exception 2). Correct the option address: it counts from 0.`,
      );
    case 10:
    case 11:
      throw new PortError(
        "unreachable",
        `${what}: the gateway has no answer from the unit (exception ${reason}). Check its supply, its wires and the option unit.`,
      );
    default:
      throw new PortError(
        "refused",
        `${what} refuses (exception ${reason}${reason === 6 ? ", busy" : ""}). Look at it, then repeat.`,
      );
  }
}

export function noAnswer(what: string, why: string): PortError {
  return new PortError(
    "protocol",
    `${what}: ${why}. Check that the address belongs to a Modbus device, and its manual.`,
  );
}
