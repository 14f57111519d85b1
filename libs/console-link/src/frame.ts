/**
 * Frames of the console link: four bytes length of the payload (big-endian), one byte type, the payload. Control frames
 * carry JSON in UTF-8, in which unknown fields are ignored; what comes often is binary.
 */

/** 2: `anew`. */
export const LINK_VERSION = 2;
/** Largest payload once both ends know each other. */
export const MAX_PAYLOAD_BYTES = 65_536;
/** Largest payload of `hello`, before anybody is known. */
export const MAX_HELLO_BYTES = 1024;
const HEADER_BYTES = 5;

/**
 * Never renumbered. A type that an end does not know is skipped from 0x80 on, and below that too where the peer speaks a
 * later version; else it ends the connection.
 */
export const FRAME = {
  /** Agent: who it is. JSON. */
  hello: 0x01,
  /** Service: it is let in. JSON. */
  welcome: 0x02,
  /** Service: it is not let in, and why. JSON. */
  refused: 0x03,
  /** Either: the connection ends, and why. JSON. */
  bye: 0x04,
  /** Either: its clock, as u64 microseconds. */
  ping: 0x05,
  /** The clock of the ping, then one's own. */
  pong: 0x06,
  /** Agent: a console, its stream and its condition. JSON. */
  announce: 0x10,
  /** Agent: a console is taken away. u32 console. */
  gone: 0x11,
  /** Agent: what is so of the device now. JSON. */
  condition: 0x12,
  /** Agent: u32 console, then items. */
  items: 0x13,
  /** Service: u32 console, u64 number from which on, u32 credit. The highest number of all: from the first. */
  resume: 0x20,
  /** Service: u32 console, u32 bytes of items payload that may be sent in addition. */
  credit: 0x21,
  /** Service: u64 bytes of items payload that have arrived on this connection, over all consoles. */
  received: 0x22,
  /** Service: u32 console, u64 number before which everything is stored. */
  acknowledge: 0x23,
  /** Service: u32 console that is to be announced anew, so that it is resumed somewhere else. */
  anew: 0x24,
  /** Service: u32 console, u32 id, bytes for the device. */
  write: 0x30,
  /** Service: `{console, id, request}`. JSON. */
  request: 0x31,
  /** Service: u32 console, u32 id of a write or request that nobody waits for any more. */
  cancel: 0x32,
  /** Agent: u32 console, u32 id: the device has taken it. */
  done: 0x33,
  /** Agent: `{console, id, code, message}`. JSON. */
  failed: 0x34,
} as const;

const SKIPPED_WHEN_UNKNOWN = 0x80;
const KNOWN: ReadonlySet<number> = new Set(Object.values(FRAME));

export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

/** The peer does not speak this protocol, or breaks it. The connection is to be ended. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** A frame with room for its payload, which the caller fills in from byte 5 on. */
export function frameOf(type: number, payloadBytes: number): Buffer {
  if (payloadBytes > MAX_PAYLOAD_BYTES) throw new RangeError("a frame's payload is too large");
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  frame.writeUInt32BE(payloadBytes, 0);
  frame[4] = type;
  return frame;
}

export const PAYLOAD_AT = HEADER_BYTES;

export function jsonFrame(type: number, value: object): Buffer {
  const text = Buffer.from(JSON.stringify(value), "utf8");
  const frame = frameOf(type, text.length);
  text.copy(frame, PAYLOAD_AT);
  return frame;
}

/** Sizes and numbers in order: `[4, console], [8, offset]`. */
export function numbersFrame(
  type: number,
  ...fields: readonly (readonly [4 | 8, number])[]
): Buffer {
  const frame = frameOf(
    type,
    fields.reduce((sum, [size]) => sum + size, 0),
  );
  let at = PAYLOAD_AT;
  for (const [size, value] of fields) {
    if (size === 4) frame.writeUInt32BE(value, at);
    else writeU64(frame, value, at);
    at += size;
  }
  return frame;
}

export function writeU64(buffer: Buffer, value: number | undefined, at: number): void {
  if (value === undefined) {
    buffer.fill(0xff, at, at + 8);
    return;
  }
  buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  buffer.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

/** @returns undefined for all ones @throws ProtocolError for a number that cannot be held exactly */
export function readU64(buffer: Buffer, at: number): number | undefined {
  if (at + 8 > buffer.length) throw new ProtocolError("a frame ends too early");
  const high = buffer.readUInt32BE(at);
  const low = buffer.readUInt32BE(at + 4);
  if (high === 0xffff_ffff && low === 0xffff_ffff) return undefined;
  if (high > 0x1f_ffff) throw new ProtocolError("a number is too large");
  return high * 0x1_0000_0000 + low;
}

/** @throws ProtocolError */
export function readNumber(buffer: Buffer, at: number): number {
  const value = readU64(buffer, at);
  if (value === undefined) throw new ProtocolError("a number is missing");
  return value;
}

/** @throws ProtocolError */
export function readU32(buffer: Buffer, at: number): number {
  if (at + 4 > buffer.length) throw new ProtocolError("a frame ends too early");
  return buffer.readUInt32BE(at);
}

/** @throws ProtocolError when the payload is not a JSON object */
export function readJson(payload: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    throw new ProtocolError("a frame holds no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError("a frame holds no JSON object");
  }
  return value as Record<string, unknown>;
}

/**
 * Cuts what arrives into frames, however it was split. Holds at most one frame, of which it makes room only for what its
 * length allows; refuses at the fifth byte what can be no frame.
 */
export class FrameReader {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;
  /** Until somebody is known only `first` may come, and only so long. */
  #expected: { readonly type: number; readonly maxBytes: number } | undefined;
  #peerVersion = LINK_VERSION;
  readonly #skipped = new Set<number>();

  /**
   * @param first the only type that is taken until {@link open}
   * @param onSkipped told of each type that is not known, once
   */
  constructor(
    first?: { readonly type: number; readonly maxBytes: number },
    private readonly onSkipped: (type: number) => void = () => undefined,
  ) {
    this.#expected = first;
  }

  /** From now on every known frame may come. @param peerVersion the highest that the peer speaks */
  open(peerVersion = LINK_VERSION): void {
    this.#expected = undefined;
    this.#peerVersion = peerVersion;
  }

  /** @throws ProtocolError; nothing can be read after that */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerBytes < HEADER_BYTES) {
        const taken = chunk.copy(this.#header, this.#headerBytes, at);
        this.#headerBytes += taken;
        at += taken;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#check();
      }
      const length = this.#header.readUInt32BE(0);
      const left = length - this.#bodyBytes;
      let payload: Buffer;
      if (!this.#body && chunk.length - at >= left) {
        payload = chunk.subarray(at, at + left);
        at += left;
      } else {
        this.#body ??= Buffer.allocUnsafe(length);
        const taken = chunk.copy(this.#body, this.#bodyBytes, at);
        this.#bodyBytes += taken;
        at += taken;
        if (this.#bodyBytes < length) return;
        payload = this.#body;
      }
      const type = this.#header[4] ?? 0;
      this.#headerBytes = 0;
      this.#bodyBytes = 0;
      this.#body = undefined;
      if (KNOWN.has(type)) yield { type, payload };
      else this.#skip(type);
    }
  }

  #skip(type: number): void {
    if (this.#skipped.has(type)) return;
    this.#skipped.add(type);
    this.onSkipped(type);
  }

  #check(): void {
    const length = this.#header.readUInt32BE(0);
    const type = this.#header[4] ?? 0;
    if (this.#expected && type !== this.#expected.type) {
      throw new ProtocolError("not a console link");
    }
    const maxBytes = this.#expected?.maxBytes ?? MAX_PAYLOAD_BYTES;
    if (length > maxBytes) throw new ProtocolError(`a frame of ${length} bytes is too long`);
    const isSkipped = type >= SKIPPED_WHEN_UNKNOWN || this.#peerVersion > LINK_VERSION;
    if (!KNOWN.has(type) && !isSkipped) {
      throw new ProtocolError(`a frame of type ${type} is not known`);
    }
  }
}
